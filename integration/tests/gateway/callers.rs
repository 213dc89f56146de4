//! Who is calling: keys, and everything that is not a key.

use serde_json::json;
use tollgate_integration::stack::{CHAT_PATH, Stack, TestKey};

use crate::support::{
    assert_backend_untouched, hello, metric, refusal_line, refused, refused_for, send, stack,
};

/// Headers, and the status, code and reason that they are refused with.
type Case<'a> = (Vec<(&'a str, &'a str)>, u16, &'a str, &'a str);

fn with_headers(stack: &Stack, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let request = stack
        .callers
        .http1()
        .post(stack.callers.url(CHAT_PATH))
        .json(&hello());
    headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    })
}

#[tokio::test]
async fn every_credential_that_is_none_is_refused_with_its_reason() {
    let stack = stack().await;
    let key = stack.key.text();
    let (unknown, bearer) = (TestKey::numbered(2), format!("Bearer {key}"));
    let mistyped = key.replacen("Test", "Tset", 1);
    let twice = format!("{bearer},{bearer}");
    let long = "k".repeat(17 * 1024);
    let (scheme, malformed) = ("unsupported_scheme", "key_malformed");
    let (missing, ambiguous) = ("missing_credential", "ambiguous_credential");
    let (no, two) = ("credential_missing", "credential_ambiguous");
    let invalid = "invalid_api_key";
    let cases: Vec<Case<'_>> = vec![
        (vec![], 401, missing, no),
        (vec![("api-key", "")], 401, missing, no),
        (vec![("x-api-key", key)], 401, missing, no),
        (vec![("authorization", "Bearer")], 401, missing, no),
        (
            vec![("authorization", "Basic eDp5")],
            401,
            scheme,
            "credential_scheme",
        ),
        (
            vec![("api-key", "0123456789abcdef0123456789abcdef")],
            401,
            invalid,
            malformed,
        ),
        (
            vec![("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")],
            401,
            "invalid_token",
            "token_algorithm",
        ),
        (vec![("api-key", &mistyped)], 401, invalid, "key_checksum"),
        (
            vec![("api-key", unknown.text())],
            401,
            invalid,
            "key_unknown",
        ),
        (
            vec![("api-key", key), ("authorization", "Bearer other")],
            400,
            ambiguous,
            two,
        ),
        (
            vec![("api-key", key), ("api-key", key)],
            400,
            ambiguous,
            two,
        ),
        (
            vec![("authorization", &bearer), ("authorization", &bearer)],
            400,
            ambiguous,
            two,
        ),
        (vec![("authorization", &twice)], 400, ambiguous, two),
        (
            vec![("api-key", &long)],
            400,
            "malformed_credential",
            "credential_malformed",
        ),
    ];
    for (headers, status, code, reason) in cases {
        let before = metric(
            &stack,
            "tollgate_decisions_total",
            &[&format!("reason=\"{reason}\"")],
        )
        .await;
        let shown: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value:.60}"))
            .collect();
        let got = refused(with_headers(&stack, &headers)).await;
        assert_eq!(got, (status, code.to_owned()), "{shown:?}");
        let after = metric(
            &stack,
            "tollgate_decisions_total",
            &[&format!("reason=\"{reason}\"")],
        )
        .await;
        assert_eq!(after, before + 1.0, "{shown:?}: counted as {reason}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_401_says_how_to_authenticate_and_an_operator_learns_why() {
    let stack = stack().await;
    let response = send(with_headers(&stack, &[])).await;
    assert_eq!(response.status(), 401);
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|it| it.to_str().ok())
            .map(str::to_owned)
    };
    assert_eq!(
        header("www-authenticate").as_deref(),
        Some("Bearer realm=\"tollgate\"")
    );
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    let id = header("x-request-id").expect("an id to ask about");
    let line = refusal_line(&stack).await;
    assert_eq!(
        line["request_id"],
        id.as_str(),
        "the audit log has the id that the caller saw"
    );
    assert_eq!(line["reason"], "credential_missing");
    assert_eq!(line["status"], 401);
    assert_eq!(line["client"], serde_json::Value::Null);
    let line = stack
        .envoy
        .access_log()
        .wait_for_json("the access log", |line| line["status"] == 401)
        .await;
    assert_eq!(line["denied"], "credential_missing");
}

