use proptest::prelude::*;

use super::*;

/// The ids that a document shows.
fn shown(document: &str) -> Vec<(ObjectKind, String)> {
    probe(document.as_bytes()).shown.take()
}

fn ids(kind: ObjectKind, ids: &[&str]) -> Vec<(ObjectKind, String)> {
    ids.iter().map(|id| (kind, (*id).to_owned())).collect()
}

fn probe(document: &[u8]) -> Found {
    let mut probe = JsonProbe::default();
    probe.feed(document);
    probe.into_found()
}

fn tokens(input: u64, output: u64) -> Option<TokenCounts> {
    Some(TokenCounts {
        input,
        output,
        total: input + output,
        ..TokenCounts::default()
    })
}

#[test]
fn members_at_their_own_place_are_found() {
    let found = probe(
        br#" { "id" : "chatcmpl-1", "choices":[{"message":{"content":"hi"}}],
            "model":"gpt-4o-2024-08-06", "usage": { "prompt_tokens" : 3, "completion_tokens" : 4 } }"#,
    );
    assert_eq!(found.id.as_deref(), Some("chatcmpl-1"));
    assert_eq!(found.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(found.usage, tokens(3, 4));
    assert!(!found.has_empty_choices);
}

#[test]
fn members_of_response_and_error_are_found() {
    let found = probe(
        br#"{"type":"response.completed","response":{"id":"resp_1","output":[{"id":"x","usage":{}}],
            "model":"gpt-4o","usage":{"input_tokens":5,"output_tokens":6}},"sequence_number":9}"#,
    );
    assert_eq!(found.id.as_deref(), Some("resp_1"));
    assert_eq!(found.usage, tokens(5, 6));
    let found =
        probe(br#"{"error":{"message":"x","code":"content_filter","innererror":{"code":"y"}}}"#);
    assert_eq!(found.error_code.as_deref(), Some("content_filter"));
}

#[test]
fn a_callers_text_is_never_taken_for_usage() {
    let fakes: [&[u8]; 6] = [
        br#"{"choices":[{"usage":{"prompt_tokens":9,"completion_tokens":9}}]}"#,
        br#"{"tools":{"usage":{"prompt_tokens":9,"completion_tokens":9}}}"#,
        br#"{"a":"\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}"}"#,
        br#"{"response":[{"usage":{"prompt_tokens":9,"completion_tokens":9}}]}"#,
        br#"{"response":{"x":{"usage":{"prompt_tokens":9,"completion_tokens":9}}}}"#,
        br#"["usage",{"usage":{"prompt_tokens":9,"completion_tokens":9}}]"#,
    ];
    for fake in fakes {
        assert_eq!(probe(fake).usage, None, "{}", String::from_utf8_lossy(fake));
    }
}

