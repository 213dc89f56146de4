//! Tokens of issuers, good ones and every kind of bad one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode, KEYS_PATH, Signer, unix_s};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, wait_for};

use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, metric, refusal_line, refused, send,
    usage_line,
};

/// One line of `issuers`, for an issuer on this machine.
pub(crate) fn entry(issuer: &FakeIssuer, name: &str, more: &str) -> String {
    entry_at(&issuer.url(), name, more)
}

fn entry_at(url: &str, name: &str, more: &str) -> String {
    format!(
        "  - {{ name: {name}, issuer: \"{url}\", audiences: [\"api://tollgate\"], allow_http: true, allow_addresses: [127.0.0.1]{more} }}\n"
    )
}

/// Adds issuers, and a token of `okta` with `azp: app-1` to the client `mobile-app`.
pub(crate) fn with_issuers(yaml: &str, issuers: &str) -> String {
    yaml.replacen("clients:\n", &format!("issuers:\n{issuers}clients:\n"), 1)
        .replacen(
            "    credentials:\n",
            "    credentials:\n      - { token: { issuer: okta, client: app-1 } }\n",
            1,
        )
}

/// A stack with the issuer `okta`, and what else its line says.
async fn stack_of(issuer: &FakeIssuer, more: &str) -> Stack {
    let issuers = entry(issuer, "okta", more);
    let stack =
        Stack::start(Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers)))
            .await;
    wait_for("the issuer's keys", async || {
        let keys = metric(&stack, "tollgate_issuer_keys", &["issuer=\"okta\""]).await;
        (keys > 0.0).then_some(())
    })
    .await;
    stack
}

fn chat(stack: &Stack, token: &str) -> reqwest::RequestBuilder {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    request.bearer_auth(token).json(&hello())
}

/// Sends a token that must be refused; gives status, code and the operator's reason.
async fn reason(stack: &Stack, token: &str) -> (u16, String) {
    let refusals = || {
        let mut lines = stack.tollgate().audit().json();
        lines.retain(|line| line["event"] == "refused");
        lines
    };
    let before = refusals().len();
    let (status, _) = refused(chat(stack, token)).await;
    let last = wait_for("the refusal in the audit log", async || {
        let mut lines = refusals();
        (lines.len() > before).then(|| lines.pop())?
    })
    .await;
    (
        status,
        last["reason"].as_str().unwrap_or_default().to_owned(),
    )
}

async fn status(stack: &Stack, token: &str) -> u16 {
    send(chat(stack, token)).await.status().as_u16()
}

pub(crate) fn changed(issuer: &FakeIssuer, name: &str, value: Option<Value>) -> Value {
    let mut claims = issuer.claims();
    let members = claims.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    claims
}

#[tokio::test]
async fn a_token_names_its_client_and_user_and_does_not_reach_the_backend() {
    let signers = [
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("p256", Algorithm::ES256),
        Signer::new("p384", Algorithm::ES384),
        Signer::new("ed", Algorithm::EdDSA),
    ];
    let issuer = FakeIssuer::start(&signers.each_ref()).await;
    let all = ", algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]";
    let stack = stack_of(&issuer, all).await;
    let rsa = &signers[0];
    let of_rsa = [
        rsa.with(Algorithm::RS384),
        rsa.with(Algorithm::RS512),
        rsa.with(Algorithm::PS256),
        rsa.with(Algorithm::PS384),
        rsa.with(Algorithm::PS512),
    ];
    for signer in signers.iter().chain(&of_rsa) {
        let token = signer.sign(&issuer.claims());
        for round in ["cold", "remembered"] {
            let got = status(&stack, &token).await;
            assert_eq!(got, 200, "{:?}, {round}", signer.algorithm);
        }
    }
    let line = usage_line(&stack).await;
    assert_eq!(line["client"], "mobile-app");
    assert_eq!(line["user"], "ada");
    assert_eq!(line["credential"], "token");
    assert_no_violations(&stack);
    let response = send(stack.chat(&hello())).await;
    assert_eq!(response.status(), 200, "the client's key is as good");
}

