//! What a body asks for besides the model: refused by its name, and allowed where a product says so.

use serde_json::{Value, json};
use tollgate_integration::stack::Stack;

use crate::support::{
    assert_backend_untouched, assert_no_violations, call, everything, form, refused, send, stack,
    stack_with, with_form, with_product_line,
};

const RESPONSES: &str = "/openai/v1/responses";
const CHAT: &str = "/openai/v1/chat/completions";
const SERVER: &str = "https://mcp.example.com/sse";

/// A body of the responses API with one tool.
fn with_tool(tool: Value) -> Value {
    json!({"model": "gpt-4o", "input": "Hi", "tools": [tool]})
}

/// A chat that is answered from data.
fn with_data(index: &str, deployment: &str) -> Value {
    let dependency = json!({"type": "deployment_name", "deployment_name": deployment});
    let parameters = json!({
        "endpoint": "https://search.example.net",
        "index_name": index,
        "authentication": {"type": "system_assigned_managed_identity"},
        "embedding_dependency": dependency,
    });
    let source = json!({"type": "azure_search", "parameters": parameters});
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "data_sources": [source]})
}

/// Everything that a product can allow, with the path that it goes to and the reason without it.
fn asked() -> Vec<(&'static str, Value, &'static str)> {
    let tool = |tool: Value| (RESPONSES, with_tool(tool), "tool_not_allowed");
    vec![
        tool(json!({"type": "web_search"})),
        tool(json!({"type": "web_search_preview"})),
        tool(json!({"type": "code_interpreter", "container": {"type": "auto"}})),
        tool(json!({"type": "image_generation"})),
        tool(json!({"type": "computer_use_preview", "environment": "browser"})),
        tool(json!({"type": "mcp", "server_label": "x", "server_url": SERVER})),
        tool(json!({"type": "file_search", "vector_store_ids": ["vs_1"]})),
        (
            CHAT,
            with_data("docs", "text-embedding-3-large"),
            "data_source_not_allowed",
        ),
        (
            RESPONSES,
            json!({"model": "gpt-4o", "input": "Hi", "background": true}),
            "background_not_allowed",
        ),
    ]
}

async fn open_stack() -> Stack {
    stack_with(|yaml| {
        let lines = [
            format!("tools: [web_search, code_interpreter, image_generation, computer_use, {{ mcp: [\"{SERVER}\"] }}, {{ file_search: [vs_1] }}]"),
            "data_sources: [ { endpoint: \"https://search.example.net\", index: docs, embedding_deployment: text-embedding-3-large } ]".to_owned(),
            "background: true".to_owned(),
        ];
        lines.iter().fold(yaml, |yaml, line| with_product_line(&yaml, line))
    })
    .await
}

#[tokio::test]
async fn what_no_product_allows_is_refused_by_its_name() {
    let stack = stack().await;
    for (path, body, reason) in asked() {
        let got = refused(stack.post(path, &body)).await;
        assert_eq!(got, (403, reason.to_owned()), "{body}");
        let audit = stack.tollgate().audit();
        let line = audit
            .wait_for_json(reason, |line| line["reason"] == reason)
            .await;
        assert_eq!(line["product"], "standard", "{line}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn what_a_product_allows_goes_out_as_it_came() {
    let stack = open_stack().await;
    let mut sent = Vec::new();
    for (path, body, _) in asked() {
        let answer = send(stack.post(path, &body)).await;
        assert_eq!(answer.status(), 200, "{body}");
        answer.bytes().await.expect("the whole answer");
        sent.push(body);
    }
    let seen: Vec<Value> = stack
        .azure
        .requests()
        .iter()
        .map(|it| serde_json::from_slice(&it.body).expect("JSON"))
        .collect();
    assert_eq!(seen, sent);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn another_address_index_store_or_deployment_is_not_what_is_allowed() {
    let stack = open_stack().await;
    for (path, body) in [
        (
            RESPONSES,
            with_tool(json!({"type": "mcp", "server_url": "https://evil.example/sse"})),
        ),
        (
            RESPONSES,
            with_tool(json!({"type": "mcp", "server_url": format!("{SERVER}?x")})),
        ),
        (
            RESPONSES,
            with_tool(json!({"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]})),
        ),
        (
            RESPONSES,
            with_tool(json!({"type": "image_generation", "model": "gpt-4o-mini"})),
        ),
        (
            RESPONSES,
            with_tool(json!({"type": "azure_ai_search", "azure_ai_search": {}})),
        ),
        (RESPONSES, with_tool(json!({"type": "bing_grounding"}))),
        (CHAT, with_data("salaries", "text-embedding-3-large")),
        (CHAT, with_data("docs", "gpt-4o-mini")),
    ] {
        assert_eq!(refused(stack.post(path, &body)).await.0, 403, "{body}");
    }
    for (path, body) in [
        (
            RESPONSES,
            json!({"model": "gpt-4o", "prompt": {"id": "pmpt_1"}}),
        ),
        (
            RESPONSES,
            json!({"model": "gpt-4o", "input": "Hi", "agent": {"name": "x"}}),
        ),
        (
            CHAT,
            json!({"model": "gpt-4o", "messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}),
        ),
        (
            CHAT,
            json!({"model": "gpt-4o", "messages": [], "thread_id": "thread_1"}),
        ),
    ] {
        let got = refused(stack.post(path, &body)).await;
        assert_eq!(got, (400, "unsupported_parameter".to_owned()), "{body}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn the_tools_of_the_callers_own_need_no_permission() {
    let stack = stack().await;
    for (path, body) in [
        (
            RESPONSES,
            with_tool(
                json!({"type": "function", "name": "f", "parameters": {"type": "object", "examples": [{"file_id": "x"}]}}),
            ),
        ),
        (
            CHAT,
            json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function", "function": {"name": "f"}}]}),
        ),
    ] {
        assert_eq!(send(stack.post(path, &body)).await.status(), 200, "{body}");
    }
}

#[tokio::test]
async fn a_line_of_a_batch_asks_for_no_more_than_a_request() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let line = |tools: Value| {
        let body = json!({"model": "gpt-4o", "input": "Hi", "tools": tools});
        json!({"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": body})
            .to_string()
    };
    let own = line(json!([{"type": "function", "name": "f"}]));
    let hosted = line(json!([{"type": "web_search"}]));
    for (file, status) in [
        (format!("{own}\n{own}"), 200),
        (format!("{own}\n{hosted}"), 403),
        (hosted, 403),
    ] {
        let request = call(&stack, stack.key.text(), "POST", "/openai/v1/files");
        let request = with_form(
            request,
            form(&[("purpose", "batch")], Some(("file", file.as_bytes()))),
        );
        assert_eq!(send(request).await.status(), status, "{file}");
    }
    assert_no_violations(&stack);
}
