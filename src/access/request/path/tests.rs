use proptest::prelude::*;

use super::*;

const CHAT: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";

fn post(target: &str) -> Result<Target, PathError> {
    Target::parse("POST", target)
}

fn deployment_of(target: Target) -> Option<String> {
    match target.endpoint {
        Endpoint::Create { deployment, .. } => deployment.map(|name| name.as_str().to_owned()),
        Endpoint::Realtime { deployment } => deployment.map(|name| name.as_str().to_owned()),
        Endpoint::Stored { .. } | Endpoint::Models => None,
    }
}

#[test]
fn both_shapes_are_understood() {
    let target = post(CHAT).expect("the dated shape");
    assert_eq!(target.shape, ApiShape::Dated);
    assert_eq!(target.endpoint.operation(), Operation::ChatCompletions);
    assert_eq!(deployment_of(target).as_deref(), Some("gpt-4o"));

    let target = post("/openai/v1/embeddings").expect("the v1 shape");
    assert_eq!(target.shape, ApiShape::V1);
    assert_eq!(target.endpoint.operation(), Operation::Embeddings);
    assert_eq!(deployment_of(target), None, "the body names the deployment");

    let target = post("/openai/responses?api-version=2025-03-01-preview")
        .expect("the Azure SDK's path for responses");
    assert_eq!(target.endpoint.operation(), Operation::Responses);
}

#[test]
fn what_is_asked_of_a_stored_object_is_understood() {
    use {ObjectKind as Kind, StoredAction as Action};
    let cases = [
        ("GET", "responses/x_1", Kind::Response, Action::Retrieve),
        ("DELETE", "responses/x_1", Kind::Response, Action::Delete),
        (
            "POST",
            "responses/x_1/cancel",
            Kind::Response,
            Action::Cancel,
        ),
        (
            "GET",
            "responses/x_1/input_items",
            Kind::Response,
            Action::InputItems,
        ),
        ("GET", "files/x_1", Kind::File, Action::Retrieve),
        ("DELETE", "files/x_1", Kind::File, Action::Delete),
        ("GET", "files/x_1/content", Kind::File, Action::Content),
        ("GET", "batches/x_1", Kind::Batch, Action::Retrieve),
        ("POST", "batches/x_1/cancel", Kind::Batch, Action::Cancel),
    ];
    for (method, rest, kind, action) in cases {
        for target in [
            format!("/openai/v1/{rest}"),
            format!("/openai/{rest}?api-version=2025-03-01-preview"),
        ] {
            let endpoint = Target::parse(method, &target)
                .expect("a known path")
                .endpoint;
            let id = "x_1".to_owned();
            assert_eq!(endpoint, Endpoint::Stored { kind, id, action }, "{target}");
        }
    }
}

#[test]
fn every_operation_of_a_deployment_has_its_path_in_both_shapes() {
    for (rest, operation) in [
        ("images/generations", Operation::ImagesGenerations),
        ("images/edits", Operation::ImagesEdits),
        ("audio/transcriptions", Operation::AudioTranscriptions),
        ("audio/translations", Operation::AudioTranslations),
        ("audio/speech", Operation::AudioSpeech),
    ] {
        let v1 = post(&format!("/openai/v1/{rest}")).expect("a known path");
        let dated = format!("/openai/deployments/d/{rest}?api-version=2025-03-01-preview");
        let dated = post(&dated).expect("a known path");
        assert_eq!(v1.endpoint.operation(), operation);
        assert_eq!(dated.endpoint.operation(), operation);
        assert_eq!(deployment_of(dated).as_deref(), Some("d"));
    }
    for path in [
        "/openai/v1/models",
        "/openai/models/gpt-4o?api-version=2024-10-21",
    ] {
        let target = Target::parse("GET", path).expect("a known path");
        assert_eq!(target.endpoint, Endpoint::Models);
        assert_eq!(Target::parse("DELETE", path), Err(PathError::Method));
    }
}

