//! The body of a request.

use serde_json::Value;
use tollgate::access::{Edit, IncludeUsage, Operation, RequestBody};

/// What is read of a body is what any JSON parser reads, and what is written into it is only
/// `include_usage` and the model.
pub(crate) fn run(data: &[u8]) -> bool {
    let mut is_accepted = false;
    for operation in Operation::ALL {
        is_accepted |= read(operation, data);
    }
    is_accepted
}

fn read(operation: Operation, data: &[u8]) -> bool {
    let Ok(body) = RequestBody::read(operation, data) else {
        return false;
    };
    let named = &body.references;
    // serde_json does not build what is nested too deeply, which we skip.
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        assert!(value.is_object(), "accepted, but not an object");
        let name = value["model"].as_str().filter(|name| !name.is_empty());
        assert_eq!(body.model_name(), name);
        assert_eq!(body.stream, value["stream"].as_bool().unwrap_or(false));
        let previous = value["previous_response_id"].as_str();
        assert_eq!(named.previous_response_id.as_deref(), previous);
        assert_eq!(named.has_conversation, !value["conversation"].is_null());
        assert_eq!(body.uses.background, value["background"] == true);
    }
    let renamed = body.model.as_ref().map(|model| model.rename("other"));
    let asked = match &body.include_usage {
        IncludeUsage::NotRequested(edit) => Some(edit.clone()),
        IncludeUsage::Requested => None,
    };
    let edits: Vec<_> = renamed.into_iter().chain(asked).collect();
    let changed = Edit::apply(&edits, data);
    let again = RequestBody::read(operation, &changed).expect("still a body");
    assert_eq!(again.include_usage, IncludeUsage::Requested);
    assert_eq!(again.model.is_some(), body.model.is_some());
    assert!(again.model_name().is_none_or(|name| name == "other"));
    assert_eq!(again.references, body.references, "another reference");
    assert_eq!(again.uses, body.uses, "another use");
    assert!(
        rest_of(data) == rest_of(&changed),
        "the edits changed something else"
    );
    true
}

/// A body without what the edits may change.
fn rest_of(bytes: &[u8]) -> Option<Value> {
    let mut value = serde_json::from_slice::<Value>(bytes).ok()?;
    let members = value.as_object_mut()?;
    members.remove("stream_options");
    members.remove("model");
    Some(value)
}
