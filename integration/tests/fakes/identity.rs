//! The identity fake: who gets a token, and the faults that are switched on.

use crate::rig::{json_of, send};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_integration::fakes::identity::control::Mode;
use tollgate_integration::fakes::identity::{FakeIdentity, IdentityOptions};
use tollgate_integration::fakes::unique::unix_seconds;

const RESOURCE: &str = "https://cognitiveservices.azure.com";

async fn started() -> (FakeIdentity, Client) {
    let identity = FakeIdentity::start(IdentityOptions::default()).await;
    (identity, Client::new())
}

fn managed(identity: &FakeIdentity, client: &Client, more: &str) -> reqwest::RequestBuilder {
    let endpoint = identity.endpoint();
    let url = format!("{endpoint}?api-version=2019-08-01&resource={RESOURCE}{more}");
    client
        .get(url)
        .header("x-identity-header", identity.header_secret())
}

#[tokio::test]
async fn a_managed_identity_gets_app_services_answer() {
    let (identity, client) = started().await;
    identity.set_lifetime(Duration::from_secs(100));
    let request = managed(
        &identity,
        &client,
        "&client_id=11111111-1111-4111-8111-111111111111",
    );
    let answer = json_of(send(request).await).await;
    let expires_on: u64 = answer["expires_on"]
        .as_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!(expires_on.abs_diff(unix_seconds() + 100) <= 5, "{answer}");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["resource"], RESOURCE);
    let token = answer["access_token"].as_str().expect("a token");
    let claims = identity.token_secret().verify(token, RESOURCE);
    let claims = claims.expect("a valid token");
    assert_eq!(claims.appid, "11111111-1111-4111-8111-111111111111");
    assert_eq!(identity.fetches(), 1);
}

#[tokio::test]
async fn without_the_identity_header_there_is_no_token() {
    let (identity, client) = started().await;
    let url = format!("{}?api-version=2019-08-01&resource=a", identity.endpoint());
    let bare = send(client.get(&url)).await;
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    let wrong = client.get(&url).header("x-identity-header", "guess");
    assert_eq!(send(wrong).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(identity.status().issued, 0);
    assert_eq!(identity.fetches(), 2);
}

#[tokio::test]
async fn entra_takes_a_secret_or_an_assertion() {
    let (identity, client) = started().await;
    let url = format!("{}/a-tenant/oauth2/v2.0/token", identity.authority());
    let post = |proof: &str| {
        let form = format!(
            "grant_type=client_credentials&client_id=app&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default&{proof}"
        );
        let request = client.post(&url).body(form);
        send(request.header("content-type", "application/x-www-form-urlencoded"))
    };
    let secret = format!("client_secret={}", identity.client_secret());
    let assertion = "client_assertion=a.b.c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    for proof in [secret.as_str(), assertion] {
        let answer = json_of(post(proof).await).await;
        assert_eq!(answer["expires_in"], 24 * 3600, "{answer}");
        let token = answer["access_token"].as_str().expect("a token");
        let claims = identity.token_secret().verify(token, RESOURCE);
        assert_eq!(claims.expect("a valid token").appid, "app");
    }
    let refused = post("client_secret=guess").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let refused = json_of(refused).await;
    assert_eq!(refused["error"], "invalid_client");
    assert_eq!(refused["error_codes"], json!([7_000_215]));
}

#[tokio::test]
async fn faults_are_switched_by_handle_and_by_http() {
    let (identity, client) = started().await;
    let status = || async { send(managed(&identity, &client, "")).await.status() };
    identity.set_mode(Mode::Failing { status: 503 });
    assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);

    let control = format!("{}/control", identity.authority());
    let change = json!({"mode": "slow", "delay_ms": 1, "token_lifetime_seconds": 9});
    let told = json_of(send(client.put(&control).json(&change)).await).await;
    let expected: Value = json!({"mode": "slow", "delay_ms": 1, "token_lifetime_seconds": 9, "fetches": 1, "issued": 0});
    assert_eq!(told, expected);
    assert_eq!(status().await, StatusCode::OK);
    let told = json_of(send(client.get(&control)).await).await;
    assert_eq!((&told["fetches"], &told["issued"]), (&json!(2), &json!(1)));
}
