//! What the configuration lets one client do: name its users, ask for so many tokens, use a version.

use jsonwebtoken::Algorithm;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, wait_for};

use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, hello_stream, metric, refused, send,
    send_json, stack, stack_with, usage_line, with_client_line,
};
use crate::token_support::{changed, entry, with_issuers};

const V1_CHAT: &str = "/openai/v1/chat/completions";
const COMPLETIONS: &str =
    "/openai/deployments/gpt-35-turbo-instruct/completions?api-version=2024-10-21";
const RESPONSES: &str = "/openai/v1/responses";

/// A stack whose client `mobile-app` has this line too.
async fn stack_of(line: &'static str) -> Stack {
    let instruct = "deployments: [gpt-35-turbo-instruct, ";
    stack_with(move |yaml| with_client_line(&yaml, line).replace("deployments: [", instruct)).await
}

/// Asserts that a request is refused, and counted by its reason.
async fn assert_refused(stack: &Stack, request: RequestBuilder, expected: (u16, &str), why: &str) {
    let label = format!("reason=\"{why}\"");
    let before = metric(stack, "tollgate_decisions_total", &[&label]).await;
    let (status, code) = refused(request).await;
    assert_eq!((status, code.as_str()), expected, "{why}");
    let after = metric(stack, "tollgate_decisions_total", &[&label]).await;
    assert_eq!(after, before + 1.0, "counted as {why}");
}

/// The body of the last request that the backend saw.
fn last_body(stack: &Stack) -> Value {
    let requests = stack.azure.requests();
    let last = requests.last().expect("a request at the backend");
    serde_json::from_slice(&last.body).expect("JSON")
}

/// Asserts that the usage records so far are of these end users.
async fn assert_users(stack: &Stack, users: &[Option<&str>]) {
    let usage = |line: &Value| line["event"] == "usage";
    let lines = wait_for("the usage records", async || {
        let mut lines = stack.tollgate().audit().json();
        lines.retain(usage);
        (lines.len() >= users.len()).then_some(lines)
    })
    .await;
    let found: Vec<_> = lines.iter().map(|line| line["user"].as_str()).collect();
    assert_eq!(found, users);
}

/// Sends a body and gives what the backend saw of it.
async fn sent(stack: &Stack, path: &str, body: &Value) -> Value {
    let response = send(stack.post(path, body)).await;
    assert_eq!(response.status(), 200, "{path} {body}");
    // A stream is read to its end, so that it is settled.
    response.bytes().await.expect("a whole answer");
    last_body(stack)
}

#[tokio::test]
async fn a_trusted_client_names_its_user_in_a_header_that_the_backend_does_not_see() {
    let stack = stack_of("user_from: { header: X-End-User }").await;
    let named = |value: &str| stack.chat(&hello()).header("x-end-user", value);
    let longest = "a".repeat(256);
    for request in [
        named("anna@acme.com"),
        stack.chat(&hello()),
        named(&longest),
    ] {
        assert_eq!(send(request).await.status(), 200);
    }
    assert_users(&stack, &[Some("anna@acme.com"), None, Some(&longest)]).await;
    for seen in stack.azure.requests() {
        assert_eq!(seen.header("x-end-user"), None, "it is the gateway's");
    }
    let wrong = (400, "invalid_user");
    for value in ["a".repeat(257), String::new(), "a\tb".to_owned()] {
        assert_refused(&stack, named(&value), wrong, "user_malformed").await;
    }
    let twice = named("anna").header("x-end-user", "bert");
    assert_refused(&stack, twice, wrong, "user_malformed").await;
    let bytes = stack.chat(&hello()).header("x-end-user", &b"\xff\xfe"[..]);
    assert_refused(&stack, bytes, wrong, "user_malformed").await;
    assert_eq!(stack.azure.requests().len(), 3, "the good ones");
    assert_no_violations(&stack);
}

#[tokio::test]
async fn the_user_of_a_trusted_client_stands_before_the_one_of_its_token() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let issuers = entry(&issuer, "okta", "");
    let stack = Stack::start(Options::default().edit_config(move |yaml| {
        let yaml = with_issuers(&yaml, &issuers);
        with_client_line(&yaml, "user_from: { header: x-end-user }")
    }))
    .await;
    let token = signer.sign(&changed(&issuer, "sub", Some(json!("service-7"))));
    let chat = || {
        let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        request.bearer_auth(&token).json(&hello())
    };
    for request in [chat(), chat().header("x-end-user", "anna")] {
        assert_eq!(send(request).await.status(), 200);
    }
    assert_users(&stack, &[Some("service-7"), Some("anna")]).await;
}