#[tokio::test]
async fn claims_of_the_wrong_type_or_value_are_refused() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let more = ", max_age: 1h, required_claims: { sub: [], token_use: access }";
    let stack = stack_of(&issuer, more).await;
    let now = unix_s();
    let (aud, exp) = ("token_audience", "token_expiry_missing");
    let (issuer_reason, old) = ("token_issuer", "token_too_old");
    let cases: Vec<(&str, Option<Value>, &str)> = vec![
        ("iss", None, issuer_reason),
        ("iss", Some(json!(1)), issuer_reason),
        ("iss", Some(json!([issuer.url()])), issuer_reason),
        ("iss", Some(json!(issuer.url() + "/")), issuer_reason),
        ("aud", None, aud),
        ("aud", Some(json!(1)), aud),
        ("aud", Some(json!("")), aud),
        ("aud", Some(json!([])), aud),
        ("aud", Some(json!("api://other")), aud),
        ("aud", Some(json!(["api://tollgate", 1])), aud),
        ("exp", None, exp),
        ("exp", Some(json!(null)), exp),
        ("exp", Some(json!((now + 600).to_string())), exp),
        ("exp", Some(json!(1e19)), exp),
        ("exp", Some(json!(now - 60)), "token_expired"),
        ("nbf", Some(json!(now + 3600)), "token_not_yet_valid"),
        ("nbf", Some(json!("0")), "token_not_yet_valid"),
        ("iat", None, old),
        ("iat", Some(json!(now - 7200)), old),
        ("sub", None, "token_claim"),
        ("token_use", Some(json!("id")), "token_claim"),
    ];
    for (name, value, expected) in cases {
        let mut claims = changed(&issuer, name, value.clone());
        if name != "token_use" {
            claims["token_use"] = "access".into();
        }
        let got = reason(&stack, &signer.sign(&claims)).await;
        assert_eq!(got, (401, expected.to_owned()), "{name}: {value:?}");
        let labels = [&*format!("reason=\"{expected}\"")];
        let counted = metric(&stack, "tollgate_decisions_total", &labels).await;
        assert!(counted > 0.0, "{expected} is counted");
    }
    for (azp, expected) in [
        (Some(json!("app-2")), "client_unknown"),
        (None, "client_unknown"),
    ] {
        let mut claims = changed(&issuer, "azp", azp);
        claims["token_use"] = "access".into();
        let got = reason(&stack, &signer.sign(&claims)).await;
        assert_eq!(got, (403, expected.to_owned()));
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn algorithms_headers_and_forms_that_no_token_may_have_are_refused() {
    let (rsa, ec) = (
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("ec", Algorithm::ES256),
    );
    let issuer = FakeIssuer::start(&[&rsa, &ec]).await;
    let stack = stack_of(&issuer, "").await;
    let payload = issuer.claims().to_string();
    let signed = |header: &str| rsa.sign_text(header, &payload);
    let good = rsa.sign(&issuer.claims());
    let (message, signature) = good.rsplit_once('.').expect("dots");
    let public = rsa.jwk()["n"].as_str().expect("a modulus").to_owned();
    let hmac = jsonwebtoken::encode(
        &jsonwebtoken::Header {
            kid: Some("rsa".to_owned()),
            ..jsonwebtoken::Header::new(Algorithm::HS256)
        },
        &issuer.claims(),
        &EncodingKey::from_secret(public.as_bytes()),
    );
    let unsigned = signed(r#"{"alg":"none","kid":"rsa"}"#);
    let unsigned = unsigned.rsplit_once('.').expect("dots").0.to_owned() + ".";
    let twice = payload.replacen('{', r#"{"aud":"api://other","#, 1);
    let evil = json!({"alg": "RS256", "kid": "evil", "jwk": rsa.jwk(), "jku": format!("{}/evil", issuer.url()),
        "x5u": format!("{}/evil", issuer.url()), "x5c": ["AAAA"]});
    let cases: Vec<(String, &str)> = vec![
        (unsigned, "token_algorithm"),
        (hmac.expect("a token"), "token_algorithm"),
        (
            rsa.with(Algorithm::PS256).sign(&issuer.claims()),
            "token_algorithm",
        ),
        (
            signed(r#"{"alg":"RS256","kid":"ec"}"#),
            "token_key_mismatch",
        ),
        (
            ec.sign_text(r#"{"alg":"ES256","kid":"rsa"}"#, &payload),
            "token_key_mismatch",
        ),
        (
            signed(r#"{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}"#),
            "token_critical",
        ),
        (
            signed(r#"{"alg":"RS256","kid":"rsa","kid":"ec"}"#),
            "token_duplicate_member",
        ),
        (
            rsa.sign_text(r#"{"alg":"RS256","kid":"rsa"}"#, &twice),
            "token_duplicate_member",
        ),
        (
            signed(r#"{"alg":"RS256","kid":"rsa","typ":"secevent+jwt"}"#),
            "token_type",
        ),
        (signed(r#"{"alg":"RS256"}"#), "token_key_missing"),
        (signed(&evil.to_string()), "token_key_unknown"),
        (format!("{message}.{}", &signature[..40]), "token_signature"),
        (format!("{message}."), "token_signature"),
        (rsa.sign_text("[]", &payload), "token_malformed"),
        (format!("{good}.x.y"), "token_malformed"),
        ("a.b".to_owned(), "token_malformed"),
    ];
    for (token, expected) in cases {
        let got = reason(&stack, &token).await;
        assert_eq!(got, (401, expected.to_owned()), "{token:.80}");
    }
    let long = rsa.sign(&changed(&issuer, "x", Some("x".repeat(17 * 1024).into())));
    assert_eq!(
        reason(&stack, &long).await,
        (400, "credential_malformed".to_owned())
    );
    let asked = issuer.fetches();
    assert!(
        !asked.contains(&"/evil".to_owned()),
        "a key reference was followed: {asked:?}"
    );
    assert_eq!(status(&stack, &good).await, 200);
    let key = chat(&stack, &good).header("api-key", stack.key.text());
    assert_eq!(refused(key).await, (400, "ambiguous_credential".to_owned()));
}

#[tokio::test]
async fn an_issuers_key_proves_nothing_for_another_issuer() {
    let (a, b) = (
        Signer::new("1", Algorithm::ES256),
        Signer::new("1", Algorithm::ES256),
    );
    let (okta, other) = (
        FakeIssuer::start(&[&a]).await,
        FakeIssuer::start(&[&b]).await,
    );
    let issuers = entry(&okta, "okta", "")
        + &entry(
            &other,
            "other",
            ", default_client: { client: mobile-app, requires: { roles: [llm] } }",
        );
    let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    assert_eq!(status(&stack, &a.sign(&okta.claims())).await, 200);
    for token in [b.sign(&okta.claims()), a.sign(&other.claims())] {
        let got = reason(&stack, &token).await;
        assert_eq!(got, (401, "token_signature".to_owned()));
    }
    // The other issuer's tokens are the default client's if they have the role.
    let got = reason(&stack, &b.sign(&other.claims())).await;
    assert_eq!(got, (403, "client_unknown".to_owned()));
    let with_role = changed(&other, "roles", Some(json!(["x", "llm"])));
    assert_eq!(status(&stack, &b.sign(&with_role)).await, 200);
}

#[tokio::test]
async fn a_verdict_is_for_the_whole_token() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    let token = signer.sign(&issuer.claims());
    assert_eq!(status(&stack, &token).await, 200);
    let other = signer.sign(&changed(&issuer, "sub", Some("eve".into())));
    let (message, _) = token.rsplit_once('.').expect("dots");
    let (_, signature) = other.rsplit_once('.').expect("dots");
    let got = reason(&stack, &format!("{message}.{signature}")).await;
    assert_eq!(
        got,
        (401, "token_signature".to_owned()),
        "only the signature differs"
    );
}

#[tokio::test]
async fn entra_id_tokens_of_allowed_tenants_are_accepted() {
    const OURS: &str = "11111111-1111-4111-8111-111111111111";
    const OTHER: &str = "22222222-2222-4222-8222-222222222222";
    let signer = Signer::new("1", Algorithm::RS256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let keys = format!("jwks_uri: \"{}{KEYS_PATH}\"", issuer.url());
    let v2 = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let v1 = "https://sts.windows.net/{tenantid}/";
    let issuers = entry_at(
        v2,
        "okta",
        &format!(", tenants: [{OURS}], {keys}, claims: {{ user: oid, scopes: scp }}"),
    ) + &entry_at(
        v1,
        "entra-v1",
        &format!(
            ", tenants: [{OURS}], {keys}, claims: {{ client: appid, user: oid }}, default_client: {{ client: mobile-app }}"
        ),
    );
    let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    let now = unix_s();
    // The claims that access tokens of an application have in the two versions.
    let token = |template: &str, iss_tenant: &str, tid: &str| {
        let version = if template == v2 { "2.0" } else { "1.0" };
        let mut claims = json!({"aud": "api://tollgate", "iss": template.replace("{tenantid}", iss_tenant),
            "iat": now, "nbf": now, "exp": now + 3900, "aio": "x", "oid": "ada-oid", "tid": tid,
            "sub": "pairwise", "uti": "x", "ver": version});
        claims[if version == "2.0" { "azp" } else { "appid" }] = "app-1".into();
        claims[if version == "2.0" {
            "azpacr"
        } else {
            "appidacr"
        }] = "1".into();
        signer.sign(&claims)
    };
    for template in [v2, v1] {
        assert_eq!(
            status(&stack, &token(template, OURS, OURS)).await,
            200,
            "{template}"
        );
        for (iss, tid, expected) in [
            (OTHER, OTHER, "token_issuer"),
            (OURS, OTHER, "token_tenant"),
            ("{tenantid}", OURS, "token_issuer"),
        ] {
            let got = reason(&stack, &token(template, iss, tid)).await;
            assert_eq!(got, (401, expected.to_owned()), "{template} {iss} {tid}");
        }
    }
    assert_eq!(usage_line(&stack).await["user"], "ada-oid");
}

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
async fn an_issuer_that_is_down_at_the_start_takes_down_nobody_else() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    issuer.set_mode(IssuerMode::Down);
    let issuers = entry(&issuer, "okta", "");
    let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    let (ready, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(
        (ready.as_u16(), &*text),
        (200, "ready\nissuer okta: no keys\n")
    );
    assert_eq!(send(stack.chat(&hello())).await.status(), 200, "a key");
    let response = send(chat(&stack, &signer.sign(&issuer.claims()))).await;
    assert_eq!(response.status(), 503);
    assert!(
        response.headers().contains_key("retry-after"),
        "when to ask again"
    );
    let line = refusal_line(&stack).await;
    assert_eq!(line["reason"], "issuer_unavailable");
    issuer.set_mode(IssuerMode::Ok);
    wait_for("the issuer's tokens to be accepted", async || {
        (status(&stack, &signer.sign(&issuer.claims())).await == 200).then_some(())
    })
    .await;
    let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(text, "ready\n");
}

#[tokio::test]
async fn random_key_ids_cause_few_fetches() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    let before = issuer.key_fetches();
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
    let caused = issuer.key_fetches() - before;
    let allowed = 3 * usize::try_from(minutes).expect("few");
    assert!(
        (1..=allowed).contains(&caused),
        "{caused} fetches in {minutes} min"
    );
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn fetches_go_only_where_they_may() {
    let signer = Signer::new("1", Algorithm::ES256);
    let metadata = "http://169.254.169.254/metadata/identity/oauth2/token";
    let private = FakeIssuer::start(&[&signer]).await;
    // On another loopback address than the one that is allowed.
    let other = private.url().replace("127.0.0.1", "127.0.0.2") + KEYS_PATH;
    for mode in [
        IssuerMode::KeysAt(metadata.to_owned()),
        IssuerMode::KeysAt(other.clone()),
        IssuerMode::KeysAt("file:///etc/passwd".to_owned()),
        IssuerMode::Redirect(private.url() + KEYS_PATH),
        IssuerMode::OtherIssuer,
        IssuerMode::Endless,
    ] {
        let issuer = FakeIssuer::start(&[&signer]).await;
        issuer.set_mode(mode.clone());
        let issuers = entry(&issuer, "okta", "");
        let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
        let stack = Stack::start(options).await;
        wait_for("a failure", async || {
            let failed = ["issuer=\"okta\"", "outcome=\"failure\""];
            let failed = metric(&stack, "tollgate_issuer_refreshes_total", &failed).await;
            (failed > 0.0).then_some(())
        })
        .await;
        let got = reason(&stack, &signer.sign(&issuer.claims())).await;
        assert_eq!(got, (503, "issuer_unavailable".to_owned()), "{mode:?}");
    }
    assert!(private.fetches().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn a_product_that_requires_a_scope_is_for_tokens_with_it() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let issuers = entry(&issuer, "okta", ", claims: { scopes: scp }");
    let options = Options::default().edit_config(move |yaml| {
        with_issuers(&yaml, &issuers).replacen(
            "  - id: standard\n",
            "  - id: standard\n    requires: { scopes: [llm.invoke] }\n",
            1,
        )
    });
    let stack = Stack::start(options).await;
    for scopes in [json!("openid llm.invoke"), json!(["llm.invoke"])] {
        let claims = changed(&issuer, "scp", Some(scopes));
        assert_eq!(status(&stack, &signer.sign(&claims)).await, 200);
    }
    for scopes in [
        None,
        Some(json!("llm.invoke.more")),
        Some(json!({"llm.invoke": true})),
    ] {
        let token = signer.sign(&changed(&issuer, "scp", scopes));
        assert_eq!(
            reason(&stack, &token).await,
            (403, "entitlement_missing".to_owned())
        );
        let v1 = stack.callers.url("/openai/v1/chat/completions");
        let mut body = hello();
        body["model"] = "gpt-4o".into();
        let request = stack
            .callers
            .http1()
            .post(v1)
            .bearer_auth(&token)
            .json(&body);
        assert_eq!(
            refused(request).await,
            (403, "insufficient_scope".to_owned())
        );
    }
    let key = refused(stack.chat(&hello())).await;
    assert_eq!(
        key,
        (403, "insufficient_scope".to_owned()),
        "a key has no scopes"
    );
}

#[tokio::test]
async fn no_token_is_in_any_output() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let issuers = entry(&issuer, "okta", "");
    let options = Options::default()
        .tollgate_env("TOLLGATE_LOG", "trace")
        .edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    let good = signer.sign(&issuer.claims());
    let bad = signer.sign(&changed(&issuer, "aud", None));
    let (message, _) = good.rsplit_once('.').expect("dots");
    let mut answers = String::new();
    for token in [&good, &bad, &format!("{message}.AAAA")] {
        let response = send(chat(&stack, token)).await;
        answers.push_str(&format!("{:?}", response.headers()));
        answers.push_str(&response.text().await.expect("an answer"));
    }
    stack
        .tollgate()
        .audit()
        .wait_for_count("every line", 3)
        .await;
    let logs = [
        stack.envoy.access_log().all(),
        stack.tollgate().audit().all(),
        stack.tollgate().log().all(),
    ];
    answers.push_str(&logs.concat().concat());
    answers.push_str(&stack.tollgate().metrics().await.expect("metrics"));
    for token in [&good, &bad] {
        for part in token.split('.').skip(1) {
            assert!(!answers.contains(part), "a part of a token is in an output");
        }
    }
}
