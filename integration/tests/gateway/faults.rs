//! Everything fails closed: no decision, no identity.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tollgate_integration::stack::wait::DEADLINE;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, hello_stream, refused, send, stack,
};

const EXT_PROC: &str = "envoy.filters.http.ext_proc";
const EXT_AUTHZ: &str = "envoy.filters.http.ext_authz";

#[tokio::test]
async fn without_tollgate_the_answer_is_503_and_the_backend_sees_nothing() {
    let stack = Stack::start(Options::default().without_tollgate()).await;
    assert_eq!(
        refused(stack.chat(&hello())).await,
        (503, "gateway_unavailable".to_owned())
    );
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn an_answer_that_is_no_protobuf_is_no_permission() {
    let stack = Stack::start(Options::default().without_tollgate()).await;
    let serving = crate::garbage::serve(&stack.socket());
    assert_eq!(refused(stack.chat(&hello())).await.0, 503);
    assert_backend_untouched(&stack);
    serving.abort();
}

#[tokio::test]
async fn a_tollgate_that_is_stopped_in_its_tracks_is_a_503() {
    let mut stack = stack().await;
    stack
        .tollgate_mut()
        .child()
        .signal("STOP")
        .await
        .expect("a signal");
    assert_eq!(refused(stack.chat(&hello())).await.0, 503);
    stack
        .tollgate_mut()
        .child()
        .signal("CONT")
        .await
        .expect("a signal");
    assert_backend_untouched(&stack);
    wait_for("its return", async || {
        (send(stack.chat(&hello())).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tollgate_that_is_killed_in_a_stream_fails_the_stream_visibly() {
    let mut stack = stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "2000")
        .header("x-fake-token-delay-ms", "5");
    let mut response = send(request).await;
    assert_eq!(response.status(), 200);
    response.chunk().await.expect("a piece").expect("a piece");
    stack.tollgate_mut().child().kill().await.expect("killed");
    let mut text = String::new();
    let ended = loop {
        match response.chunk().await {
            Ok(Some(piece)) => text.push_str(&String::from_utf8_lossy(&piece)),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(
        !ended || !text.contains("[DONE]"),
        "a stream that was not counted must not look complete"
    );
    assert_eq!(refused(stack.chat(&hello())).await.0, 503);
    stack.restart_tollgate().await.expect("it starts again");
    wait_for("its return", async || {
        (send(stack.chat(&hello())).await.status() == 200).then_some(())
    })
    .await;
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_missing_cluster_of_ext_proc_lets_no_credential_and_no_identity_out() {
    let stack = Stack::start(Options::default().edit_envoy(|config| {
        config.http_filter(EXT_PROC)["grpc_service"]["envoy_grpc"]["cluster_name"] =
            "missing".into();
    }))
    .await;
    let response = send(stack.chat(&hello())).await;
    assert_ne!(
        response.status(),
        200,
        "Envoy lets it pass, but without any identity"
    );
    for request in stack.azure.requests() {
        assert_eq!(request.header("authorization"), None);
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn ext_proc_without_ext_authz_refuses() {
    let stack = Stack::start(Options::default().edit_envoy(|config| {
        config.remove_http_filter("envoy.filters.http.ext_authz");
    }))
    .await;
    assert_eq!(
        refused(stack.chat(&hello())).await,
        (503, "gateway_misconfigured".to_owned())
    );
    assert!(
        stack.azure.requests().is_empty(),
        "no identity without a decision"
    );
}

#[tokio::test]
async fn a_body_that_envoy_streams_instead_of_buffering_is_refused() {
    let stack = Stack::start(Options::default().edit_envoy(|config| {
        let ext_proc = config.http_filter(EXT_PROC);
        ext_proc["processing_mode"]["request_body_mode"] = "STREAMED".into();
        ext_proc["allow_mode_override"] = false.into();
        ext_proc["processing_mode"]["response_header_mode"] = "SEND".into();
    }))
    .await;
    let request = format!(
        "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\napi-key: {}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{{\"model\":\"gpt-4o\",",
        stack.key.text(),
    );
    let mut connection = stack.callers.connect().await.expect("a connection");
    connection
        .write_all(request.as_bytes())
        .await
        .expect("sent");
    // The rest never comes: the first part alone must be refused.
    let mut answer = [0; 16];
    let read = timeout(DEADLINE, connection.read_exact(&mut answer)).await;
    read.expect("an answer to the first part")
        .expect("an answer");
    assert_eq!(
        &answer, b"HTTP/1.1 503 Ser",
        "a part of a body says nothing"
    );
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn requests_that_time_out_while_tollgate_is_stopped_end_no_stream_of_others() {
    let mut stack = stack().await;
    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "600")
        .header("x-fake-token-delay-ms", "5");
    let mut live = send(request).await;
    live.chunk().await.expect("a piece").expect("a piece");
    stack
        .tollgate_mut()
        .child()
        .signal("STOP")
        .await
        .expect("a signal");
    let requests = (0..100).map(|_| tokio::spawn(send(stack.chat(&hello()))));
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(
            request.await.expect("it ran").status(),
            503,
            "Envoy gave up on it"
        );
    }
    stack
        .tollgate_mut()
        .child()
        .signal("CONT")
        .await
        .expect("a signal");
    let mut text = String::new();
    while let Some(piece) = live.chunk().await.expect("the live stream goes on") {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "it ends as it should");
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}

/// Envoy's default allows 1024 requests at once to a cluster. How long a decision may take is not what is
/// tried here, and a busy machine takes longer.
#[tokio::test]
async fn more_streams_at_once_than_envoys_default_allows_are_served() {
    let options = Options::default().edit_envoy(|config| {
        config.http_filter(EXT_PROC)["message_timeout"] = "60s".into();
        config.http_filter(EXT_AUTHZ)["grpc_service"]["timeout"] = "60s".into();
    });
    let many = "    products: [standard]\n    limits: { concurrent_requests: 2000 }\n";
    let options =
        options.edit_config(move |yaml| yaml.replacen("    products: [standard]\n", many, 1));
    let stack = Stack::start(options).await;
    let streams = (0..1100).map(|_| {
        let request = stack
            .chat(&hello_stream())
            .header("x-fake-output-tokens", "3");
        let request = request.header("x-fake-first-byte-delay-ms", "3000");
        tokio::spawn(async move {
            let response = send(request).await;
            let status = response.status().as_u16();
            let whole = response
                .text()
                .await
                .is_ok_and(|text| text.ends_with("data: [DONE]\n\n"));
            (status, whole)
        })
    });
    for stream in streams.collect::<Vec<_>>() {
        assert_eq!(stream.await.expect("it ran"), (200, true));
    }
}
