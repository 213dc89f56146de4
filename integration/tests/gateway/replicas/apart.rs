//! The two filters of a request reach different replicas.

use jsonwebtoken::Algorithm;
use serde_json::Value;
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::stack::{Options, Stack, Tollgate};

use super::{Others, apart, is_served, sharing};
use crate::certificates::{self, IDENTITY, Pki};
use crate::pki::FACTORY;
use crate::support::{hello, hello_stream, metric, send};
use crate::token_support::{self, changed, entry, with_issuers};

/// A stack whose ext_proc is another replica, which has its configuration changed.
async fn pair(options: Options, edit: impl Fn(String) -> String) -> (Stack, Tollgate, Others) {
    let others = Others::new(1);
    let socket = others.sockets().remove(0);
    let options = options.edit_envoy(move |config| apart(config, &socket));
    let stack = Stack::start(options).await;
    let other = others.start(&stack, edit).await.remove(0);
    (stack, other, others)
}

#[tokio::test]
async fn any_replica_swaps_and_counts_what_another_one_has_allowed() {
    let options = sharing(Options::default())
        .edit_config(|yaml| yaml.replace("operations: [", "operations: [models, "));
    let (stack, other, _folders) = pair(options, |yaml| yaml).await;
    for body in [hello(), hello_stream()] {
        let answer = send(stack.chat(&body)).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        answer.text().await.expect("the whole answer");
        let line = other.audit().wait_for_json("the usage", is_served).await;
        assert_eq!(line["client"], "mobile-app");
        assert_eq!(line["credential"], "key.primary");
        assert_eq!(line["product"], "standard");
        assert_eq!(line["source"], "reported");
    }
    // What needs no body, too.
    let models = stack
        .callers
        .http1()
        .get(stack.callers.url("/openai/v1/models"));
    let answer = send(models.header("api-key", stack.key.text())).await;
    assert_eq!(answer.status(), 200);
    let seen = stack.azure.requests();
    assert_eq!(seen.len(), 3);
    for request in seen {
        let named = |name: &str| request.headers.iter().find(|it| it.0 == name);
        assert_eq!(named("api-key"), None);
        let bearer = named("authorization").expect("the identity");
        assert!(bearer.1.starts_with("Bearer "), "{bearer:?}");
    }
    assert!(stack.tollgate().audit().all().is_empty());
    let metrics = other.metrics().await.expect("metrics");
    assert!(metrics.contains("tollgate_decisions_opened_total{outcome=\"taken\"} 3"));
    let none = metric(&stack, "tollgate_requests_abandoned_total", &[]).await;
    assert_eq!(none, 0.0, "what is taken up elsewhere was not given up");
}

/// The whole proof travels: the other replica verifies the token, and the chain, itself.
#[tokio::test]
async fn tokens_and_certificates_travel_too() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let (issuer, pki) = (FakeIssuer::start(&[&signer]).await, Pki::new());
    let (issuers, authority) = (entry(&issuer, "okta", ""), pki.authority("{ crl: off }"));
    let options = sharing(Options::default().mtls()).edit_config(move |yaml| {
        certificates::with(&with_issuers(&yaml, &issuers), &authority, IDENTITY)
    });
    let (stack, other, _folders) = pair(options, |yaml| yaml).await;
    let token = signer.sign(&changed(&issuer, "sub", Some("ann".into())));
    let leaf = pki.leaf(|_| ());
    for (request, client, credential, user) in [
        (
            token_support::chat(&stack, &token),
            "mobile-app",
            "token",
            "ann",
        ),
        (
            certificates::chat(&stack, &leaf),
            "factory-7",
            "certificate",
            FACTORY,
        ),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        let is_its = |line: &Value| is_served(line) && line["credential"] == credential;
        let line = other.audit().wait_for_json("the usage", is_its).await;
        assert_eq!(
            (&line["client"], &line["user"]),
            (&client.into(), &user.into())
        );
    }
    assert!(stack.tollgate().audit().all().is_empty());
}

#[tokio::test]
async fn without_a_key_in_common_no_request_gets_the_identity() {
    let drop_key = |yaml: String| {
        let end = yaml.find("decisions:").expect("the keys");
        yaml[..end].to_owned()
    };
    let (stack, other, _folders) = pair(sharing(Options::default()), drop_key).await;
    let answer = send(stack.chat(&hello())).await;
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "gateway_misconfigured", "{body}");
    assert!(stack.azure.requests().is_empty());
    let line = other
        .audit()
        .wait_for_json("the refusal", |line| line["reason"] == "no_decision")
        .await;
    let detail = line["detail"].as_str().expect("why");
    assert!(detail.contains("no `decisions"), "{line}");
}

#[tokio::test]
async fn who_is_unknown_where_the_request_is_taken_up_is_refused() {
    let rename = |yaml: String| {
        let start = yaml.find("sha256: \"").expect("a key") + 9;
        let digest = &yaml[start..start + 64];
        yaml.replace(digest, &"0".repeat(64))
    };
    let (stack, other, _folders) = pair(sharing(Options::default()), rename).await;
    let answer = send(stack.chat(&hello())).await;
    assert_eq!(answer.status(), 401);
    assert!(stack.azure.requests().is_empty());
    let refused = |line: &Value| line["reason"] == "key_unknown";
    other.audit().wait_for_json("the refusal", refused).await;
}
