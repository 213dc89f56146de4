use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(body: &str) -> Result<RequestBody, BodyError> {
    RequestBody::parse(body.as_bytes())
}

/// The body after the gateway has asked for usage.
fn asked(body: &str) -> Value {
    match parse(body).expect("a valid body").include_usage {
        IncludeUsage::NotAsked(edit) => {
            serde_json::from_slice(&Edit::apply(&[edit], body.as_bytes())).expect("still JSON")
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn the_deciding_members_are_read() {
    let body = parse(
        r#"{"model":"gpt-4o","messages":[{"model":"x","stream":1}],"stream":true,
            "previous_response_id":"resp_1"}"#,
    )
    .expect("a valid body");
    assert_eq!(body.model.as_deref(), Some("gpt-4o"));
    assert!(body.stream);
    assert_eq!(body.previous_response_id.as_deref(), Some("resp_1"));
    assert!(!body.has_data_sources);
}

#[test]
fn an_escaped_name_is_the_same_name() {
    let body = parse(r#"{"mod\u0065l":"gpt-4o"}"#).expect("a valid body");
    assert_eq!(body.model.as_deref(), Some("gpt-4o"));
    assert!(parse(r#"{"mod\u0065l":"gpt-4o","model":"other"}"#).is_err());
}

#[test]
fn an_ambiguous_or_malformed_body_is_refused() {
    let bodies = [
        "",
        "null",
        "[]",
        "\"model\"",
        "{",
        r#"{"model":"a"} x"#,
        r#"{"model":"a"}{"model":"b"}"#,
        r#"{"model":"a","model":"a"}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"MODEL":"b"}"#,
        r#"{"model":{"name":"a"}}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":null}"#,
        r#"{"model":1}"#,
        r#"{"model":"a","stream":"yes"}"#,
        r#"{"model":"a","stream":true,"stream":false}"#,
        r#"{"model":"a","stream_options":{},"stream_options":{}}"#,
        "\u{feff}{\"model\":\"a\"}",
    ];
    for body in bodies {
        assert!(parse(body).is_err(), "{body:?} must be refused");
    }
}

#[test]
fn a_reference_to_a_stored_item_is_seen_in_every_form() {
    let references = [
        r#"[{"type":"item_reference","id":"msg_1"}]"#,
        r#"[{"role":"user","content":"Hi"},{"id":"msg_1"}]"#,
        r#"[ {"id":"msg_1","type":null} ]"#,
        r#"[{"t\u0079pe":"item_reference","id":"msg_1"}]"#,
        r#"[{"type":"message","type":"item_reference","id":"msg_1"}]"#,
    ];
    for input in references {
        let body = parse(&format!(r#"{{"model":"a","input":{input}}}"#)).expect("a body");
        assert!(body.has_item_reference, "{input}");
    }
    let others = [
        r#""item_reference""#,
        r#"["a","{}"]"#,
        "[[1,2],[3]]",
        r#"[{"role":"user","content":[{"type":"input_text","text":"item_reference"}]}]"#,
        r#"[{"type":"message","id":"msg_1","role":"assistant","content":[]}]"#,
        r#"[{"type":"function_call_output","call_id":"c","output":"x"}]"#,
    ];
    for input in others {
        let body = parse(&format!(r#"{{"model":"a","input":{input}}}"#)).expect("a body");
        assert!(!body.has_item_reference, "{input}");
    }
    assert!(parse(r#"{"model":"a","input":"x","Input":[]}"#).is_err());
}

#[test]
fn deep_nesting_is_no_recursion() {
    let depth = 200_000;
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    let body = format!(r#"{{"model":"a","x":{open}{close},"stream_options":{open}{close}}}"#);
    let parsed = parse(&body).expect("nesting in what is not read is the backend's business");
    assert_eq!(parsed.include_usage, IncludeUsage::Unclear);
}

#[test]
fn usage_is_asked_for_without_touching_the_rest() {
    let option = json!({"include_usage": true});
    let cases = [
        (r#"{"stream":true}"#, option.clone()),
        (" \n{ \"stream\" : true }", option.clone()),
        (r#"{"stream_options":null,"a":1}"#, option.clone()),
        (r#"{"stream_options":{}}"#, option.clone()),
        (r#"{"stream_options": { } }"#, option.clone()),
        (
            r#"{"stream_options":{"include_usage":false}}"#,
            option.clone(),
        ),
        (r#"{"stream_options":{"include_usage": null }}"#, option),
        (
            r#"{"stream_options":{"include_obfuscation":false}}"#,
            json!({"include_usage": true, "include_obfuscation": false}),
        ),
    ];
    for (body, expected) in cases {
        let mut result = asked(body);
        assert_eq!(result["stream_options"], expected, "{body}");
        let mut original: Value = serde_json::from_str(body).expect("JSON");
        for value in [&mut result, &mut original] {
            value
                .as_object_mut()
                .expect("an object")
                .remove("stream_options");
        }
        assert_eq!(result, original, "{body}: the rest must stay");
    }
}

#[test]
fn a_client_that_asked_itself_is_left_alone() {
    let asked = parse(r#"{"stream_options":{"include_usage":true}}"#).expect("valid");
    assert_eq!(asked.include_usage, IncludeUsage::Asked);
    for odd in [
        r#"{"stream_options":7}"#,
        r#"{"stream_options":{"include_usage":"yes"}}"#,
        r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
    ] {
        let parsed = parse(odd).expect("the backend judges it");
        assert_eq!(parsed.include_usage, IncludeUsage::Unclear, "{odd}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = RequestBody::parse(&body);
    }

    #[test]
    fn no_almost_json_panics(body in r#"[{}\[\]":,a-d0-9\\ ]{0,60}"#) {
        if let Ok(RequestBody { include_usage: IncludeUsage::NotAsked(edit), .. }) = parse(&body) {
            let result = Edit::apply(&[edit], body.as_bytes());
            prop_assert!(
                serde_json::from_slice::<IgnoredAny>(&result).is_ok(),
                "{} became {}", body, String::from_utf8_lossy(&result)
            );
        }
    }
}