#[test]
fn what_a_choice_says_is_found_at_its_own_place_only() {
    let found = probe(
        br#"{"choices":[{"finish_reason":null,"x":[{"finish_reason":"length"}]},
            {"message":{"finish_reason":"length"},"finish_reason":"tool_calls"},
            {"finish_reason":"stop"}],"finish_reason":"length","system_fingerprint":"fp_1"}"#,
    );
    assert_eq!(
        found.finish_reason,
        Some(FinishReason::ToolCalls),
        "the first"
    );
    assert_eq!(found.system_fingerprint.as_deref(), Some("fp_1"));
    let found = probe(br#"{"choices":{"a":{"finish_reason":"stop"}}}"#);
    assert_eq!(found.finish_reason, None, "no list of choices");
    let found = probe(br#"{"choices":[],"x":[{"finish_reason":"stop"}]}"#);
    assert_eq!(found.finish_reason, None, "another list");
}

#[test]
fn images_audio_and_files_are_found() {
    let found = probe(br#"{"data":[{"b64_json":"x"},{"url":"y","z":{"a":[{}]}}],"size":"1x1"}"#);
    assert_eq!((found.images, found.size.as_deref()), (2, Some("1x1")));
    let found = probe(br#"{"duration":2.5,"usage":{"type":"duration","seconds":3}}"#);
    assert_eq!((found.audio_ms, found.has_audio_usage), (Some(3000), true));
    let found = probe(br#"{"duration":"2.5","segments":[{"duration":9}]}"#);
    assert_eq!((found.audio_ms, found.has_audio_usage), (Some(2500), false));
    let batch =
        r#"{"output_file_id":"file-1","error_file_id":null,"metadata":{"error_file_id":"x"}}"#;
    assert_eq!(
        shown(batch),
        ids(ObjectKind::File, &["file-1"]),
        "not what a client has called so itself"
    );
}

#[test]
fn items_and_containers_are_shown_by_answers_events_and_lists() {
    let output = r#""output":[{"id":"rs_1","summary":[{"id":"no"}],"type":"reasoning"},
        {"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1","outputs":[{"id":"no"}]},
        {"id":"msg_1","content":[{"text":"x","annotations":[{"id":"no","container_id":"no"}]}],"role":"assistant"}]"#;
    let expected = [
        ids(ObjectKind::Item, &["rs_1", "ci_1"]),
        ids(ObjectKind::Container, &["cntr_1"]),
        ids(ObjectKind::Item, &["msg_1"]),
    ];
    let more = r#""usage":{"input_tokens":5,"output_tokens":6},"id":"resp_1","model":"gpt-4o""#;
    for document in [
        format!("{{{output},{more}}}"),
        format!("{{{more},{output}}}"),
        format!(r#"{{"type":"response.completed","response":{{{more},{output},"x":[1]}}}}"#),
        format!(r#"{{"response":{{{output},{more}}},"type":"response.completed"}}"#),
        format!("{{{}}}", output.replace("output\":", "data\":")),
    ] {
        assert_eq!(shown(&document), expected.concat(), "{document}");
    }
    let found = probe(format!("{{{output},{more}}}").as_bytes());
    assert_eq!(
        (found.usage, found.id.as_deref()),
        (tokens(5, 6), Some("resp_1"))
    );
    let event = r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"ci_1",
        "code":"{\"id\":\"no\"}","container_id":"cntr_1"},"item_id":"no"}"#;
    let expected = [
        ids(ObjectKind::Item, &["ci_1"]),
        ids(ObjectKind::Container, &["cntr_1"]),
    ];
    assert_eq!(shown(event), expected.concat());
}

#[test]
fn other_ids_are_not_taken_for_items() {
    for document in [
        r#"{"output":{"id":"a"}}"#,
        r#"{"output":[["id","a",{"id":"b"}],"id"],"x":[{"id":"c"}]}"#,
        r#"{"output":"[{\"id\":\"a\"}]","metadata":{"item":{"id":"b"}}}"#,
        r#"{"output":[{"id":null,"container_id":7},{"ids":"a"},{"id":""}]}"#,
        r#"{"response":{"data":[{"id":"a"}],"item":{"id":"b"},"tools":[{"id":"c"}]}}"#,
        r#"{"response":{"x":{"output":[{"id":"a"}]}}}"#,
        r#"{"item":[{"id":"a"}],"tools":[{"container":"cntr_1"}]}"#,
    ] {
        assert_eq!(shown(document), [], "{document}");
    }
    let long = format!(
        r#"{{"output":[{{"id":"{}"}},{{"id":"b"}}]}}"#,
        "a".repeat(300)
    );
    assert_eq!(
        shown(&long),
        ids(ObjectKind::Item, &["b"]),
        "not a long one"
    );
}

#[test]
fn an_id_is_known_with_the_quote_that_ends_it() {
    for (document, kind) in [
        (r#"{"output":[{"id":"msg_1""#, ObjectKind::Item),
        (
            r#"{"output":[{"container_id":"msg_1""#,
            ObjectKind::Container,
        ),
        (r#"{"output_file_id":"msg_1""#, ObjectKind::File),
    ] {
        assert_eq!(shown(document), ids(kind, &["msg_1"]), "{document}");
    }
    assert_eq!(probe(br#"{"id":"resp_1""#).id.as_deref(), Some("resp_1"));
}

#[test]
fn usage_null_and_empty_choices_are_told_apart() {
    let found = probe(br#"{"choices":[{"delta":{}}],"usage":null}"#);
    assert_eq!((found.usage, found.has_empty_choices), (None, false));
    let found = probe(br#"{"choices":[ ],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#);
    assert_eq!((found.usage, found.has_empty_choices), (tokens(1, 1), true));
}

#[test]
fn a_name_that_only_begins_like_ours_is_another_one() {
    let found =
        probe(br#"{"usages":{"prompt_tokens":1},"responses":{"usage":{"prompt_tokens":1}}}"#);
    assert_eq!(found, Found::default());
}

#[test]
fn values_of_any_length_take_bounded_memory() {
    let long = format!(
        r#"{{"id":"{}","usage":{{"x":"{}"}}}}"#,
        "a".repeat(1 << 20),
        "b".repeat(1 << 20)
    );
    let mut probe = JsonProbe::default();
    for piece in long.as_bytes().chunks(1000) {
        probe.feed(piece);
        let held = probe.key.len() + probe.capture.as_ref().map_or(0, |(_, value)| value.len());
        assert!(
            held <= MAX_USAGE_BYTES + MAX_KEY_BYTES + 1,
            "{held} bytes held"
        );
    }
    assert_eq!(probe.into_found(), Found::default());
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        Just("usage".to_owned()),
        Just("response".to_owned()),
        Just("id".to_owned()),
        Just("model".to_owned()),
        Just("choices".to_owned()),
        Just("error".to_owned()),
        Just("code".to_owned()),
        Just("data".to_owned()),
        Just("status".to_owned()),
        Just("reason".to_owned()),
        Just("duration".to_owned()),
        Just("finish_reason".to_owned()),
        Just("incomplete_details".to_owned()),
        Just("output".to_owned()),
        Just("item".to_owned()),
        Just("container_id".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<String>().prop_map(Into::into),
        any::<u32>().prop_map(Into::into),
        (0..9_u64, 0..9_u64).prop_map(|(input, output)| {
            serde_json::json!({"prompt_tokens": input, "completion_tokens": output})
        }),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::hash_map(key.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// The same answer, by building the whole document.
fn oracle(document: &serde_json::Value) -> Option<TokenCounts> {
    let read = |value: &serde_json::Value| {
        TokenCounts::from_wire(value.get("usage")?.to_string().as_bytes())
    };
    let top = document.as_object().and_then(|_| read(document));
    let nested = document
        .get("response")
        .filter(|it| it.is_object())
        .and_then(read);
    // Members come in no order of ours: with both present either may be the last.
    top.or(nested).filter(|_| top.is_none() || nested.is_none())
}

/// The ids of items that a whole parse shows, sorted.
fn shown_oracle(document: &serde_json::Value) -> Vec<(ObjectKind, String)> {
    let objects = |value: &serde_json::Value, list: &str| {
        let list = value.as_object().and_then(|it| it.get(list)?.as_array());
        list.cloned().unwrap_or_default()
    };
    let mut all = [objects(document, "output"), objects(document, "data")].concat();
    if let Some(top) = document.as_object() {
        all.extend(top.get("item").cloned());
        let response = top.get("response").map(|it| objects(it, "output"));
        all.extend(response.unwrap_or_default());
    }
    let kinds = [
        ("id", ObjectKind::Item),
        ("container_id", ObjectKind::Container),
    ];
    let mut shown = Vec::new();
    for object in all.iter().filter_map(|it| it.as_object()) {
        for (name, kind) in kinds {
            let id = object.get(name).and_then(|it| it.as_str());
            let id = id.filter(|id| !id.is_empty() && id.len() < 200);
            shown.extend(id.map(|id| (kind, id.to_owned())));
        }
    }
    shown.sort_by(|a, b| a.1.cmp(&b.1));
    shown
}

proptest! {
    #[test]
    fn the_probe_shows_what_a_whole_parse_shows(document in json()) {
        let mut found = shown(&document.to_string());
        found.retain(|(_, id)| id.len() < 200);
        found.sort_by(|a, b| a.1.cmp(&b.1));
        let names = |shown: &[(ObjectKind, String)]| {
            let mut names: Vec<_> = shown.iter().map(|it| format!("{it:?}")).collect();
            names.sort();
            names
        };
        prop_assert_eq!(names(&found), names(&shown_oracle(&document)), "{}", document);
    }

    #[test]
    fn the_probe_agrees_with_a_whole_parse(document in json()) {
        let found = probe(document.to_string().as_bytes()).usage;
        if let Some(expected) = oracle(&document) {
            prop_assert_eq!(found, Some(expected), "{}", document);
        }
    }

    #[test]
    fn any_chunking_gives_the_same(document in json(), cuts in proptest::collection::vec(0..400_usize, 0..12)) {
        let text = document.to_string();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = JsonProbe::default();
        let mut from = 0;
        for cut in cuts.into_iter().chain([text.len()]) {
            pieces.feed(&text.as_bytes()[from..cut]);
            from = cut;
        }
        prop_assert_eq!(pieces.into_found(), probe(text.as_bytes()));
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        probe(&bytes);
    }
}
