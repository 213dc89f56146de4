//! What a product allows: deployments by pattern, operations, networks, hours.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::Algorithm;
use serde_json::json;
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::stack::config::EnvoyConfig;
use tollgate_integration::stack::wait::poll_for;
use tollgate_integration::stack::{Options, Stack};

use crate::support::{
    assert_backend_untouched, hello, metric, refused, send, stack_with, with_product_line,
};
use crate::token_support::{changed, entry, with_issuers};

/// A stack whose product `standard` has this line too.
async fn stack_of(line: &'static str) -> Stack {
    stack_with(move |yaml| with_product_line(&yaml, line)).await
}

/// Asserts that a request is refused for a reason of the product `standard`: to the client, in the
/// metrics and in the audit log.
async fn assert_refused(stack: &Stack, request: reqwest::RequestBuilder, code: &str, reason: &str) {
    let label = format!("reason=\"{reason}\"");
    let before = metric(stack, "tollgate_decisions_total", &[&label]).await;
    assert_eq!(refused(request).await, (403, code.to_owned()));
    let after = metric(stack, "tollgate_decisions_total", &[&label]).await;
    assert_eq!(after, before + 1.0, "counted as {reason}");
    let audit = stack.tollgate().audit();
    let line = poll_for("the refusal in the audit log", async || {
        let lines = audit.json().into_iter();
        lines.rev().find(|line| line["event"] == "refused")
    })
    .await
    .expect("a line");
    assert_eq!(line["reason"], reason);
    assert_eq!(line["product"], "standard", "the product is named: {line}");
}

#[tokio::test]
async fn a_pattern_allows_the_deployments_that_it_matches() {
    let stack = stack_with(|yaml| {
        let from = yaml.find("deployments: [").expect("deployments");
        let until = from + yaml[from..].find('\n').expect("an end");
        format!(
            "{}deployments: [\"gpt-4o-*\", text-embedding-3-large]{}",
            &yaml[..from],
            &yaml[until..]
        )
    })
    .await;
    let path =
        |name: &str| format!("/openai/deployments/{name}/chat/completions?api-version=2024-10-21");
    for name in ["gpt-4o", "my-gpt-4o-mini", "GPT-4o-mini", "gpt-4"] {
        let by_path = stack.post(&path(name), &hello());
        assert_refused(
            &stack,
            by_path,
            "deployment_not_allowed",
            "deployment_not_allowed",
        )
        .await;
        let body = json!({"model": name, "messages": []});
        let by_model = stack.post("/openai/v1/chat/completions", &body);
        assert_refused(
            &stack,
            by_model,
            "deployment_not_allowed",
            "deployment_not_allowed",
        )
        .await;
    }
    let star = json!({"model": "gpt-4o-*", "messages": []});
    let by_star = stack.post("/openai/v1/chat/completions", &star);
    assert_eq!(refused(by_star).await, (400, "invalid_model".to_owned()));
    assert_backend_untouched(&stack);
    // The fake has no such deployment: that it says so shows that the request has come through.
    let allowed = send(stack.post(&path("gpt-4o-x"), &hello())).await;
    assert_eq!(allowed.status(), 404);
    assert_eq!(stack.azure.requests().len(), 1);
}

#[tokio::test]
async fn an_operation_may_require_a_role_of_its_own() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let issuers = entry(&issuer, "okta", "");
    let stack = Stack::start(Options::default().edit_config(move |yaml| {
        let yaml = with_issuers(&yaml, &issuers);
        with_product_line(
            &yaml,
            "operation_requires: { responses: { roles: [llm.responses] } }",
        )
    }))
    .await;
    let call = |path: &str, token: &str, body: &serde_json::Value| {
        let request = stack.callers.http1().post(stack.callers.url(path));
        request.bearer_auth(token).json(body)
    };
    let chat = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    let input = json!({"model": "gpt-4o", "input": "Hi"});
    let without = signer.sign(&changed(&issuer, "roles", None));
    let with = signer.sign(&changed(&issuer, "roles", Some(json!(["llm.responses"]))));
    for token in [&without, &with] {
        let chat = send(call("/openai/v1/chat/completions", token, &chat)).await;
        assert_eq!(chat.status(), 200, "chats ask for no role");
    }
    let refused = call("/openai/v1/responses", &without, &input);
    assert_refused(&stack, refused, "insufficient_scope", "entitlement_missing").await;
    let allowed = send(call("/openai/v1/responses", &with, &input)).await;
    assert_eq!(allowed.status(), 200);
}

