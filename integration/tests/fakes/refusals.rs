//! Who is refused, and what is kept of it.

use crate::rig::{Rig, ask, json_of, send};
use reqwest::Client;
use serde_json::json;
use std::time::Duration;
use tollgate_integration::fakes::azure::AzureOptions;

const INVALID_TOKEN: &str = r#"{ "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired." }"#;

#[tokio::test]
async fn without_a_token_of_ours_there_is_no_answer() {
    let rig = Rig::start().await;
    let url = format!("{}/openai/v1/chat/completions", rig.azure.url());
    let body = ask("hello", &json!({"model": "gpt-4o"}));
    let post = |token: Option<&str>| {
        let request = rig.client.post(&url).json(&body);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    };
    for token in [None, Some("not-a-token"), Some("a.b.c")] {
        let response = send(post(token)).await;
        assert_eq!(response.status(), 401);
        assert_eq!(response.text().await.expect("a body"), INVALID_TOKEN);
    }
    assert_eq!(send(post(Some(&rig.token))).await.status(), 200);
    let named: Vec<_> = rig.azure.violations().into_iter().map(|v| v.name).collect();
    assert_eq!(named, ["authorization"; 2], "a missing token leaks nothing");
    assert_eq!(rig.azure.totals().requests, 4, "refusals are in the ledger");
}

#[tokio::test]
async fn a_callers_credential_beside_a_good_token_is_refused_and_named() {
    let rig = Rig::start().await;
    let request = rig.chat(&ask("hello", &json!({})));
    let request = request.header("api-key", "callers").header("cookie", "a=b");
    let response = send(request.header("x-request-id", "r-7")).await;
    assert_eq!(response.status(), 401);
    let error = json_of(response).await["error"].clone();
    assert_eq!(error["code"], "401");
    let violations = rig.azure.violations();
    let named: Vec<_> = violations.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(named, ["api-key", "cookie"]);
    assert_eq!(violations[0].request_id.as_deref(), Some("r-7"));
}

#[tokio::test]
async fn a_token_that_has_ended_is_refused_and_is_no_violation() {
    let mut rig = Rig::start().await;
    rig.identity.set_lifetime(Duration::ZERO);
    rig.token = crate::rig::token(&rig.identity.endpoint(), rig.identity.header_secret()).await;
    let response = send(rig.chat(&ask("hello", &json!({})))).await;
    assert_eq!(response.status(), 401);
    assert!(rig.azure.violations().is_empty(), "it is our own token");
}

#[tokio::test]
async fn an_identity_without_the_role_is_refused() {
    let options = AzureOptions {
        principals: Some(vec!["another identity".to_owned()]),
        ..AzureOptions::default()
    };
    let rig = Rig::with(options, Client::new()).await;
    let response = send(rig.chat(&ask("hello", &json!({})))).await;
    assert_eq!(response.status(), 401);
    assert_eq!(json_of(response).await["error"]["code"], "PermissionDenied");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let rig = Rig::start().await;
    let body = ask("hello", &json!({"model": "gpt-5"}));
    let unknown = send(rig.post("/openai/v1/chat/completions", &body)).await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(
        json_of(unknown).await["error"]["code"],
        "DeploymentNotFound"
    );
    let nowhere = send(rig.post("/openai/v2/chat/completions", &body)).await;
    assert_eq!(nowhere.status(), 404);
    let error = json_of(nowhere).await["error"].clone();
    assert_eq!(
        error,
        json!({"code": "404", "message": "Resource not found"})
    );
    let body = ask("hello", &json!({"model": "text-embedding-3-large"}));
    let unable = send(rig.post("/openai/v1/chat/completions", &body)).await;
    assert_eq!(unable.status(), 400);
    assert_eq!(
        json_of(unable).await["error"]["code"],
        "OperationNotSupported"
    );
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_a_400() {
    let rig = Rig::start().await;
    let empty = send(rig.chat(&json!({}))).await;
    assert_eq!(empty.status(), 400);
    let message = json_of(empty).await["error"]["message"].to_string();
    assert!(message.contains("'messages' is a required"), "{message}");
    let broken = rig.chat(&json!({})).body("{\"messages\":");
    assert_eq!(send(broken).await.status(), 400);
}