#[test]
fn a_slash_at_the_end_is_taken_off_and_nothing_else() {
    for (written, rewritten) in [
        ("/openai/v1/embeddings/", Some("/openai/v1/embeddings")),
        (
            "/openai/v1/embeddings/?api-version=v1&x=/",
            Some("/openai/v1/embeddings?api-version=v1&x=/"),
        ),
        ("/openai/v1/embeddings?x=/", None),
    ] {
        let target = post(written).expect("a known path");
        assert_eq!(target.rewritten.as_deref(), rewritten, "{written}");
        let plain = post(rewritten.unwrap_or(written)).expect("the same path");
        assert_eq!(plain.endpoint, target.endpoint);
    }
}

#[test]
fn inputs_are_counted_and_conversations_compacted() {
    for (rest, operation) in [
        ("input_tokens", Operation::ResponsesInputTokens),
        ("compact", Operation::ResponsesCompact),
    ] {
        let target = post(&format!("/openai/v1/responses/{rest}")).expect("a known path");
        assert_eq!(target.endpoint.operation(), operation);
        let get = Target::parse("GET", &format!("/openai/v1/responses/{rest}"));
        assert_eq!(get, Err(PathError::Method), "no response has this id");
    }
    // As at Azure: the Azure client of LangChain for JavaScript asks there.
    let path = "/openai/deployments/gpt-4o/responses?api-version=2025-03-01-preview";
    assert_eq!(post(path), Err(PathError::Unknown));
}

#[test]
fn a_list_of_what_everybody_stored_is_refused() {
    for name in ["responses", "files", "batches"] {
        let list = Target::parse("GET", &format!("/openai/v1/{name}"));
        assert_eq!(list, Err(PathError::Method), "{name}");
    }
    for path in [
        "assistants",
        "threads",
        "threads/thread_1/runs",
        "vector_stores",
        "uploads",
        "conversations",
        "containers",
        "fine_tuning/jobs",
        "evals",
        "realtime/client_secrets",
        "realtime/sessions",
        "images/variations",
    ] {
        let found = post(&format!("/openai/v1/{path}"));
        assert_eq!(found, Err(PathError::Unknown), "{path}");
    }
}

#[test]
fn a_realtime_session_names_its_deployment_once() {
    let get = |query: &str| Target::parse("GET", &format!("/openai/v1/realtime{query}"));
    for query in ["?model=rt", "?deployment=rt&x=1"] {
        let target = get(query).expect("a session");
        assert_eq!(deployment_of(target).as_deref(), Some("rt"), "{query}");
    }
    let dated = "/openai/realtime?api-version=2025-04-01-preview&deployment=rt";
    assert!(Target::parse("GET", dated).is_ok());
    let transcription = get("?intent=transcription").expect("a session");
    assert_eq!(deployment_of(transcription), None, "its messages name it");
    let transcription = get("?intent=transcription&model=rt").expect("a session");
    assert_eq!(deployment_of(transcription).as_deref(), Some("rt"));
    for query in [
        "",
        "?model=",
        "?model=rt&model=rt",
        "?model=rt&deployment=other",
        "?model=rt&MODEL=other",
        "?model=r%74",
        "?mod%65l=rt&model=x",
        "?intent=transcription&intent=transcription",
        "?intent=other&model=rt",
        "?intent=transcription&model=r%74",
    ] {
        assert_eq!(get(query), Err(PathError::MalformedQuery), "{query}");
    }
    assert_eq!(post("/openai/v1/realtime?model=rt"), Err(PathError::Method));
}

#[test]
fn a_path_that_is_not_canonical_is_refused() {
    let tricks = [
        "",
        "/",
        "openai/v1/embeddings",
        "//openai/v1/embeddings",
        "/openai//v1/embeddings",
        "/openai/v1/embeddings//",
        "/openai/./v1/embeddings",
        "/openai/x/../v1/embeddings",
        "/openai/v1/%65mbeddings",
        "/openai%2Fv1/embeddings",
        "/openai/v1/embeddings;a=b",
        "/openai/v1/embeddings#x",
        "/openai\\v1\\embeddings",
        "/openai/v1/embeddings\0",
        "/openai/v1/embeddings ",
        "/openai/v1/embéddings",
        "/openai/deployments/gpt-4o./chat/completions?api-version=2024-10-21",
        "/openai/deployments/.gpt-4o/chat/completions?api-version=2024-10-21",
        "/openai/deployments/a..b/chat/completions?api-version=2024-10-21",
        "/openai/deployments/gpt%2D4o/chat/completions?api-version=2024-10-21",
        "/openai/v1/responses/resp_1.x",
    ];
    for trick in tricks {
        let refused = Target::parse("POST", trick);
        assert_eq!(refused, Err(PathError::NotCanonical), "{trick:?}");
    }
}

