use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn line(body: &Value) -> String {
    let line = json!({
        "id": "batch_req_1", "custom_id": "usage", "error": null,
        "response": {"status_code": 200, "request_id": "r", "body": body},
    });
    line.to_string()
}

fn chat(input: u64, output: u64) -> String {
    line(&json!({
        "id": "chatcmpl-1", "model": "gpt-4o-2024-08-06",
        "choices": [{"message": {"content": "{\"usage\":{\"prompt_tokens\":9}}\n"}}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    }))
}

/// Input and output of each line, whatever the pieces.
fn read(file: &str, piece: usize) -> Vec<Option<(u64, u64)>> {
    let mut lines = BatchLines::default();
    let pieces = file.as_bytes().chunks(piece);
    let mut found: Vec<_> = pieces.flat_map(|piece| lines.feed(piece)).collect();
    found.extend(lines.finish());
    let counts = found.into_iter().map(|line| line.counts);
    counts
        .map(|it| it.map(|it| (it.input, it.output)))
        .collect()
}

#[test]
fn each_line_says_what_it_used() {
    let failed = json!({"custom_id": "2", "response": null, "error": {"code": "x"}});
    let refused = line(&json!({"error": {"code": "content_filter"}}));
    let embedding = line(&json!({"data": [], "usage": {"prompt_tokens": 7, "total_tokens": 7}}));
    let response =
        line(&json!({"usage": {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}}));
    let file = format!(
        "{}\n{failed}\r\n\n{refused}\n{embedding}\n{response}",
        chat(1, 2)
    );
    let expected = [Some((1, 2)), None, None, Some((7, 0)), Some((5, 6))];
    for piece in [1, 7, 1 << 20] {
        assert_eq!(read(&file, piece), expected, "in pieces of {piece}");
    }
    assert_eq!(read(&format!("{}\n", chat(3, 4)), 9), [Some((3, 4))]);
}

#[test]
fn usage_counts_at_its_place_only() {
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2});
    for odd in [
        json!({"usage": usage}),
        json!({"response": {"usage": usage}}),
        json!({"body": {"usage": usage}}),
        json!({"response": {"body": {"choices": [{"usage": usage}], "x": {"usage": usage}}}}),
        json!({"response": {"body": [{"usage": usage}]}}),
        json!({"response": {"x": {"body": {"usage": usage}}}}),
    ] {
        assert_eq!(read(&odd.to_string(), 5), [None], "{odd}");
    }
}

#[test]
fn a_long_line_is_not_held() {
    let data = "0.1,".repeat(100_000);
    let start = format!(r#"{{"response":{{"body":{{"data":[{data}0],"usage":"#);
    let end = r#"{"prompt_tokens":8,"total_tokens":8},"model":"ada"}}}"#;
    assert_eq!(read(&format!("{start}{end}\n"), 4096), [Some((8, 0))]);
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(file in r#"("response":|"body":|"usage":|[{}\[\]"\\:,a-z0-9\n])*"#, piece in 1..20usize) {
        let _ = read(&file, piece);
    }

    #[test]
    fn pieces_do_not_matter(counts in prop::collection::vec((0..9u64, 0..9u64), 0..5), piece in 1..300usize) {
        let file: String = counts.iter().map(|(input, output)| chat(*input, *output) + "\n").collect();
        let expected: Vec<_> = counts.into_iter().map(Some).collect();
        prop_assert_eq!(read(&file, piece), expected);
    }
}
