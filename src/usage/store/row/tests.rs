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
