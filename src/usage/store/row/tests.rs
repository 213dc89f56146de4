use super::*;

#[test]
fn names_are_bounded_and_stay_text() {
    let long = "é".repeat(MAX_NAME_BYTES);
    assert_eq!(text(&long), "é".repeat(MAX_NAME_BYTES / 2));
    assert_eq!(text("a\0b"), "a\u{fffd}b");
    assert_eq!(text("gpt-4o"), "gpt-4o");
}

#[test]
fn a_row_comes_out_of_the_log_as_it_went_in() {
    let row = LedgerRow {
        currency: Some("USD".to_owned()),
        service_tier: Some("priority".to_owned()),
        status: Some(0),
        first_token_us: Some(-1),
        ..LedgerRow::default()
    };
    let bytes = prost::Message::encode_to_vec(&row);
    let read: LedgerRow = prost::Message::decode(bytes.as_slice()).expect("a row");
    assert_eq!(read, row, "nothing and zero are told apart");
}

#[test]
fn json_has_numbers_and_booleans_as_what_they_are() {
    let row = LedgerRow {
        stream: 1,
        cost_nanos: Some(12_345_678_901_234_567),
        key_id: Some("k7Qm2XbT9a".to_owned()),
        ..LedgerRow::default()
    };
    let text = serde_json::to_string(&row).expect("JSON");
    for expected in [
        r#""stream":true"#,
        r#""filtered":false"#,
        r#""cost":12345678.901234567"#,
        r#""key_id":"k7Qm2XbT9a""#,
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let unpriced = serde_json::to_string(&LedgerRow::default()).expect("JSON");
    assert!(unpriced.contains(r#""cost":null"#), "{unpriced}");
}
