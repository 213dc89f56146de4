use serde_json::json;

use super::*;
use crate::content::Redaction;

fn rules() -> ContentRules {
    ContentRules {
        redactions: vec![
            Redaction::new("email", r"[\w.+-]+@[\w.-]+\w").expect("a pattern"),
            Redaction::new("card", "[0-9]{16}").expect("a pattern"),
        ],
        ..ContentRules::default()
    }
}

fn redacted(document: Value) -> (Value, u64) {
    let rules = rules();
    let mut redactor = Redactor::new(&rules);
    let shown = redactor.document(document);
    (shown, redactor.count)
}

#[test]
fn every_text_is_read_as_the_model_reads_it() {
    // serde_json has resolved the escapes.
    let prompt: Value =
        serde_json::from_str(r#"{"content":"ada\u0040example.com","n":[1,"bob@example.com"]}"#)
            .expect("JSON");
    let shown = json!({"content": "[email]", "n": [1, "[email]"]});
    assert_eq!(redacted(prompt), (shown, 2));
}

#[test]
fn names_and_numbers_are_texts_too() {
    let document = json!({"a": {"ada@x.org": 1, "bob@x.org": 2}, "card": 4111111111111111_u64});
    let shown = json!({"a": {"[email]": 1, "[email] 2": 2}, "card": "[card]"});
    assert_eq!(redacted(document), (shown, 3));
}

#[test]
fn json_in_texts_is_read_too() {
    let arguments = r#"{"to":"ada\u0040x.org","inner":"{\"password\":\"p\"}"}"#;
    let (shown, count) = redacted(json!({"arguments": arguments}));
    let inner = shown["arguments"].as_str().expect("a text");
    let inner: Value = serde_json::from_str(inner).expect("JSON");
    assert_eq!(
        inner,
        json!({"to": "[email]", "inner": "{\"password\":\"[secret]\"}"})
    );
    assert_eq!(count, 2);
    // What is deeper than is read is a text, and patterns find what is not escaped in it.
    let mut deep = json!({"to": "ada@x.org"});
    for _ in 0..10 {
        deep = json!({ "x": deep.to_string() });
    }
    assert!(!redacted(deep).0.to_string().contains("ada@"));
    // Half of one is a text.
    assert_eq!(
        redacted(json!(r#"{"to":"ada@x.org"#)).0,
        json!(r#"{"to":"[email]"#)
    );
}

#[test]
fn members_that_hold_secrets_are_left_out_wherever_they_are() {
    let document = json!({
        "tools": [{"type": "mcp", "Authorization": "abc", "headers": {"x": "y"}}],
        "data_sources": [{"parameters": {"authentication": {"type": "api_key", "key": "k"}}}],
        "password": null,
    });
    let shown = json!({
        "tools": [{"type": "mcp", "Authorization": "[secret]", "headers": "[secret]"}],
        "data_sources": [{"parameters": {"authentication": "[secret]"}}],
        "password": null,
    });
    assert_eq!(redacted(document), (shown, 3));
}

#[test]
fn who_the_end_user_is_is_for_the_line_to_say() {
    let document = json!({"user": "ada", "safety_identifier": "a", "x": {"user": "word"}});
    let shown = json!({"user": "[user]", "safety_identifier": "[user]", "x": {"user": "word"}});
    assert_eq!(redacted(document), (shown, 0));
}

#[test]
fn images_and_files_are_a_length() {
    let long = "QUJD".repeat(100);
    let document = json!({
        "url": "DATA:image/png;base64,QUJD", "b64_json": long, "word": "QUJD",
        "text": "a b".repeat(200), "é": "é",
    });
    let (shown, _) = redacted(document);
    assert_eq!(shown["url"], "[26 bytes of data]");
    assert_eq!(shown["b64_json"], "[400 bytes of data]");
    assert_eq!(shown["word"], "QUJD");
    assert_eq!(shown["text"], "a b".repeat(200));
}