#[tokio::test]
async fn a_refusal_says_in_the_audit_log_who_asked_for_what_as_far_as_it_was_known() {
    let stack = stack().await;
    let unknown = TestKey::numbered(2);
    let responses = "/openai/v1/responses";
    let conversation = json!({"model": "gpt-4o", "input": "Hi", "conversation": "conv_1"});
    let other = json!({"model": "gpt-4o-other", "input": "Hi"});
    let no_model = json!({"input": "Hi"});
    let (nobody, app) = (
        [None, Some("key")],
        [Some("mobile-app"), Some("key.primary")],
    );
    for (request, reason, [client, credential], [operation, deployment, product]) in [
        (
            with_headers(&stack, &[("api-key", unknown.text())]),
            "key_unknown",
            nobody,
            [Some("chat.completions"), Some("gpt-4o"), None],
        ),
        (
            stack.post("/openai/v1/nowhere", &no_model),
            "path_unknown",
            app,
            [None, None, None],
        ),
        (
            stack.post(responses, &no_model),
            "model_missing",
            app,
            [Some("responses"), None, None],
        ),
        (
            stack.post(responses, &other),
            "deployment_not_allowed",
            app,
            [Some("responses"), Some("gpt-4o-other"), Some("standard")],
        ),
        (
            stack.post(responses, &conversation),
            "conversation",
            app,
            [Some("responses"), Some("gpt-4o"), Some("standard")],
        ),
    ] {
        let response = send(request).await;
        let id = response.headers()["x-request-id"].to_str().expect("text");
        let audit = stack.tollgate().audit();
        let line = audit
            .wait_for_json(reason, |line| line["reason"] == reason)
            .await;
        assert_eq!(line["request_id"], id, "{line}");
        for (member, expected) in [
            ("client", client),
            ("credential", credential),
            ("operation", operation),
            ("deployment", deployment),
            ("product", product),
        ] {
            assert_eq!(line[member].as_str(), expected, "{member}: {line}");
        }
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn both_keys_of_a_client_are_accepted_until_one_is_taken_out() {
    let second = TestKey::numbered(2);
    let sha256 = second.sha256();
    let mut stack = crate::support::stack_with(move |yaml| {
        yaml.replace(
            "    products: [standard]\n",
            &format!("      - {{ key: {{ sha256: \"{sha256}\", slot: secondary }} }}\n    products: [standard]\n"),
        )
    })
    .await;
    let first = stack.key.clone();
    for key in [&first, &second] {
        let response = send(with_headers(&stack, &[("api-key", key.text())])).await;
        assert_eq!(response.status(), 200);
    }
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the configuration");
    let without: String = yaml
        .lines()
        .filter(|line| !line.contains(&first.sha256()))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(stack.config_path(), without).expect("written");
    stack.restart_tollgate().await.expect("it starts again");
    let (status, _) = refused(with_headers(&stack, &[("api-key", first.text())])).await;
    assert_eq!(status, 401, "the key that was taken out");
    let response = send(with_headers(&stack, &[("api-key", second.text())])).await;
    assert_eq!(response.status(), 200, "the other one goes on");
}

#[tokio::test]
async fn a_key_in_the_query_string_is_refused_and_not_logged() {
    let stack = stack().await;
    let key = stack.key.text();
    for name in ["subscription-key", "api-key", "Subscription%2Dkey"] {
        let path = format!("{CHAT_PATH}&{name}={key}");
        let got = refused(stack.post(&path, &hello())).await;
        assert_eq!(got, (400, "key_in_query".to_owned()), "{name}");
    }
    assert_backend_untouched(&stack);
    stack
        .envoy
        .access_log()
        .wait_for_count("three lines", 3)
        .await;
    let logs = [
        stack.envoy.access_log().all(),
        stack.tollgate().audit().all(),
        stack.tollgate().log().all(),
    ];
    assert!(!logs.concat().concat().contains(key), "the key is in a log");
}

#[tokio::test]
async fn a_key_is_good_only_in_its_time_and_while_nobody_has_stopped_it() {
    let limits = [
        ("not_before: 2999-01-01", "key_not_yet_valid"),
        ("not_after: 2020-01-01", "key_expired"),
        ("state: suspended", "key_suspended"),
        ("state: revoked", "key_revoked"),
    ];
    let keys: Vec<_> = (10..)
        .map(TestKey::numbered)
        .take(limits.len() + 1)
        .collect();
    let clients: String = limits
        .iter()
        .map(|(limit, _)| *limit)
        .chain(["not_before: 2020-01-01, not_after: 2999-01-01"])
        .zip(&keys)
        .map(|(limit, key)| {
            format!(
                "  - id: app-{}\n    credentials: [ {{ key: {{ sha256: \"{}\", slot: primary, {limit} }} }} ]\n    products: [standard]\n",
                &key.sha256()[..8],
                key.sha256()
            )
        })
        .collect();
    let stack = crate::support::stack_with(move |yaml| {
        yaml.replacen("clients:\n", &format!("clients:\n{clients}"), 1)
    })
    .await;
    for ((_, reason), key) in limits.iter().zip(&keys) {
        let got = refused(with_headers(&stack, &[("api-key", key.text())])).await;
        assert_eq!(got, (401, "invalid_api_key".to_owned()), "{reason}");
        let label = format!("reason=\"{reason}\"");
        assert_eq!(
            metric(&stack, "tollgate_decisions_total", &[&label]).await,
            1.0,
            "{reason}"
        );
        let line = refused_for(&stack, reason).await;
        let client = format!("app-{}", &key.sha256()[..8]);
        assert_eq!(line["client"], client, "{line}");
        assert_eq!(line["credential"], "key.primary", "{line}");
        assert_eq!(line["key_id"].as_str(), key.text().get(4..14), "{line}");
        assert_eq!(
            (&line["address"], &line["path"]),
            (&"127.0.0.1".into(), &CHAT_PATH.split('?').next().into()),
            "{line}"
        );
        assert!(!line.to_string().contains(key.text()), "{line}");
    }
    assert_backend_untouched(&stack);
    let good = keys.last().expect("the last key");
    let response = send(with_headers(&stack, &[("api-key", good.text())])).await;
    assert_eq!(response.status(), 200, "a key in its time");
}
