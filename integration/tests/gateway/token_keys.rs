//! Tokens: the keys of their issuer, as they change and while they can't be fetched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken::Algorithm;
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode, KEYS_PATH, Signer};
use tollgate_integration::stack::{CHAT_PATH, Stack, wait_for};

use crate::support::{assert_backend_untouched, hello, metric};
use crate::token_support::{reason, stack_of, status};

#[tokio::test]
async fn keys_are_rotated_while_requests_run_and_a_removed_one_dies() {
    let (old, new) = (
        Signer::new("old", Algorithm::ES256),
        Signer::new("new", Algorithm::ES256),
    );
    let issuer = FakeIssuer::start(&[&old]).await;
    let stack = stack_of(&issuer, ", refresh: 1s").await;
    let (stack, stop) = (Arc::new(stack), Arc::new(AtomicBool::new(false)));
    // Tokens of the old key, again and again, each one new: nothing is remembered.
    let running = {
        let (stack, stop, old) = (Arc::clone(&stack), Arc::clone(&stop), old.clone());
        let claims = issuer.claims();
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let mut claims = claims.clone();
                claims["jti"] = statuses.len().into();
                statuses.push(status(&stack, &old.sign(&claims)).await);
            }
            statuses
        })
    };
    // The issuer signs with the new key at once: it is found on first sight.
    issuer.set_keys(vec![new.jwk(), old.jwk()]);
    assert_eq!(status(&stack, &new.sign(&issuer.claims())).await, 200);
    stop.store(true, Ordering::Relaxed);
    let statuses = running.await.expect("no panic");
    assert!(
        !statuses.is_empty() && statuses.iter().all(|it| *it == 200),
        "{statuses:?}"
    );
    let remembered = old.sign(&issuer.claims());
    assert_eq!(status(&stack, &remembered).await, 200);
    issuer.set_keys(vec![new.jwk()]);
    wait_for("the old key to die", async || {
        (status(&stack, &remembered).await == 401).then_some(())
    })
    .await;
    assert_eq!(status(&stack, &new.sign(&issuer.claims())).await, 200);
}

#[tokio::test]
async fn known_keys_work_through_an_outage_and_unknown_ones_do_not() {
    let (known, new) = (
        Signer::new("1", Algorithm::ES256),
        Signer::new("2", Algorithm::ES256),
    );
    let issuer = FakeIssuer::start(&[&known]).await;
    let stack = stack_of(&issuer, ", refresh: 1s").await;
    issuer.set_mode(IssuerMode::Down);
    wait_for("failures", async || {
        let failed = ["issuer=\"okta\"", "outcome=\"failure\""];
        let failed = metric(&stack, "tollgate_issuer_refreshes_total", &failed).await;
        (failed > 1.0).then_some(())
    })
    .await;
    assert_eq!(status(&stack, &known.sign(&issuer.claims())).await, 200);
    let got = reason(&stack, &new.sign(&issuer.claims())).await;
    assert_eq!(got, (401, "token_key_unknown".to_owned()));
    issuer.set_keys(vec![new.jwk()]);
    issuer.set_mode(IssuerMode::Ok);
    wait_for("the removed key to die", async || {
        (status(&stack, &known.sign(&issuer.claims())).await == 401).then_some(())
    })
    .await;
    assert_eq!(status(&stack, &new.sign(&issuer.claims())).await, 200);
}

#[tokio::test]
async fn an_unusable_key_costs_that_key_and_a_set_of_such_is_named() {
    let signer = Signer::new("good", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let good = signer.jwk();
    let mut encryption = good.clone();
    encryption["kid"] = "enc".into();
    encryption["use"] = serde_json::json!(["enc"]);
    let odd = [
        r#"{"kid":"1","kid":"2","kty":"RSA"}"#.to_owned(),
        r#"{"kid":"1","kty":"RSA","exp":1e400}"#.to_owned(),
        encryption.to_string(),
        // Of small order: anybody can sign with it.
        format!(
            r#"{{"kid":"small","kty":"OKP","crv":"Ed25519","x":"AQ{}"}}"#,
            "A".repeat(41)
        ),
    ]
    .join(",");
    issuer.set_mode(IssuerMode::KeySet(format!(
        "\u{feff}{{\"keys\":[{odd},{good}]}}"
    )));
    let stack = stack_of(&issuer, ", refresh: 1s, algorithms: [ES256, EdDSA]").await;
    assert_eq!(status(&stack, &signer.sign(&issuer.claims())).await, 200);
    let payload = issuer.claims().to_string();
    let as_encryption = signer.sign_text(r#"{"alg":"ES256","kid":"enc"}"#, &payload);
    let forged = signer.sign_text(r#"{"alg":"EdDSA","kid":"small"}"#, &payload);
    let (message, _) = forged.rsplit_once('.').expect("dots");
    // R is the neutral element, and S is 0.
    let forged = format!("{message}.AQ{}", "A".repeat(84));
    for token in [as_encryption, forged] {
        let got = reason(&stack, &token).await;
        assert_eq!(got, (401, "token_key_unknown".to_owned()), "{token}");
    }
    let keys = || metric(&stack, "tollgate_issuer_keys", &["issuer=\"okta\""]);
    assert!((keys().await - 1.0).abs() < f64::EPSILON);
    issuer.set_mode(IssuerMode::KeySet(format!("{{\"keys\":[{odd}]}}")));
    wait_for("a set without usable keys", async || {
        (keys().await < 1.0).then_some(())
    })
    .await;
    let (ready, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    let expected = "ready\nissuer okta: no usable key in its key set\n";
    assert_eq!((ready.as_u16(), &*text), (200, expected));
}

#[tokio::test]
async fn random_key_ids_cause_few_fetches() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    assert_few_fetches(&issuer, &stack, &signer).await;
}

#[tokio::test]
async fn random_key_ids_cause_few_fetches_of_an_issuer_that_is_down() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    issuer.set_mode(IssuerMode::Down);
    assert_few_fetches(&issuer, &stack, &signer).await;
    assert_eq!(status(&stack, &signer.sign(&issuer.claims())).await, 200);
}

/// Ten thousand tokens of as many unknown keys.
async fn assert_few_fetches(issuer: &FakeIssuer, stack: &Stack, signer: &Signer) {
    // Each refresh begins with the discovery document.
    let documents = || {
        let mut all = issuer.fetches();
        all.retain(|path| path != KEYS_PATH);
        all.len()
    };
    let before = documents();
    let begun = std::time::Instant::now();
    let claims = issuer.claims().to_string();
    let mut answered = 0;
    for round in 0..100 {
        let requests = (0..100).map(|number| {
            let header = format!(r#"{{"alg":"ES256","kid":"random-{round}-{number}"}}"#);
            let token = format!(
                "{}.AAAA",
                signer
                    .sign_text(&header, &claims)
                    .rsplit_once('.')
                    .expect("dots")
                    .0
            );
            let request = stack.callers.http2().post(stack.callers.url(CHAT_PATH));
            tokio::spawn(request.bearer_auth(token).json(&hello()).send())
        });
        let requests: Vec<_> = requests.collect();
        for request in requests {
            let response = request.await.expect("no panic").expect("an answer");
            assert_eq!(response.status(), 401);
            answered += 1;
        }
    }
    assert_eq!(answered, 10_000);
    let minutes = begun.elapsed().as_secs() / 60 + 1;
    let caused = documents() - before;
    let allowed = 3 * usize::try_from(minutes).expect("few");
    assert!(
        (1..=allowed).contains(&caused),
        "{caused} fetches in {minutes} min"
    );
    assert_backend_untouched(stack);
}