#[tokio::test]
async fn a_client_that_is_not_trusted_names_nobody() {
    let stack = stack().await;
    let mut body = hello();
    body["user"] = "anna".into();
    let request = stack.chat(&body).header("x-end-user", "bert");
    assert_eq!(send(request).await.status(), 200);
    assert_users(&stack, &[None]).await;
    assert_eq!(last_body(&stack), body, "the body stays as it was");
    // Nor does one that may name it elsewhere.
    let stack = stack_of("user_from: body").await;
    let request = stack.chat(&hello()).header("x-end-user", "bert");
    assert_eq!(send(request).await.status(), 200);
    assert_users(&stack, &[None]).await;
}

#[tokio::test]
async fn a_trusted_client_names_its_user_in_the_body() {
    let stack = stack_of("user_from: body").await;
    let named = |user: Value| {
        let mut body = hello();
        body["user"] = user;
        stack.chat(&body)
    };
    assert_eq!(send(named("Zoë".into())).await.status(), 200);
    assert_eq!(last_body(&stack)["user"], "Zoë", "the service may know it");
    let input = json!({"model": "gpt-4o", "input": "Hi", "user": "anna"});
    for request in [named(Value::Null), stack.post(RESPONSES, &input)] {
        assert_eq!(send(request).await.status(), 200);
    }
    assert_users(&stack, &[Some("Zoë"), None, Some("anna")]).await;
    for user in [
        json!(7),
        json!(""),
        json!({"id": "a"}),
        json!("a\nb"),
        json!("a".repeat(257)),
    ] {
        assert_refused(&stack, named(user), (400, "invalid_user"), "user_malformed").await;
    }
    let twice = r#"{"messages":[],"user":"anna","us\u0065r":"bert"}"#;
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let request = request
        .header("api-key", stack.key.text())
        .header("content-type", "application/json")
        .body(twice);
    assert_refused(&stack, request, (400, "invalid_body"), "body_malformed").await;
    assert_eq!(stack.azure.requests().len(), 3, "none of these went out");
}