#[test]
fn a_canonical_path_that_nobody_knows_is_refused() {
    let unknown = [
        "/openai",
        "/openai/v1",
        "/OpenAI/v1/embeddings",
        "/openai/V1/embeddings",
        "/openai/v1/Embeddings",
        "/openai/v1/files/file-1/other",
        "/openai/v1/batches/batch_1/input_items",
        "/openai/v1/embeddings/x",
        "/openai/deployments/gpt-4o/responses?api-version=2024-10-21",
        "/openai/deployments/gpt-4o?api-version=2024-10-21",
        "/openai/deployments/gpt-4o/extensions/chat/completions?api-version=2024-10-21",
        "/openai/v1/responses/resp_1/other",
    ];
    for path in unknown {
        assert_eq!(post(path), Err(PathError::Unknown), "{path:?}");
    }
}

#[test]
fn a_method_that_the_path_does_not_have_is_refused() {
    for method in ["GET", "PUT", "TRACE", "CONNECT", "post", "OPTIONS", ""] {
        assert_eq!(
            Target::parse(method, "/openai/v1/embeddings"),
            Err(PathError::Method),
            "{method}"
        );
    }
    let cancel = Target::parse("GET", "/openai/v1/responses/resp_1/cancel");
    assert_eq!(cancel, Err(PathError::Method));
}

#[test]
fn the_query_is_read_strictly() {
    let path = "/openai/deployments/gpt-4o/chat/completions";
    let cases = [
        ("", PathError::ApiVersion),
        ("?api-version=", PathError::ApiVersion),
        ("?api-version=20241021", PathError::ApiVersion),
        ("?api-version=2024-10-21-beta", PathError::ApiVersion),
        (
            "?api-version=2024-10-21&api-version=2024-10-21",
            PathError::MalformedQuery,
        ),
        (
            "?api-version=2024-10-21&Api-Version=2024-10-21",
            PathError::MalformedQuery,
        ),
        ("?api-version=2024-10-21?x=y", PathError::MalformedQuery),
        ("?api-version=2024-10-21#x", PathError::MalformedQuery),
        ("?api-version=2024-10-21&%zz=1", PathError::MalformedQuery),
        (
            "?api-version=2024-10-21&subscription-key=k",
            PathError::KeyInQuery,
        ),
        (
            "?api-version=2024-10-21&Subscription%2DKey=k",
            PathError::KeyInQuery,
        ),
        ("?api-version=2024-10-21&api-key", PathError::KeyInQuery),
    ];
    for (query, expected) in cases {
        assert_eq!(post(&format!("{path}{query}")), Err(expected), "{query}");
    }
    let fine = [
        "?api-version=2024-10-21",
        "?x=%5B1%5D&api-version=2025-01-01-preview&",
    ];
    for query in fine {
        assert!(post(&format!("{path}{query}")).is_ok(), "{query}");
    }
}

#[test]
fn versions_are_ordered_by_date() {
    let version = |text| ApiVersion::parse(text).expect("a version");
    assert!(version("2024-10-21").is_at_least("2024-09-01"));
    assert!(version("2024-09-01-preview").is_at_least("2024-09-01"));
    assert!(!version("2024-06-01").is_at_least("2024-09-01"));
    assert!(version("preview").is_at_least("2024-09-01"));
}

#[test]
fn a_path_that_is_too_long_is_refused_unread() {
    let long = format!("/openai/v1/{}", "a".repeat(MAX_TARGET_BYTES));
    assert_eq!(post(&long), Err(PathError::TooLong));
}

proptest! {
    #[test]
    fn no_target_panics(method in "[A-Z]{0,8}", target in any::<String>()) {
        let _ = Target::parse(&method, &target);
    }

    #[test]
    fn one_changed_byte_never_keeps_the_meaning(at in 0..43_usize, byte in any::<u8>()) {
        let mut bytes = CHAT.as_bytes().to_vec();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let original = post(CHAT).expect("the original");
            prop_assert_ne!(post(&text).ok(), Some(original), "{}", text);
        }
    }
}
