//! Tokens: what they say and how they are formed, good ones and every kind of bad one.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tollgate_integration::fakes::issuer::{FakeIssuer, P521Signer, Signer, unix_s};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack};

use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, metric, refusal_line, refused,
    refused_for, send, usage_line,
};
use crate::token_support::{
    changed, chat, entry, explain_token, reason, stack_of, status, with_issuers,
};

#[tokio::test]
async fn a_token_names_its_client_and_user_and_does_not_reach_the_backend() {
    let signers = [
        Signer::new("rsa", Algorithm::RS256),
        Signer::new("p256", Algorithm::ES256),
        Signer::new("p384", Algorithm::ES384),
        Signer::new("ed", Algorithm::EdDSA),
    ];
    let issuer = FakeIssuer::start(&signers.each_ref()).await;
    let p521 = P521Signer::new("p521");
    let mut keys: Vec<_> = signers.iter().map(Signer::jwk).collect();
    keys.push(p521.jwk());
    issuer.set_keys(keys);
    let all = ", algorithms: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519]";
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
    let by_new_name = r#"{"alg":"Ed25519","kid":"ed"}"#;
    let by_new_name = signers[3].sign_text(by_new_name, &issuer.claims().to_string());
    for (what, token) in [
        ("ES512", p521.sign(&issuer.claims())),
        ("Ed25519", by_new_name),
    ] {
        assert_eq!(status(&stack, &token).await, 200, "{what}");
    }
    let line = usage_line(&stack).await;
    assert_eq!(line["client"], "mobile-app");
    assert_eq!(line["user"], "ada");
    assert_eq!(line["credential"], "token");
    assert!(line["key_id"].is_null(), "a token is not a key: {line}");
    assert_no_violations(&stack);
    let response = send(stack.chat(&hello())).await;
    assert_eq!(response.status(), 200, "the client's key is as good");
}

#[tokio::test]
async fn a_users_name_that_is_too_long_or_moves_the_cursor_is_recorded_bounded() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    let name = format!("ann\u{1b}[2J{}", "é".repeat(3000));
    let claims = changed(&issuer, "sub", Some(json!(name)));
    assert_eq!(status(&stack, &signer.sign(&claims)).await, 200);
    let line = usage_line(&stack).await;
    let user = line["user"].as_str().expect("a user");
    assert!(user.starts_with("ann\u{fffd}[2Jééé"), "{user}");
    assert!((250..=256).contains(&user.len()), "{} bytes", user.len());
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
        ("exp", Some(json!(1e9)), "token_expired"),
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
async fn roles_and_groups_are_whole_names_whatever_is_in_them() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let issuers = entry(&issuer, "okta", "");
    let options = Options::default().edit_config(move |yaml| {
        with_issuers(&yaml, &issuers).replacen(
            "  - id: standard\n",
            "  - id: standard\n    requires: { roles: [llm-admin], groups: [LLM Users] }\n",
            1,
        )
    });
    let stack = Stack::start(options).await;
    for (roles, groups, expected) in [
        (json!("llm-admin"), json!("LLM Users"), 200),
        (json!(["llm-admin"]), json!(["x", "LLM Users"]), 200),
        (json!("not llm-admin"), json!("LLM Users"), 403),
        (json!(["not llm-admin"]), json!("LLM Users"), 403),
        (json!("llm-admin"), json!(["LLM", "Users"]), 403),
    ] {
        let mut claims = issuer.claims();
        claims["roles"] = roles.clone();
        claims["groups"] = groups.clone();
        let got = status(&stack, &signer.sign(&claims)).await;
        assert_eq!(got, expected, "{roles} {groups}");
    }
}

#[tokio::test]
async fn the_audit_log_and_explain_say_which_claim_is_missing() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let more = ", required_claims: { sub: [], token_use: access }";
    let stack = stack_of(&issuer, more).await;
    for (claims, detail) in [
        (issuer.claims(), "`token_use` is missing"),
        (
            changed(&issuer, "token_use", Some("id".into())),
            "`token_use` has another value",
        ),
    ] {
        let token = signer.sign(&claims);
        let got = reason(&stack, &token).await;
        assert_eq!(got, (401, "token_claim".to_owned()));
        let lines = stack.tollgate().audit().json();
        let said = lines.iter().rfind(|line| line["event"] == "refused");
        assert_eq!(said.map(|line| &line["detail"]), Some(&json!(detail)));
        let (text, _) = explain_token(&stack, &token).await;
        assert!(text.contains(detail), "not `{detail}`: {text}");
    }
}

#[tokio::test]
async fn an_opaque_token_is_named_in_the_answer_and_in_explain() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    let opaque = "6QbXq3T0vZ9fWc1nRk7pLs2u";
    let response = send(chat(&stack, opaque)).await;
    assert_eq!(response.status(), 401);
    let body: Value = response.json().await.expect("JSON");
    let said = body["error"]["message"].as_str().expect("a message");
    assert!(said.contains("is a JWT"), "{said}");
    let line = refusal_line(&stack).await;
    assert_eq!(line["reason"], "token_opaque");
    assert_eq!(line["credential"], "token");
    let (text, _) = explain_token(&stack, opaque).await;
    assert!(
        text.contains("it is opaque") && text.contains("ask the issuer"),
        "{text}"
    );
    let as_key = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let got = refused(as_key.header("api-key", opaque).json(&hello())).await;
    assert_eq!(
        got,
        (401, "invalid_api_key".to_owned()),
        "not where tokens are"
    );
    let cut = &stack.key.text()[..40];
    assert_eq!(
        reason(&stack, cut).await.1,
        "key_malformed",
        "a key that was cut"
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

#[tokio::test]
async fn whose_a_refused_token_is_can_be_looked_up() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = stack_of(&issuer, "").await;
    let expired = signer.sign(&changed(&issuer, "exp", Some(json!(unix_s() - 3600))));
    assert_eq!(status(&stack, &expired).await, 401);
    let line = refused_for(&stack, "token_expired").await;
    assert_eq!(
        (&line["issuer"], &line["azp"]),
        (&json!(issuer.url()), &json!("app-1")),
        "{line}"
    );
    // What nobody has signed says nothing, and neither does a token of a stranger.
    let other = Signer::new("1", Algorithm::ES256);
    let forged = other.sign(&changed(&issuer, "azp", Some(json!("somebody"))));
    assert_eq!(status(&stack, &forged).await, 401);
    let line = refused_for(&stack, "token_signature").await;
    assert_eq!(
        (&line["issuer"], &line["azp"]),
        (&json!(issuer.url()), &Value::Null),
        "{line}"
    );
    let foreign = signer.sign(&changed(
        &issuer,
        "iss",
        Some(json!("https://evil.example")),
    ));
    assert_eq!(status(&stack, &foreign).await, 401);
    let line = refused_for(&stack, "token_issuer").await;
    assert_eq!(line.get("issuer"), None, "{line}");
    for token in [&expired, &forged, &foreign] {
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(!stack.tollgate().audit().all().concat().contains(signature));
    }
}