#[tokio::test]
async fn an_answer_is_capped_where_the_client_says_nothing() {
    let stack = stack_of("max_output_tokens: 40").await;
    let old = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01";
    let chat = |more: Value| {
        let mut body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
        let members = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(members);
        body
    };
    let prompt = json!({"prompt": "Hi"});
    let input = json!({"model": "gpt-4o", "input": "Hi"});
    for (path, body, member, cap) in [
        (V1_CHAT, chat(json!({})), "max_completion_tokens", 40),
        (CHAT_PATH, chat(json!({})), "max_completion_tokens", 40),
        (
            V1_CHAT,
            chat(json!({"max_completion_tokens": null})),
            "max_completion_tokens",
            40,
        ),
        (V1_CHAT, chat(json!({"n": 2})), "max_completion_tokens", 20),
        (old, chat(json!({})), "max_tokens", 40),
        (COMPLETIONS, prompt, "max_tokens", 16),
        (RESPONSES, input, "max_output_tokens", 40),
    ] {
        let mut expected = body.clone();
        expected[member] = cap.into();
        assert_eq!(sent(&stack, path, &body).await, expected, "{path} {body}");
    }
    // What the service does with it: the answer ends there.
    let request = stack
        .chat(&chat(json!({})))
        .header("x-fake-output-tokens", "500");
    let (status, answer) = send_json(request).await;
    assert_eq!(status, 200);
    assert_eq!(answer["usage"]["completion_tokens"], 40, "{answer}");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn a_stream_is_capped_and_its_usage_asked_for_in_one_body() {
    let stack = stack_of("max_output_tokens: 40").await;
    let mut body = hello_stream();
    let mut expected = body.clone();
    expected["max_completion_tokens"] = 40.into();
    expected["stream_options"] = json!({"include_usage": true});
    assert_eq!(sent(&stack, CHAT_PATH, &body).await, expected);
    let line = usage_line(&stack).await;
    assert_eq!(line["source"], "reported", "{line}");

    body["max_completion_tokens"] = Value::Null;
    body["stream_options"] = json!({"include_usage": false});
    assert_eq!(sent(&stack, CHAT_PATH, &body).await, expected);
    body["max_completion_tokens"] = 30.into();
    expected["max_completion_tokens"] = 30.into();
    assert_eq!(sent(&stack, CHAT_PATH, &body).await, expected);
}

#[tokio::test]
async fn what_is_within_the_cap_goes_out_as_it_came() {
    let stack = stack_of("max_output_tokens: 40").await;
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let embedded = "/openai/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21";
    for (path, body) in [
        (CHAT_PATH, json!({"messages": messages, "max_tokens": 40})),
        (
            CHAT_PATH,
            json!({"messages": messages, "max_completion_tokens": 20, "n": 2}),
        ),
        (COMPLETIONS, json!({"prompt": "Hi", "max_tokens": 40})),
        (
            RESPONSES,
            json!({"model": "gpt-4o", "input": "Hi", "max_output_tokens": 40}),
        ),
        (embedded, json!({"input": "Hi"})),
    ] {
        assert_eq!(sent(&stack, path, &body).await, body, "{path}");
    }
}

#[tokio::test]
async fn more_than_the_cap_or_no_number_is_refused() {
    let stack = stack_of("max_output_tokens: 40").await;
    let (exceeded, invalid) = ("max_output_tokens_exceeded", "invalid_max_output_tokens");
    let chat = |members: Value| (CHAT_PATH, members);
    for (path, body) in [
        chat(json!({"messages": [], "max_tokens": 41})),
        chat(json!({"messages": [], "max_completion_tokens": 41})),
        chat(json!({"messages": [], "max_tokens": 1, "max_completion_tokens": 41})),
        chat(json!({"messages": [], "max_tokens": 21, "n": 2})),
        chat(json!({"messages": [], "n": 41})),
        (COMPLETIONS, json!({"prompt": "Hi", "max_tokens": 41})),
        (
            COMPLETIONS,
            json!({"prompt": "Hi", "max_tokens": 21, "best_of": 2}),
        ),
        (
            COMPLETIONS,
            json!({"prompt": ["Hi", "Ho"], "max_tokens": 21}),
        ),
        (
            RESPONSES,
            json!({"model": "gpt-4o", "input": "Hi", "max_output_tokens": 41}),
        ),
    ] {
        assert_refused(&stack, stack.post(path, &body), (400, exceeded), exceeded).await;
    }
    let malformed = "max_output_tokens_malformed";
    for value in [json!(0), json!(-1), json!(1.5), json!("40"), json!([40])] {
        for (path, body) in [
            chat(json!({"messages": [], "max_tokens": value})),
            chat(json!({"messages": [], "max_completion_tokens": value})),
            chat(json!({"messages": [], "n": value})),
            (COMPLETIONS, json!({"prompt": "Hi", "best_of": value})),
            (
                RESPONSES,
                json!({"model": "gpt-4o", "input": "Hi", "max_output_tokens": value}),
            ),
        ] {
            assert_refused(&stack, stack.post(path, &body), (400, invalid), malformed).await;
        }
    }
    let twice = r#"{"messages":[],"max_tokens":1,"max_tokens":4000}"#;
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let request = request
        .header("api-key", stack.key.text())
        .header("content-type", "application/json")
        .body(twice);
    assert_refused(&stack, request, (400, "invalid_body"), "body_malformed").await;
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn only_the_allowed_versions_of_the_api_are_served() {
    let stack = stack_of("api_versions: [2024-10-21, v1]").await;
    let dated = |version: &str| {
        format!("/openai/deployments/gpt-4o/chat/completions?api-version={version}")
    };
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    for path in [&dated("2024-10-21"), V1_CHAT] {
        assert_eq!(send(stack.post(path, &body)).await.status(), 200, "{path}");
    }
    let only_dated = stack_of("api_versions: [2025-03-01-preview]").await;
    let code = "api_version_not_allowed";
    for (stack, path) in [
        (&stack, dated("2024-06-01")),
        (&stack, dated("2024-10-21-preview")),
        (&stack, dated("v1")),
        (
            &stack,
            "/openai/responses?api-version=2025-03-01-preview".to_owned(),
        ),
        (&only_dated, V1_CHAT.to_owned()),
        (
            &only_dated,
            format!("{V1_CHAT}?api-version=2025-03-01-preview"),
        ),
        (&only_dated, dated("2024-10-21")),
    ] {
        assert_refused(stack, stack.post(&path, &body), (403, code), code).await;
    }
    assert_eq!(stack.azure.requests().len(), 2);
    assert_backend_untouched(&only_dated);
}
