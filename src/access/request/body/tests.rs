use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::walk::MAX_WALKED_VALUES;
use super::*;

fn parse(body: &str) -> Result<RequestBody, BodyError> {
    RequestBody::read(Operation::ChatCompletions, body.as_bytes())
}

/// What the body of a response names.
fn named(body: &str) -> References {
    let body = RequestBody::read(Operation::Responses, body.as_bytes());
    References {
        walked: 0,
        ..body.expect("a body").references
    }
}

/// The body after the gateway has asked for usage.
fn asked(body: &str) -> Value {
    match parse(body).expect("a valid body").include_usage {
        IncludeUsage::NotRequested(edit) => {
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
    assert_eq!(body.model_name(), Some("gpt-4o"));
    assert!(body.stream);
    let previous = body.references.previous_response_id;
    assert_eq!(previous.as_deref(), Some("resp_1"));
}

#[test]
fn an_escaped_name_is_the_same_name() {
    let body = parse(r#"{"mod\u0065l":"gpt-4o"}"#).expect("a valid body");
    assert_eq!(body.model_name(), Some("gpt-4o"));
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
        r#"{"model":1}"#,
        r#"{"model":"a","tools":[{"type":"x","type":"function"}]}"#,
        r#"{"model":"a","messages":[{"content":[{"Type":"text"}]}]}"#,
        r#"{"model":"a","stream_options":7}"#,
        r#"{"model":"a","stream_options":{"include_usage":"yes"}}"#,
        r#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#,
        r#"{"model":"a","stream_options":{"Include_Usage":true}}"#,
        r#"{"model":"a","stream_options":{"other":{}}}"#,
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
fn a_model_of_null_or_nothing_names_none_and_has_its_place() {
    for (body, name) in [
        (r#"{"model":null,"a":1}"#, None),
        (r#"{"model": "" ,"a":1}"#, None),
        (r#"{"a":1,"model":"gpt\u002d4o"}"#, Some("gpt-4o")),
    ] {
        let parsed = parse(body).expect("a body");
        assert_eq!(parsed.model_name(), name, "{body}");
        let edit = parsed.model.expect("a span").rename("o\"1");
        let renamed = Edit::apply(&[edit], body.as_bytes());
        let renamed: Value = serde_json::from_slice(&renamed).expect("still JSON");
        assert_eq!(renamed, json!({"a": 1, "model": "o\"1"}), "{body}");
    }
    assert_eq!(parse("{}").expect("a body").model, None);
}

#[test]
fn every_item_that_has_an_id_is_named() {
    for input in [
        r#"[{"type":"item_reference","id":"msg_1"}]"#,
        r#"[{"role":"user","content":"Hi"},{"id":"msg_1"}]"#,
        r#"[ {"id":"msg_1","type":null} ]"#,
        r#"[{"t\u0079pe":"item_reference","id":"msg_1"}]"#,
        r#"[{"type":"reasoning","summary":[],"id":"msg_1"}]"#,
        r#"[{"type":"message","id":"msg_1","role":"assistant","content":[]}]"#,
        r#"[{"type":"mcp_approval_response","approve":true,"approval_request_id":"msg_1"}]"#,
        r#"[{"id":"msg_1","type":"a_new_kind"}]"#,
    ] {
        let found = named(&format!(r#"{{"model":"a","input":{input}}}"#));
        assert_eq!(found.items, ["msg_1"], "{input}");
        assert_eq!(found.unsupported, None, "{input}");
    }
    for input in [
        r#""item_reference""#,
        r#"["a","{}"]"#,
        "[[1,2],[3]]",
        r#"[{"role":"user","content":[{"type":"input_text","text":"item_reference"}]}]"#,
        r#"[{"type":"function_call_output","call_id":"c","id":null,"output":"x"}]"#,
    ] {
        let found = named(&format!(r#"{{"model":"a","input":{input}}}"#));
        assert_eq!(found, References::default(), "{input}");
    }
    let twice = r#"{"model":"a","input":[{"type":"item_reference","id":"a","id":"b"}]}"#;
    assert!(RequestBody::read(Operation::Responses, twice.as_bytes()).is_err());
}

#[test]
fn files_and_containers_are_found_wherever_the_model_reads_them() {
    for body in [
        r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}"#,
        r#"{"input":[{"content":[{"type":"input_image","file\u005fid":"file-1"}]}]}"#,
        r#"{"tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["file-1"]}}]}"#,
        r#"{"input":[{"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot","file_id":"file-1"}}]}"#,
        r#"{"input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_file","file_id":"file-1"}]}]}"#,
        r#"{"\u0069nput":[{"file_id":"file-1"}]}"#,
        r#"{"input":[{"new":{"newer":[{"file_id":"file-1"}]}}]}"#,
    ] {
        let found = named(body);
        assert_eq!(found.files, ["file-1"], "{body}");
        assert_eq!(found.unsupported, None, "{body}");
    }
    let chat = r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#;
    assert_eq!(parse(chat).expect("a body").references.files, ["file-1"]);
    for body in [
        r#"{"tools":[{"type":"code_interpreter","container":"cntr_1"}]}"#,
        r#"{"input":[{"type":"code_interpreter_call","container_id":"cntr_1","code":"1","outputs":[]}]}"#,
    ] {
        assert_eq!(named(body).containers, ["cntr_1"], "{body}");
    }
}

#[test]
fn what_has_no_owner_here_is_said_by_its_name() {
    for (body, member) in [
        (
            r#"{"tools":[{"type":"mcp","connector_id":"connector_1"}]}"#,
            "connector_id",
        ),
        (r#"{"input":"x","agent":{"name":"x"}}"#, "agent"),
        (r#"{"prompt":{"id":"pmpt_1"}}"#, "prompt"),
        (r#"{"input":"x","assistant_id":"asst_1"}"#, "assistant_id"),
        (
            r#"{"input":[{"type":"new","thread_id":"thread_1"}]}"#,
            "thread_id",
        ),
        (
            r#"{"input":[{"type":"new","thing":{"id":"thing_1"}}]}"#,
            "id",
        ),
    ] {
        assert_eq!(named(body).unsupported.as_deref(), Some(member), "{body}");
    }
    let speech = r#"{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}"#;
    let found = parse(speech).expect("a body").references;
    assert_eq!(found.unsupported.as_deref(), Some("audio.id"));
}

#[test]
fn hosted_tools_are_found_wherever_a_body_can_bring_them() {
    let kinds = |body: &str| {
        let body = RequestBody::read(Operation::Responses, body.as_bytes()).expect("a body");
        let kinds = body.uses.tools.into_iter().map(|tool| tool.kind);
        kinds.collect::<Vec<_>>()
    };
    for (body, kind) in [
        (r#"{"tools":[{"type":"web_search"}]}"#, "web_search"),
        (
            r#"{"tools":[{"server_url":"https://x","type":"mcp"}]}"#,
            "mcp",
        ),
        (
            r#"{"input":[{"type":"tool_search_output","tools":[{"type":"mcp"}]}]}"#,
            "mcp",
        ),
    ] {
        assert_eq!(kinds(body), [kind], "{body}");
    }
    let told = r#"{"input":[{"type":"mcp_list_tools","tools":[{"name":"f","input_schema":{"id":"x"}}]}],"tools":[{"type":"function"}]}"#;
    assert!(kinds(told).is_empty(), "functions, and a server's own");
    let chat = parse(r#"{"messages":[],"web_search_options":{}}"#).expect("a body");
    assert_eq!(chat.uses.tools.len(), 1, "a search in a chat");
    for odd in [
        r#"{"tools":{"type":"web_search"}}"#,
        r#"{"tools":["web_search"]}"#,
        r#"{"tools":[{"type":["web_search"]}]}"#,
        r#"{"Tools":[]}"#,
    ] {
        assert!(parse(odd).is_err(), "{odd}");
    }
}

#[test]
fn what_a_caller_quotes_names_nothing() {
    for body in [
        r#"{"input":"\"file_id\":\"file-1\""}"#,
        r#"{"tools":[{"type":"function","parameters":{"properties":{"file_id":{"type":"string"}},"examples":[{"file_id":"x"}]}}]}"#,
        r#"{"metadata":{"file_id":"mine"},"input":"x"}"#,
        r#"{"input":[{"role":"assistant","content":[{"type":"output_text","text":"x","annotations":[{"type":"file_citation","file_id":"file-1"},{"type":"container_file_citation","container_id":"cntr_1","file_id":"cfile_1"}]}]}]}"#,
        r#"{"input":[{"type":"file_search_call","results":[{"file_id":"file-1"}]}]}"#,
        r#"{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{\"file_id\":1}"}]}"#,
        r#"{"input":[{"role":"user","content":"x","file_id":null}]}"#,
        r#"{"text":{"format":{"schema":{"examples":[{"container_id":"x"}]}}}}"#,
        r#"{"input":[{"role":"assistant","content":"x","created_by":{"response_id":"resp_1"}}]}"#,
        r#"{"input":"x","user_security_context":{"end_user_id":"1","end_user_tenant_id":"2"}}"#,
    ] {
        assert_eq!(named(body), References::default(), "{body}");
    }
    let chat = r#"{"messages":[{"role":"assistant","id":"x","tool_calls":[{"id":"call_1"}]},{"role":"tool","tool_call_id":"call_1","content":"x"},
        {"role":"assistant","content":"x","context":{"citations":[{"chunk_id":"0","content":"x"}]}}],
        "tools":[{"type":"function","function":{"parameters":{"container":{"id":"x"}}}}]}"#;
    let found = parse(chat).expect("a body").references;
    assert_eq!(found.unsupported, None);
    assert!(found.files.is_empty() && found.containers.is_empty());
}

#[test]
fn work_is_bounded_where_ids_may_stand_and_not_recursive_elsewhere() {
    let depth = 200_000;
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    let skipped = format!(r#"{{"model":"a","metadata":{open}{close}}}"#);
    assert!(parse(&skipped).is_ok(), "the backend's business");
    let walked = format!(r#"{{"model":"a","messages":{open}{close}}}"#);
    assert!(parse(&walked).is_err(), "too deep to be looked through");
    let many = format!(
        r#"{{"model":"a","messages":[{}0]}}"#,
        "0,".repeat(MAX_WALKED_VALUES)
    );
    let error = parse(&many).expect_err("too many values").to_string();
    assert!(error.contains("200000 values"), "{error}");
    let long = format!(r#"{{"messages":[{{"{}_id":"x"}}]}}"#, "x".repeat(5000));
    let shown = parse(&long).expect("a body").references.unsupported;
    assert!(shown.expect("its name").len() < 100, "a name is clipped");
}

#[test]
fn images_and_speech_are_read_as_they_are_charged() {
    let read = |operation, body: &str| {
        let body = RequestBody::read(operation, body.as_bytes());
        body.map(|body| body.media)
    };
    let images = read(
        Operation::ImagesGenerations,
        r#"{"prompt":"x","size":"1024x1024","quality":"hd"}"#,
    );
    let images = images.expect("a body");
    assert_eq!(images.size.as_deref(), Some("1024x1024"));
    assert_eq!(images.quality.as_deref(), Some("hd"));
    let odd = format!(r#"{{"size":"{}","quality":"a b"}}"#, "x".repeat(33));
    let odd = read(Operation::ImagesGenerations, &odd).expect("a body");
    assert_eq!(odd, MediaRequest::default(), "not a word");
    let speech = read(
        Operation::AudioSpeech,
        r#"{"input":"Grüße 😀","voice":"x"}"#,
    );
    assert_eq!(speech.expect("a body").characters, 7);
    assert!(read(Operation::AudioSpeech, r#"{"input":1}"#).is_err());
    assert!(read(Operation::ImagesGenerations, r#"{"size":"a","size":"b"}"#).is_err());
}

#[test]
fn images_of_a_chat_are_seen() {
    let with = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:"}}]}]}"#;
    assert!(parse(with).expect("a body").has_images);
    let without = r#"{"messages":[{"role":"user","content":"image_url"}]}"#;
    assert!(!parse(without).expect("a body").has_images);
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_wherever_they_stand() {
    for body in [&b"{\"x\":\"\xff\"}"[..], b"{\"\xc3\":1}"] {
        let read = RequestBody::read(Operation::Embeddings, body);
        let error = read.expect_err("not UTF-8").to_string();
        assert!(error.contains("UTF-8"), "{error}");
    }
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
    assert_eq!(asked.include_usage, IncludeUsage::Requested);
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for operation in Operation::ALL {
            let _ = RequestBody::read(operation, &body);
        }
    }

    #[test]
    fn no_almost_json_panics(body in r#"[{}\[\]":,a-d0-9\\ ]{0,60}"#) {
        if let Ok(RequestBody { include_usage: IncludeUsage::NotRequested(edit), .. }) = parse(&body) {
            let result = Edit::apply(&[edit], body.as_bytes());
            prop_assert!(
                serde_json::from_slice::<IgnoredAny>(&result).is_ok(),
                "{} became {}", body, String::from_utf8_lossy(&result)
            );
        }
    }
}

#[test]
fn what_the_service_keeps_is_known() {
    for (body, is_kept) in [
        (r#"{"model":"gpt-4o","store":true}"#, true),
        (r#"{"model":"gpt-4o","store":false}"#, false),
        (r#"{"model":"gpt-4o","store":null}"#, false),
        (r#"{"model":"gpt-4o"}"#, false),
    ] {
        assert_eq!(parse(body).expect("a body").is_kept, is_kept, "{body}");
        let response = RequestBody::read(Operation::Responses, body.as_bytes());
        let is_unsaid = !body.contains("true") && !body.contains("false");
        assert_eq!(
            response.expect("a body").is_kept,
            is_kept || is_unsaid,
            "{body}"
        );
    }
    let twice = r#"{"model":"gpt-4o","store":false,"store":true}"#;
    assert!(parse(twice).is_err(), "which one does the service read?");
}
