use proptest::prelude::*;

use super::*;

const CHAT: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";

fn post(target: &str) -> Result<Target, PathError> {
    Target::parse("POST", target)
}

fn deployment_of(target: Target) -> Option<String> {
    match target.endpoint {
        Endpoint::Create { deployment, .. } => deployment.map(|name| name.as_str().to_owned()),
        Endpoint::Stored { .. } => None,
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
fn what_is_asked_of_a_stored_response_is_understood() {
    let cases = [
        ("GET", "resp_1", StoredResponse::Retrieve),
        ("DELETE", "resp_1", StoredResponse::Delete),
        ("POST", "resp_1/cancel", StoredResponse::Cancel),
        ("GET", "resp_1/input_items", StoredResponse::InputItems),
    ];
    for (method, rest, expected) in cases {
        let target = Target::parse(method, &format!("/openai/v1/responses/{rest}"));
        let Endpoint::Stored {
            response_id,
            action,
        } = target.expect("a known path").endpoint
        else {
            panic!("{method} {rest} is about a stored response");
        };
        assert_eq!((response_id.as_str(), action), ("resp_1", expected));
    }
}

#[test]
fn a_path_that_is_not_canonical_is_refused() {
    let tricks = [
        "",
        "/",
        "openai/v1/embeddings",
        "//openai/v1/embeddings",
        "/openai//v1/embeddings",
        "/openai/v1/embeddings/",
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
        "/openai/v1/files",
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
