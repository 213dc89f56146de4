//! A changed configuration is taken into use while requests run, or refused whole.

use std::path::Path;

use jsonwebtoken::Algorithm;
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode, Signer};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::support::{hello, hello_stream, metric, refused, send, stack};

const CURRENT: &str = "tollgate_config_is_current";

pub(crate) fn edit(stack: &Stack, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(stack.config_path()).expect("the configuration");
    std::fs::write(stack.config_path(), change(text)).expect("written");
}

pub(crate) async fn reloaded(stack: &Stack, outcome: &str, times: f64) {
    let label = format!("outcome=\"{outcome}\"");
    wait_for("the change to be noticed", async || {
        let seen = metric(stack, "tollgate_config_reloads_total", &[&label]).await;
        (seen >= times).then_some(())
    })
    .await;
}

fn chat_with(stack: &Stack, key: &TestKey) -> reqwest::RequestBuilder {
    let url = stack.callers.url(CHAT_PATH);
    let request = stack.callers.http2().post(url).json(&hello());
    request.header("api-key", key.text())
}

#[tokio::test]
async fn a_new_key_works_and_the_old_one_does_not_while_a_stream_goes_on() {
    let stack = stack().await;
    let slow = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "200")
        .header("x-fake-token-delay-ms", "10");
    let mut stream = send(slow).await;
    stream.chunk().await.expect("a piece").expect("a piece");
    let next = TestKey::numbered(2);
    let (old, new) = (stack.key.sha256(), next.sha256());
    edit(&stack, |text| text.replace(&old, &new));
    reloaded(&stack, "success", 1.0).await;
    assert_eq!(send(chat_with(&stack, &next)).await.status(), 200);
    let (status, code) = refused(stack.chat(&hello())).await;
    assert_eq!((status, code.as_str()), (401, "invalid_api_key"));
    let mut text = String::new();
    while let Some(piece) = stream.chunk().await.expect("the stream goes on") {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "cut: {text}");
}

#[tokio::test]
async fn a_bad_file_is_refused_whole_and_said_and_the_next_good_one_is_taken() {
    let stack = stack().await;
    let good = std::fs::read_to_string(stack.config_path()).expect("the configuration");
    let next = TestKey::numbered(2).sha256();
    // A good new key beside an unknown product: neither is taken.
    let bad = good
        .replace(&stack.key.sha256(), &next)
        .replace("products: [standard]", "products: [standart]");
    edit(&stack, |_| bad);
    reloaded(&stack, "failure", 1.0).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    assert!(
        metric(&stack, CURRENT, &[]).await < 0.5,
        "the file is not in force"
    );
    let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 200, "the old configuration serves");
    assert!(text.contains("the file is rejected"), "{text}");
    let said = stack.tollgate().log().all().concat();
    assert!(
        said.contains("tollgate.yaml:7:16: there is no product `standart`"),
        "{said}"
    );
    edit(&stack, |_| good);
    reloaded(&stack, "success", 1.0).await;
    assert!(
        metric(&stack, CURRENT, &[]).await > 0.5,
        "the file is in force"
    );
    let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(text, "ready\n");
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_refused_with_the_reason() {
    let stack = stack().await;
    edit(&stack, |text| text.replace("127.0.0.1:0", "127.0.0.1:1"));
    reloaded(&stack, "failure", 1.0).await;
    let said = stack.tollgate().log().all().concat();
    assert!(
        said.contains("`listen` can't change while the service runs"),
        "{said}"
    );
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}

#[tokio::test]
async fn a_file_that_the_configuration_names_may_come_later() {
    let stack = stack().await;
    let late = stack.directory().join("late.json");
    edit(&stack, |text| {
        let issuer = "  - { name: late, issuer: https://late.example, audiences: [a], jwks_file: late.json }\n";
        format!("{text}issuers:\n{issuer}")
    });
    reloaded(&stack, "failure", 1.0).await;
    std::fs::write(late, r#"{"keys":[]}"#).expect("written");
    reloaded(&stack, "success", 1.0).await;
}

#[tokio::test]
async fn sighup_reads_the_file_again() {
    let mut stack = stack().await;
    let hangup = stack.tollgate_mut().child().signal("HUP");
    hangup.await.expect("a signal");
    reloaded(&stack, "success", 1.0).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}

#[tokio::test]
async fn an_issuers_keys_serve_on_over_a_change_while_the_issuer_is_down() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let entry = format!(
        "issuers:\n  - {{ name: okta, issuer: \"{}\", audiences: [\"api://tollgate\"], allow_http: true, allow_addresses: [127.0.0.0/8], default_client: {{ client: mobile-app }} }}\n",
        issuer.url()
    );
    let stack = Stack::start(Options::default().edit_config(move |text| text + &entry)).await;
    let token = signer.sign(&issuer.claims());
    let ask = async || {
        let url = stack.callers.url(CHAT_PATH);
        let request = stack.callers.http2().post(url).json(&hello());
        send(request.bearer_auth(&token)).await.status().as_u16()
    };
    wait_for("the keys", async || (ask().await == 200).then_some(())).await;
    issuer.set_mode(IssuerMode::Down);
    edit(&stack, |text| {
        text.replace("drain_timeout: 5s", "drain_timeout: 6s")
    });
    reloaded(&stack, "success", 1.0).await;
    assert_eq!(ask().await, 200, "the keys were fetched before the change");
    // Another client for the same token: no verdict of before the change is remembered.
    edit(&stack, |text| {
        text.replace("audiences: [\"api://tollgate\"]", "audiences: [other]")
    });
    reloaded(&stack, "success", 2.0).await;
    assert_eq!(ask().await, 401, "the audience is another one now");
}

#[tokio::test]
async fn a_configmaps_swap_is_noticed() {
    let stack = stack().await;
    let path = stack.config_path().to_owned();
    let directory = path.parent().expect("a directory");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let link = |to: &str, at: &Path| std::os::unix::fs::symlink(to, at).expect("linked");
    std::fs::create_dir(directory.join("..1")).expect("made");
    let next = TestKey::numbered(2);
    let text = text.replace(&stack.key.sha256(), &next.sha256());
    std::fs::write(directory.join("..1/tollgate.yaml"), text).expect("written");
    link("..1", &directory.join("..data"));
    link("..data/tollgate.yaml", &directory.join("..new"));
    std::fs::rename(directory.join("..new"), &path).expect("renamed");
    reloaded(&stack, "success", 1.0).await;
    assert_eq!(send(chat_with(&stack, &next)).await.status(), 200);
}
