//! Start, readiness, drain and end of the service.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Output;

use tokio::process::Command;
use tollgate_integration::fakes::identity::control::Mode;
use tollgate_integration::postgres::is_root;
use tollgate_integration::stack::{Options, Stack, paths, wait_for};

use crate::support::{hello, hello_stream, send, stack, stack_with, usage_line};

async fn probe(stack: &Stack, path: &str) -> u16 {
    let (status, _) = stack
        .tollgate()
        .admin(path)
        .await
        .expect("the admin endpoint answers");
    status.as_u16()
}

/// What `tollgate health` makes of a running tollgate.
async fn health(stack: &Stack) -> Output {
    let program = paths::binary("tollgate").expect("built before the tests run");
    let url = format!("{}/readyz", stack.tollgate().admin_url());
    let mut command = Command::new(program);
    command.args(["health", "--url", &url]);
    command.output().await.expect("tollgate runs")
}

#[tokio::test]
async fn it_lives_before_it_is_ready_and_is_ready_with_the_first_token() {
    let stack = stack().await;
    assert_eq!(probe(&stack, "/livez").await, 200);
    assert_eq!(probe(&stack, "/readyz").await, 200);
    assert_eq!(probe(&stack, "/other").await, 404);
    let said = health(&stack).await;
    assert_eq!(
        (said.status.code(), &*said.stdout),
        (Some(0), &b"ready\n"[..])
    );
}

#[tokio::test]
async fn without_a_token_it_is_not_ready() {
    let identity = tollgate_integration::fakes::identity::IdentityOptions {
        mode: Mode::Failing { status: 500 },
        ..Default::default()
    };
    let stack = Stack::start(
        Options::default()
            .identity(identity)
            .dont_wait_until_ready(),
    )
    .await;
    wait_for("a failed fetch", async || {
        (stack.identity.fetches() > 0).then_some(())
    })
    .await;
    assert_eq!(probe(&stack, "/livez").await, 200);
    assert_eq!(probe(&stack, "/readyz").await, 503);
    let said = health(&stack).await;
    let reason = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{reason}");
    assert_eq!(reason, "tollgate: not ready: the identity has no token\n");
}

#[tokio::test]
async fn sigterm_lets_live_streams_finish_counts_them_and_ends_in_0() {
    let mut stack = stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "100")
        .header("x-fake-token-delay-ms", "10");
    let mut response = send(request).await;
    response.chunk().await.expect("a piece").expect("a piece");
    stack
        .tollgate_mut()
        .child()
        .signal("TERM")
        .await
        .expect("a signal");
    wait_for("draining", async || {
        (probe(&stack, "/readyz").await == 503).then_some(())
    })
    .await;
    let mut text = String::new();
    while let Some(piece) = response.chunk().await.expect("the stream goes on") {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(
        text.ends_with("data: [DONE]\n\n"),
        "the stream finishes: {text}"
    );
    let ended = stack.tollgate_mut().child().ended().await.expect("it ends");
    assert_eq!(ended.code(), Some(0));
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "reported");
}

#[tokio::test]
async fn a_stream_that_takes_longer_than_the_drain_is_cut_and_charged() {
    let mut stack =
        stack_with(|yaml| yaml.replace("drain_timeout: 5s", "drain_timeout: 300ms")).await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "5000")
        .header("x-fake-token-delay-ms", "20");
    let mut response = send(request).await;
    response.chunk().await.expect("a piece").expect("a piece");
    stack
        .tollgate_mut()
        .child()
        .signal("TERM")
        .await
        .expect("a signal");
    let ended = stack.tollgate_mut().child().ended().await.expect("it ends");
    assert_eq!(ended.code(), Some(0));
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "incomplete");
    assert!(
        usage["output_tokens"].as_u64().expect("a number") > 0,
        "{usage}"
    );
    let mut is_whole = true;
    loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    assert!(!is_whole, "the client sees that the stream was cut");
}

#[tokio::test]
async fn a_socket_of_a_process_that_has_gone_is_taken_over() {
    let mut stack = stack().await;
    stack
        .restart_tollgate()
        .await
        .expect("killed, and started on the same socket");
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    let socket = stack.socket();
    let mode = std::fs::metadata(socket)
        .expect("the socket")
        .permissions()
        .mode();
    assert_eq!(
        mode & 0o777,
        0o660,
        "only Envoy's user and group may ask for the identity"
    );
}

/// Envoy is another user, and gets in by a group. Only root may give a folder to any group.
#[tokio::test]
async fn the_socket_has_the_group_of_its_folder() {
    const ENVOYS: u32 = 65_533;
    let mut stack = stack().await;
    if !is_root() {
        return;
    }
    let socket = stack.socket();
    let folder = socket.parent().expect("a folder of its own");
    std::os::unix::fs::chown(folder, None, Some(ENVOYS)).expect("root may");
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o2750)).expect("set");
    stack.restart_tollgate().await.expect("it starts again");
    let found = std::fs::metadata(&socket).expect("the socket");
    assert_eq!(found.gid(), ENVOYS);
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
}

#[tokio::test]
async fn grpc_health_follows_readiness() {
    let mut stack = stack().await;
    let socket = stack.socket();
    let serving = |name: &'static str| {
        let socket = socket.clone();
        async move { crate::health::check(&socket, name).await }
    };
    for name in [
        "",
        "envoy.service.auth.v3.Authorization",
        "envoy.service.ext_proc.v3.ExternalProcessor",
    ] {
        wait_for("SERVING", async || {
            (serving(name).await == Some(1)).then_some(())
        })
        .await;
    }
    stack.identity.set_mode(Mode::Ok);
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "200")
        .header("x-fake-token-delay-ms", "20");
    let mut response = send(request).await;
    response.chunk().await.expect("a piece");
    stack
        .tollgate_mut()
        .child()
        .signal("TERM")
        .await
        .expect("a signal");
    wait_for("not SERVING", async || {
        (serving("").await != Some(1)).then_some(())
    })
    .await;
}
