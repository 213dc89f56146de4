//! Files and batches, each its client's own; responses that are made in the background.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate_integration::stack::{Stack, TestKey};

use crate::support::{
    assert_backend_untouched, assert_no_violations, call, everything, form, refused, send,
    send_json, stack_with, with_client, with_form,
};

pub(crate) const LINE: &str = r#"{"custom_id":"1","method":"POST","url":"/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}}"#;

/// A stack with `mobile-app` and `other-app`, and the key of the other.
async fn two_clients() -> (Stack, TestKey) {
    let other = TestKey::numbered(2);
    let sha256 = other.sha256();
    let stack =
        stack_with(move |yaml| with_client(&everything(&yaml), "other-app", &sha256, "standard"))
            .await;
    (stack, other)
}

pub(crate) fn upload(stack: &Stack, key: &str, purpose: &str, lines: &str) -> RequestBuilder {
    let body = form(&[("purpose", purpose)], Some(("file", lines.as_bytes())));
    with_form(call(stack, key, "POST", "/openai/v1/files"), body)
}

pub(crate) fn batch(stack: &Stack, key: &str, file: &str) -> RequestBuilder {
    let body =
        json!({"input_file_id": file, "endpoint": "/chat/completions", "completion_window": "24h"});
    call(stack, key, "POST", "/openai/v1/batches").json(&body)
}

pub(crate) async fn made(request: RequestBuilder) -> Value {
    let (status, object) = send_json(request).await;
    assert_eq!(status, 200, "{object}");
    object
}

