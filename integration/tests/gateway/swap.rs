//! The swap: the identity in, the caller's credential out.

use serde_json::json;

use crate::support::{
    assert_no_violations, hello, hello_stream, send_json, stack, stack_with, usage_line,
};

#[tokio::test]
async fn a_chat_goes_out_with_the_identity_and_comes_back_counted() {
    let stack = stack().await;
    let (status, body) = send_json(stack.chat(&hello())).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["object"], "chat.completion");
    let [request] = stack
        .azure
        .requests()
        .try_into()
        .expect("one request at the backend");
    let authorization = request.header("authorization").expect("the identity");
    assert!(
        authorization.starts_with("Bearer ey"),
        "the identity's token"
    );
    assert!(
        !authorization.contains(stack.key.text()),
        "not the caller's key"
    );
    assert_no_violations(&stack);
    let usage = usage_line(&stack).await;
    assert_eq!(usage["total_tokens"], body["usage"]["total_tokens"]);
    assert_eq!(usage["source"], "reported");
}

#[tokio::test]
async fn a_key_is_taken_from_each_header_and_from_none_of_them_passed_on() {
    let stack = stack().await;
    let key = stack.key.text();
    let bearer = format!("Bearer {key}");
    for (name, value) in [
        ("api-key", key),
        ("authorization", bearer.as_str()),
        ("ocp-apim-subscription-key", key),
    ] {
        let request = stack
            .callers
            .http1()
            .post(stack.callers.url(tollgate_integration::stack::CHAT_PATH))
            .header(name, value)
            .header("x-api-key", "something")
            .header("cookie", "session=secret")
            .header("proxy-authorization", "Basic eDp5")
            .header("x-ms-spillover-deployment", "gpt-4o-other")
            .header("x-forwarded-client-cert", "By=x;Hash=y")
            .json(&hello());
        let (status, body) = send_json(request).await;
        assert_eq!(status, 200, "{name}: {body}");
    }
    assert_no_violations(&stack);
    for request in stack.azure.requests() {
        let text = format!("{:?}", request.headers);
        assert!(!text.contains(key), "the key reached the backend: {text}");
        assert_eq!(
            request.header("x-ms-spillover-deployment"),
            None,
            "the caller chose a deployment"
        );
        assert_eq!(request.header("host"), Some("acme-sweden.openai.azure.com"));
    }
}

#[tokio::test]
async fn a_stream_passes_over_both_versions_of_http() {
    let stack = stack().await;
    for client in [stack.callers.http1(), stack.callers.http2()] {
        let response = client
            .post(stack.callers.url("/openai/v1/chat/completions"))
            .bearer_auth(stack.key.text())
            .json(&{
                let mut body = hello_stream();
                body["model"] = json!("gpt-4o");
                body
            })
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 200);
        let text = response.text().await.expect("a whole stream");
        assert!(
            text.ends_with("data: [DONE]\n\n"),
            "the stream ends as it should: {text}"
        );
        assert!(
            !text.contains("\"usage\":{"),
            "the client did not ask for usage: {text}"
        );
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn the_body_goes_on_as_it_came_where_nothing_has_to_be_asked_for() {
    let stack = stack().await;
    let body = r#"{ "model" : "text-embedding-3-large",  "input":["Grüße 😀"], "user":"u" }"#;
    let request = stack
        .callers
        .http1()
        .post(stack.callers.url("/openai/v1/embeddings"))
        .header("api-key", stack.key.text())
        .header("content-type", "application/json")
        .body(body);
    let (status, answer) = send_json(request).await;
    assert_eq!(status, 200, "{answer}");
    let [request] = stack.azure.requests().try_into().expect("one request");
    assert_eq!(request.body, body.as_bytes());
    let usage = usage_line(&stack).await;
    assert_eq!(usage["operation"], "embeddings");
    assert_eq!(usage["input_tokens"], answer["usage"]["prompt_tokens"]);
    assert_eq!(usage["output_tokens"], 0);
}

#[tokio::test]
async fn a_header_that_is_not_on_the_list_goes_to_no_backend() {
    let stack = stack_with(|yaml| yaml.replacen("operations: [", "operations: [models, ", 1)).await;
    let held_back = [
        ("x-goog-api-key", "AIza"),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/openai/files"),
        ("x-rewrite-url", "/openai/files"),
        ("azureml-model-deployment", "other"),
        ("x-ms-oai-image-generation-deployment", "other"),
        ("x-ms-oai-anything", "1"),
        ("x-ms-model-mesh-model-name", "other"),
        ("sec-fetch-site", "cross-site"),
        ("openai-organization", "org-1"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=10.0.0.1"),
        ("x-envoy-original-path", "/openai/files"),
        ("x-envoy-what-nobody-knows", "1"),
        ("x-what-nobody-knows", "1"),
    ];
    let passed_on = [
        ("openai-beta", "responses=v1"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("user-agent", "OpenAI/Python 2.8.0"),
        ("x-ms-client-request-id", "1f3a"),
        ("x-stainless-lang", "python"),
    ];
    let models = stack
        .callers
        .http1()
        .get(stack.callers.url("/openai/v1/models"));
    let requests = [
        stack.chat(&hello()),
        models.header("api-key", stack.key.text()),
    ];
    for mut request in requests {
        for (name, value) in held_back.iter().chain(&passed_on) {
            request = request.header(*name, *value);
        }
        let (status, body) = send_json(request).await;
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(stack.azure.requests().len(), 2);
    for request in stack.azure.requests() {
        for (name, _) in held_back {
            assert_eq!(request.header(name), None, "{name} reached the backend");
        }
        for (name, value) in passed_on {
            assert_eq!(request.header(name), Some(value), "{name} did not");
        }
    }
}
