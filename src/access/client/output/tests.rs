use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::access::IncludeUsage;

const CHAT: &str = "/openai/v1/chat/completions";
const OLD_CHAT: &str = "/openai/deployments/a/chat/completions?api-version=2024-06-01";
const NEW_CHAT: &str = "/openai/deployments/a/chat/completions?api-version=2024-09-01-preview";
const COMPLETIONS: &str = "/openai/v1/completions";
const RESPONSES: &str = "/openai/v1/responses";

fn limited(limit: u32, path: &str, body: &str) -> Result<Option<Edit>, OptionError> {
    let limit = NonZeroU32::new(limit).expect("a limit");
    let target = Target::parse("POST", path).expect("a good path");
    let parsed =
        RequestBody::read(target.endpoint.operation(), body.as_bytes()).expect("a valid body");
    limit_output(limit, &target, &parsed, body.as_bytes())
}

/// The body that goes out.
fn sent(limit: u32, path: &str, body: &str) -> Value {
    let edits = limited(limit, path, body).unwrap_or_else(|error| panic!("{body}: {error}"));
    let edits: Vec<_> = edits.into_iter().collect();
    serde_json::from_slice(&Edit::apply(&edits, body.as_bytes())).expect("still JSON")
}

#[test]
fn the_limit_is_written_where_the_client_says_nothing() {
    let newer = json!({"max_completion_tokens": 100});
    let older = json!({"max_tokens": 100});
    for (path, body, expected) in [
        (CHAT, "{}", newer.clone()),
        (NEW_CHAT, "{}", newer.clone()),
        (OLD_CHAT, "{}", older.clone()),
        (CHAT, r#"{"max_completion_tokens":null}"#, newer),
        (OLD_CHAT, r#"{"max_tokens" : null }"#, older),
        (
            CHAT,
            r#"{"data_sources":[]}"#,
            json!({"data_sources": [], "max_tokens": 100}),
        ),
        (
            CHAT,
            r#"{"n":3}"#,
            json!({"n": 3, "max_completion_tokens": 33}),
        ),
        (RESPONSES, "{}", json!({"max_output_tokens": 100})),
        (
            RESPONSES,
            r#"{"n":3}"#,
            json!({"n": 3, "max_output_tokens": 100}),
        ),
        (COMPLETIONS, "{}", json!({"max_tokens": 16})),
        (
            COMPLETIONS,
            r#"{"best_of":10}"#,
            json!({"best_of": 10, "max_tokens": 10}),
        ),
    ] {
        assert_eq!(sent(100, path, body), expected, "{path} {body}");
    }
}

#[test]
fn what_is_within_the_limit_stays_as_it_is() {
    for (path, body) in [
        (CHAT, r#"{"max_completion_tokens":100}"#),
        (CHAT, r#"{"max_tokens":100}"#),
        (CHAT, r#"{"max_tokens":1,"max_completion_tokens":null}"#),
        (CHAT, r#"{"max_tokens":50,"n":2}"#),
        (OLD_CHAT, r#"{"max_tokens":100}"#),
        (COMPLETIONS, r#"{"max_tokens":50,"n":2,"best_of":2}"#),
        (COMPLETIONS, r#"{"max_tokens":50,"prompt":["a","b"]}"#),
        (COMPLETIONS, r#"{"max_tokens":100,"prompt":[1,2,3]}"#),
        (RESPONSES, r#"{"max_output_tokens":100}"#),
        ("/openai/v1/embeddings", r#"{"max_tokens":1000000,"n":-1}"#),
    ] {
        assert_eq!(limited(100, path, body), Ok(None), "{path} {body}");
    }
}

#[test]
fn an_older_version_is_bound_by_the_member_that_it_knows() {
    let body = r#"{"max_completion_tokens":50}"#;
    let expected = json!({"max_completion_tokens": 50, "max_tokens": 100});
    assert_eq!(sent(100, OLD_CHAT, body), expected);
}

#[test]
fn more_than_the_limit_is_refused_over_all_answers() {
    for (path, body) in [
        (CHAT, r#"{"max_completion_tokens":101}"#),
        (CHAT, r#"{"max_tokens":101}"#),
        (CHAT, r#"{"max_tokens":1,"max_completion_tokens":101}"#),
        (CHAT, r#"{"max_tokens":51,"n":2}"#),
        (CHAT, r#"{"n":101}"#),
        (
            CHAT,
            r#"{"max_tokens":18446744073709551615,"n":18446744073709551615}"#,
        ),
        (OLD_CHAT, r#"{"max_completion_tokens":101,"max_tokens":1}"#),
        (COMPLETIONS, r#"{"max_tokens":101}"#),
        (COMPLETIONS, r#"{"max_tokens":51,"best_of":2}"#),
        (COMPLETIONS, r#"{"max_tokens":51,"prompt":["a","b"]}"#),
        (COMPLETIONS, r#"{"max_tokens":51,"prompt":[[1,2],[3]]}"#),
        (COMPLETIONS, r#"{"max_tokens":26,"n":2,"prompt":["a","b"]}"#),
        (RESPONSES, r#"{"max_output_tokens":101}"#),
    ] {
        let refused = limited(100, path, body);
        assert!(
            matches!(refused, Err(OptionError::TooManyTokens { limit: 100, .. })),
            "{path} {body}: {refused:?}"
        );
    }
}

#[test]
fn what_is_no_positive_number_is_refused() {
    for value in [
        "0",
        "-1",
        "1.0",
        "1e3",
        "\"5\"",
        "true",
        "[5]",
        "{}",
        "99999999999999999999",
    ] {
        for (path, member) in [
            (CHAT, "max_tokens"),
            (CHAT, "max_completion_tokens"),
            (CHAT, "n"),
            (COMPLETIONS, "max_tokens"),
            (COMPLETIONS, "n"),
            (COMPLETIONS, "best_of"),
            (RESPONSES, "max_output_tokens"),
        ] {
            let body = format!(r#"{{"{member}":{value}}}"#);
            assert_eq!(
                limited(100, path, &body),
                Err(OptionError::NoNumber(member)),
                "{body}"
            );
        }
    }
}

#[test]
fn a_duplicate_member_is_refused() {
    for (member, escaped) in [
        ("max_tokens", r"m\u0061x_tokens"),
        ("max_completion_tokens", r"m\u0061x_completion_tokens"),
        ("max_output_tokens", r"m\u0061x_output_tokens"),
        ("n", r"\u006e"),
        ("best_of", r"\u0062est_of"),
        ("prompt", r"prom\u0070t"),
        ("user", r"us\u0065r"),
    ] {
        for again in [member, &member.to_uppercase(), escaped] {
            let body = format!(r#"{{"{member}":1,"{again}":2}}"#);
            assert!(
                RequestBody::read(Operation::Responses, body.as_bytes()).is_err(),
                "{body}"
            );
        }
    }
}

/// A member of a body, as somebody may write it.
fn member() -> impl Strategy<Value = (String, String)> {
    let names = [
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n",
        "best_of",
        "user",
        "other",
        "messages",
    ];
    let values = [
        "null",
        "1",
        "2",
        " 7 ",
        "{}",
        "{ }",
        r#"{"include_usage":false}"#,
        r#"{"a":[1,{"n":2}]}"#,
        r#"[{"max_tokens":5}]"#,
        r#""}{\"""#,
        "true",
        r#"{"include_usage": null ,"b":1}"#,
    ];
    (
        prop::sample::select(names.to_vec()),
        prop::sample::select(values.to_vec()),
    )
        .prop_map(|(name, value)| (name.to_owned(), value.to_owned()))
}

proptest! {
    #[test]
    fn several_changes_of_a_body_add_their_members_and_nothing_else(
        members in prop::collection::vec(member(), 0..7),
        space in prop::sample::select(&["", " ", "\n\t"][..]),
        path in prop::sample::select(&[CHAT, OLD_CHAT, COMPLETIONS, RESPONSES][..]),
    ) {
        let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        prop_assume!(names.len() == members.len());
        let written: Vec<_> = members.iter()
            .map(|(name, value)| format!("{space}\"{name}\"{space}:{value}"))
            .collect();
        let body = format!("{space}{{{}{space}}}{space}", written.join(","));
        let operation = Target::parse("POST", path).expect("a good path").endpoint.operation();
        let is_option = |value: &str| value == "null" || value.starts_with('{');
        let has_options = |(name, value): &(String, String)| {
            name == "stream_options" && (!is_option(value) || value.contains("\"a\"") || value.contains("\"b\""))
        };
        prop_assume!(!members.iter().any(has_options));
        let parsed = RequestBody::read(operation, body.as_bytes()).expect("a valid body");
        let cap = limited(100, path, &body).ok().flatten();
        let usage = match parsed.include_usage {
            IncludeUsage::NotRequested(edit) => Some(edit),
            IncludeUsage::Requested => None,
        };
        let (has_cap, has_usage) = (cap.is_some(), usage.is_some());
        let edits: Vec<_> = cap.into_iter().chain(usage).collect();
        let changed = Edit::apply(&edits, body.as_bytes());
        let mut expected: Value = serde_json::from_str(&body).expect("JSON");
        let after: Value = serde_json::from_slice(&changed)
            .unwrap_or_else(|_| panic!("{body} became {}", String::from_utf8_lossy(&changed)));
        if has_usage {
            if !expected["stream_options"].is_object() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = true.into();
        }
        if has_cap {
            let names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
            let added: Vec<_> = names.iter().filter(|name| after[**name] != expected[**name]).collect();
            let [name] = added.as_slice() else {
                return Err(TestCaseError::fail(format!("{body}: {added:?} were added")));
            };
            prop_assert!(expected[**name].is_null(), "{} had {}", body, name);
            prop_assert!(after[**name].as_u64().is_some_and(|it| (1..=100).contains(&it)));
            expected[**name] = after[**name].clone();
        }
        prop_assert!(RequestBody::read(operation, &changed).is_ok(), "a duplicate member in {}", body);
        prop_assert_eq!(after, expected, "{}", body);
    }
}