pub(crate) fn id(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn files_and_batches_are_found_by_their_client_only() {
    let (stack, other) = two_clients().await;
    let (mine, theirs) = (stack.key.text().to_owned(), other.text().to_owned());
    let file = id(&made(upload(&stack, &mine, "batch", LINE)).await, "id");
    let made_batch = made(batch(&stack, &mine, &file)).await;
    let batch_id = id(&made_batch, "id");
    let before = stack.azure.requests().len();
    for (method, path) in [
        ("GET", format!("files/{file}")),
        ("GET", format!("files/{file}/content")),
        ("DELETE", format!("files/{file}")),
        ("GET", format!("batches/{batch_id}")),
        ("POST", format!("batches/{batch_id}/cancel")),
        ("GET", "files/file-guessed".to_owned()),
        ("GET", "batches/batch_guessed".to_owned()),
    ] {
        let request = call(&stack, &theirs, method, &format!("/openai/v1/{path}"));
        assert_eq!(refused(request).await.0, 404, "{method} {path}");
    }
    assert_eq!(refused(batch(&stack, &theirs, &file)).await.0, 404);
    for name in ["files", "batches", "responses"] {
        let list = call(&stack, &theirs, "GET", &format!("/openai/v1/{name}"));
        assert_eq!(refused(list).await.0, 405, "{name} would list everybody's");
    }
    assert_eq!(
        stack.azure.requests().len(),
        before,
        "none reached the backend"
    );

    let done = made(call(
        &stack,
        &mine,
        "GET",
        &format!("/openai/v1/batches/{batch_id}"),
    ))
    .await;
    let output = id(&done, "output_file_id");
    let content = format!("/openai/v1/files/{output}/content");
    assert_eq!(refused(call(&stack, &theirs, "GET", &content)).await.0, 404);
    let text = send(call(&stack, &mine, "GET", &content)).await;
    assert_eq!(text.status(), 200, "a batch's output is its client's");
    made(call(
        &stack,
        &mine,
        "POST",
        &format!("/openai/v1/batches/{batch_id}/cancel"),
    ))
    .await;
    made(call(
        &stack,
        &mine,
        "DELETE",
        &format!("/openai/v1/files/{file}"),
    ))
    .await;
    assert_no_violations(&stack);

    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("the records", 14)
        .await;
    let of = |operation: &str| {
        let found = lines
            .iter()
            .find(|it| it["event"] == "usage" && it["operation"] == operation);
        found
            .unwrap_or_else(|| panic!("no record of {operation}"))
            .clone()
    };
    assert_eq!(of("files")["source_reason"], "not_reported_by_operation");
    assert_eq!(of("batches")["source_reason"], "background");
    assert_eq!(
        of("batches")["deployment"],
        "gpt-4o",
        "what its lines ask for"
    );
}

#[tokio::test]
async fn a_batch_asks_for_nothing_that_its_client_may_not_use() {
    let (stack, _) = two_clients().await;
    let key = stack.key.text();
    let forbidden = LINE.replace("gpt-4o", "gpt-4o-mini");
    for (lines, status) in [
        (forbidden.clone(), 403),
        (format!("{LINE}\n{forbidden}"), 400),
        (format!("{LINE}\r{forbidden}"), 400),
        (
            LINE.replace("\"messages\"", "\"model\":\"gpt-4o-mini\",\"messages\""),
            400,
        ),
        (LINE.replace("/chat/completions", "/v1/realtime"), 400),
        (
            LINE.replace(
                "\"messages\"",
                "\"previous_response_id\":\"resp_1\",\"messages\"",
            ),
            404,
        ),
        (
            LINE.replace("\"Hi\"", r#"[{"type":"file","file":{"file_id":"file-1"}}]"#),
            404,
        ),
        ("not json".to_owned(), 400),
        (String::new(), 400),
    ] {
        let request = upload(&stack, key, "batch", &lines);
        assert_eq!(refused(request).await.0, status, "{lines}");
    }
    for purpose in ["assistants", "fine-tune", "user_data", "Batch"] {
        assert_eq!(
            refused(upload(&stack, key, purpose, LINE)).await.0,
            400,
            "{purpose}"
        );
    }
    let blob =
        json!({"input_blob": "https://x.blob.core.windows.net/a", "endpoint": "/chat/completions"});
    let request = call(&stack, key, "POST", "/openai/v1/batches").json(&blob);
    assert_eq!(refused(request).await.0, 400);
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_request_refers_to_its_clients_own_files_only() {
    let (stack, other) = two_clients().await;
    let mine = id(
        &made(upload(&stack, stack.key.text(), "batch", LINE)).await,
        "id",
    );
    let ask = |key: &str, file: &str| {
        let content = json!([{"type": "input_file", "file_id": file}]);
        let body = json!({"model": "gpt-4o", "input": [{"role": "user", "content": content}]});
        call(&stack, key, "POST", "/openai/v1/responses").json(&body)
    };
    let got = refused(ask(other.text(), &mine)).await;
    assert_eq!(got, (404, "not_found".to_owned()));
    assert_eq!(refused(ask(stack.key.text(), "file-guessed")).await.0, 404);
    made(ask(stack.key.text(), &mine)).await;
    for (tool, status, code) in [
        (
            json!({"type": "file_search", "vector_store_ids": ["vs_1"]}),
            403,
            "tool_not_allowed",
        ),
        (
            json!({"type": "code_interpreter", "container": "cntr_1"}),
            404,
            "not_found",
        ),
    ] {
        let body = json!({"model": "gpt-4o", "input": "Hi", "tools": [tool]});
        let got = refused(stack.post("/openai/v1/responses", &body)).await;
        assert_eq!(got, (status, code.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn a_background_response_is_counted_once_when_a_retrieval_shows_its_usage() {
    let (stack, _) = two_clients().await;
    let body = json!({"model": "gpt-4o", "input": "Think about it", "background": true});
    let queued = made(stack.post("/openai/v1/responses", &body)).await;
    assert_eq!(queued["status"], "queued");
    let path = format!("/openai/v1/responses/{}", id(&queued, "id"));
    let mut shown = Value::Null;
    for _ in 0..3 {
        shown = made(call(&stack, stack.key.text(), "GET", &path)).await;
    }
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("four records", 4)
        .await;
    assert_eq!(lines[0]["source_reason"], "background", "{}", lines[0]);
    assert_eq!(lines[0]["total_tokens"], 0);
    let counted: Vec<_> = lines
        .iter()
        .filter(|it| it["source"] == "reported")
        .collect();
    assert_eq!(counted.len(), 1, "counted once: {lines:?}");
    assert_eq!(
        counted[0]["request_id"], lines[1]["request_id"],
        "by the first retrieval"
    );
    assert_eq!(counted[0]["input_tokens"], shown["usage"]["input_tokens"]);
    assert_eq!(counted[0]["output_tokens"], shown["usage"]["output_tokens"]);
    assert_eq!(counted[0]["deployment"], "gpt-4o");
    assert_eq!(counted[0]["product"], "standard");
    assert_eq!(counted[0]["finish_reason"], "stop");
    for again in &lines[2..] {
        assert_eq!(again["source_reason"], "stored", "{again}");
    }
}