#[tokio::test]
async fn a_product_is_for_callers_of_its_networks() {
    let inside = stack_of("networks: [10.0.0.0/8, 127.0.0.0/8]").await;
    assert_eq!(send(inside.chat(&hello())).await.status(), 200);
    let outside = stack_of("networks: [10.0.0.0/8, \"2001:db8::/32\"]").await;
    let code = "network_not_allowed";
    assert_refused(&outside, outside.chat(&hello()), code, code).await;
    let body = json!({"model": "gpt-4o", "messages": []});
    let by_model = outside.post("/openai/v1/chat/completions", &body);
    assert_refused(&outside, by_model, code, code).await;
    // Whoever is not behind a trusted proxy can't say where he comes from.
    for header in [
        "x-forwarded-for",
        "x-envoy-external-address",
        "x-real-ip",
        "forwarded",
        "tollgate-caller-address",
    ] {
        let lie = outside.chat(&hello()).header(header, "10.1.2.3");
        assert_refused(&outside, lie, code, code).await;
    }
    assert_backend_untouched(&outside);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_is_the_one_that_it_has_seen() {
    let behind_proxy = |envoy: &mut EnvoyConfig| {
        envoy.connection_manager()["xff_num_trusted_hops"] = json!(1);
    };
    let options = Options::default()
        .edit_envoy(behind_proxy)
        .edit_config(|yaml| with_product_line(&yaml, "networks: [10.0.0.0/8, \"2001:db8::/32\"]"));
    let stack = Stack::start(options).await;
    let from = |seen: &str| stack.chat(&hello()).header("x-forwarded-for", seen);
    for inside in [
        "10.1.2.3",
        "2001:db8::7",
        "::ffff:10.1.2.3",
        "192.0.2.1, 10.1.2.3",
    ] {
        assert_eq!(send(from(inside)).await.status(), 200, "{inside}");
    }
    let code = "network_not_allowed";
    for outside in ["192.0.2.1", "2001:db9::1", "10.1.2.3, 192.0.2.1"] {
        assert_refused(&stack, from(outside), code, code).await;
    }
    assert_refused(&stack, stack.chat(&hello()), code, code).await;
}

#[tokio::test]
async fn an_envoy_that_does_not_say_where_the_caller_is_has_its_peer_judged() {
    let silent = |envoy: &mut EnvoyConfig| {
        let authz = envoy.http_filter("envoy.filters.http.ext_authz");
        let service = authz["grpc_service"].as_object_mut().expect("a service");
        assert!(service.remove("initial_metadata").is_some(), "it was there");
        envoy.connection_manager()["xff_num_trusted_hops"] = json!(1);
    };
    let options = Options::default()
        .edit_envoy(silent)
        .edit_config(|yaml| with_product_line(&yaml, "networks: [10.0.0.0/8]"));
    let stack = Stack::start(options).await;
    let request = stack.chat(&hello()).header("x-forwarded-for", "10.1.2.3");
    let code = "network_not_allowed";
    assert_refused(&stack, request, code, code).await;
}

#[tokio::test]
async fn a_product_is_open_in_its_hours_only() {
    let open = stack_of("hours: { days: [mon, tue, wed, thu, fri, sat, sun] }").await;
    assert_eq!(send(open.chat(&hello())).await.status(), 200);
    // Three days from now, so that no midnight can come in between. The epoch was a Thursday.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let in_three_days = usize::try_from(now.as_secs() / 86_400).expect("few days") + 3;
    let day = days[in_three_days % days.len()];
    let closed = stack_with(move |yaml| {
        let hours = format!(
            "hours: {{ days: [{day}], from: \"07:00\", until: \"19:00\", offset: \"+01:00\" }}"
        );
        with_product_line(&yaml, &hours)
    })
    .await;
    assert_refused(
        &closed,
        closed.chat(&hello()),
        "outside_hours",
        "outside_hours",
    )
    .await;
    let body = json!({"model": "gpt-4o", "messages": []});
    let by_model = closed.post("/openai/v1/chat/completions", &body);
    assert_refused(&closed, by_model, "outside_hours", "outside_hours").await;
    assert_backend_untouched(&closed);
}
