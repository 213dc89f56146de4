//! Limits that are counted in Redis, through the real Envoy.

use tollgate_integration::redis::Redis;
use tollgate_integration::stack::{Stack, wait_for};

use crate::control::{Control, with_sqlite};
use crate::support::{hello, metric, send};

/// With a limit of one client, counted in this server.
async fn stack(server: &Redis, when_unavailable: &str) -> Stack {
    let url = server.url();
    stack_by(format!(
        "url: \"{url}\", replicas: 2, when_unavailable: {when_unavailable}"
    ))
    .await
}

/// The same, counted where these members of `redis` say.
async fn stack_by(members: String) -> Stack {
    let limits = format!("limits: {{ redis: {{ {members} }} }}\n");
    let options = with_sqlite().edit_config(move |yaml| {
        let client = "    products: [standard]\n    limits: { requests_per_minute: 6 }\n";
        let yaml = yaml.replacen("    products: [standard]\n", client, 1);
        format!("{yaml}{limits}")
    });
    Stack::start(options).await
}

async fn until(stack: &Stack, words: &str, is_said: bool) {
    wait_for("/readyz", async || {
        let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
        assert_eq!(status, 200, "requests still come");
        (text.contains(words) == is_said).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_gateways_count_together_and_each_has_its_share_while_redis_is_away() {
    let server = Redis::start().expect("a Redis");
    let (one, other) = (
        stack(&server, "local_share").await,
        stack(&server, "local_share").await,
    );
    for gateway in [&one, &other, &one, &other] {
        assert_eq!(send(gateway.chat(&hello())).await.status(), 200);
    }
    server.kill();
    // Its share is three in a minute.
    until(&one, "part of each limit", true).await;
    assert_eq!(send(one.chat(&hello())).await.status(), 200);
    assert_eq!(send(one.chat(&hello())).await.status(), 429);
    assert!(metric(&one, "tollgate_limit_store_up", &[]).await < 1.0);
    let remark = "the servers of shared limits have not answered since 20";
    let said = limits(&one).await;
    assert!(
        said.starts_with(remark) && said.contains("its part of each limit\n"),
        "{said}"
    );
    server.up().expect("it starts");
    until(&one, "part of each limit", false).await;
    until(&other, "part of each limit", false).await;
    assert_eq!(send(other.chat(&hello())).await.status(), 200);
    assert_eq!(send(other.chat(&hello())).await.status(), 429, "six in all");
    assert!(metric(&one, "tollgate_limit_store_up", &[]).await > 0.0);
    assert!(!limits(&one).await.contains("have not answered"));
}

/// What `tollgate limits` says.
async fn limits(stack: &Stack) -> String {
    let output = Control::of(stack).tollgate(&["limits"]).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn requests_with_limits_are_refused_where_that_is_the_rule() {
    let server = Redis::start().expect("a Redis");
    server.kill();
    let stack = stack(&server, "refuse").await;
    until(&stack, "requests with limits are refused", true).await;
    let answer = send(stack.chat(&hello())).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers().get("retry-after").expect("a time"), &"1");
    let body: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "limits_unavailable");
    server.up().expect("it starts");
    until(&stack, "requests with limits are refused", false).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}

#[tokio::test]
async fn the_identitys_token_is_the_password_of_its_user() {
    const PRINCIPAL: &str = "0f1e2d3c-aaaa-bbbb-cccc-0123456789ab";
    // Any password of this user is good, as a token is at Azure; of the other one no token is.
    for (password, is_taken) in [("nopass", true), (">another", false)] {
        let directory = tempfile::tempdir().expect("a directory");
        let rules = ["on", password, "~*", "+@all"];
        let server = Redis::with_tls(directory.path(), PRINCIPAL, &rules).expect("a Redis");
        let authority = directory.path().join(Redis::AUTHORITY);
        let stack = stack_by(format!(
            "url: \"{}\", ca_file: \"{}\", username: {PRINCIPAL}, identity: {{ managed_identity: {{}} }}, replicas: 2",
            server.tls_url(),
            authority.display()
        ))
        .await;
        if is_taken {
            until(&stack, "part of each limit", false).await;
            wait_for("the servers", async || {
                (metric(&stack, "tollgate_limit_store_up", &[]).await > 0.0).then_some(())
            })
            .await;
            assert_eq!(
                stack.identity.fetches(),
                2,
                "for the backends, and for Redis"
            );
        } else {
            let log = stack.tollgate().log();
            log.wait_for_json("the refusal", |line| {
                line.to_string().contains("Password authentication failed")
            })
            .await;
            until(&stack, "part of each limit", true).await;
        }
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
        let log = stack.tollgate().log().all().join("\n");
        assert!(!log.contains("eyJ"), "a token is in the log");
    }
}
