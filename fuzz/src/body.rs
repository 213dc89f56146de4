//! The body of a request.

use serde_json::Value;
use tollgate::access::{Edit, IncludeUsage, RequestBody};

/// What is read of a body is what any JSON parser reads, and what is written into it is only
/// `include_usage`.
pub(crate) fn run(data: &[u8]) -> bool {
    let Ok(body) = RequestBody::parse(data) else {
        return false;
    };
    // serde_json does not build what is nested too deeply, which we skip.
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        assert!(value.is_object(), "accepted, but no object");
        assert_eq!(body.model.as_deref(), value["model"].as_str());
        assert_eq!(body.stream, value["stream"].as_bool().unwrap_or(false));
        let previous = value["previous_response_id"].as_str();
        assert_eq!(body.previous_response_id.as_deref(), previous);
        assert_eq!(body.has_conversation, !value["conversation"].is_null());
        assert_eq!(body.has_data_sources, !value["data_sources"].is_null());
    }
    if let IncludeUsage::NotAsked(splice) = &body.include_usage {
        let spliced = Edit::apply(std::slice::from_ref(splice), data);
        let again = RequestBody::parse(&spliced).expect("still a body");
        assert_eq!(again.include_usage, IncludeUsage::Asked);
        let expected = RequestBody {
            include_usage: IncludeUsage::Asked,
            // Places have moved.
            user: again.user,
            output: again.output,
            ..body
        };
        assert_eq!(again, expected, "the splice changed something else");
        assert!(
            same_but_for_options(data, &spliced),
            "the splice changed something else"
        );
    }
    true
}

fn same_but_for_options(before: &[u8], after: &[u8]) -> bool {
    let without = |bytes: &[u8]| {
        let mut value = serde_json::from_slice::<Value>(bytes).ok()?;
        value.as_object_mut()?.remove("stream_options");
        Some(value)
    };
    without(before) == without(after)
}
