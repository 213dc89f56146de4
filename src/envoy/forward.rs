//! The swap: from an admitted request to what goes out with the identity on it.

use std::sync::Arc;

use super::gateway::Gateway;
use super::headers;
use super::pending::Admitted;
use super::refusal::Refusal;
use super::reply::Header;
use super::transaction::Outgoing;
use crate::access::{
    ApiShape, Deployment, Edit, Endpoint, Grant, IncludeUsage, Operation, RequestBody,
    authorize_deployment, limit_output,
};
use crate::usage::Prompt;

/// The first dated version of the API that knows `stream_options`
/// (<https://learn.microsoft.com/azure/ai-services/openai/api-version-deprecation>).
const FIRST_VERSION_WITH_STREAM_OPTIONS: &str = "2024-09-01";

/// A request on its way out.
pub(super) struct Forwarded {
    pub(super) outgoing: Outgoing,
    /// The headers to set; `authorization` is among them.
    pub(super) headers: Vec<Header>,
    /// The body, if it changes.
    pub(super) body: Option<Vec<u8>>,
}

/// A refusal hands the request back, so that it can be accounted for.
type Refused = (Box<Refusal>, Box<Admitted>);

/// What is asked of a stored response goes out as it is; ext_authz has seen that it is the client's.
pub(super) fn stored(gateway: &Gateway, admitted: Admitted) -> Result<Forwarded, Refused> {
    let headers = match swapped_headers(gateway) {
        Ok(headers) => headers,
        Err(refusal) => return Err((Box::new(refusal), Box::new(admitted))),
    };
    Ok(Forwarded {
        outgoing: Outgoing {
            admitted,
            deployment: None,
            product: None,
            stream: false,
            remove_usage_event: false,
            prompt: Prompt::Length(0),
        },
        headers,
        body: None,
    })
}

/// A request with a body: authorised for the model that the body names before it gets the identity.
pub(super) fn create(
    gateway: &Gateway,
    mut admitted: Admitted,
    body: Vec<u8>,
) -> Result<Forwarded, Refused> {
    let checked = match check(gateway, &admitted, &body) {
        Ok(checked) => checked,
        Err(refusal) => return Err((Box::new(refusal), Box::new(admitted))),
    };
    if checked.user.is_some() {
        admitted.caller.user = checked.user;
    }
    let edits = &checked.edits;
    let changed = (!edits.is_empty()).then(|| Edit::apply(edits, &body));
    Ok(Forwarded {
        outgoing: Outgoing {
            admitted,
            deployment: Some(checked.grant.deployment),
            product: Some(checked.grant.product.id.clone()),
            stream: checked.stream,
            remove_usage_event: checked.remove_usage_event,
            prompt: Prompt::of_body(body),
        },
        headers: checked.headers,
        body: changed,
    })
}

/// What a body has been found to ask for, and how it must change.
struct Checked {
    grant: Grant,
    headers: Vec<Header>,
    /// The end user that the body names, where the client is trusted to.
    user: Option<Arc<str>>,
    stream: bool,
    remove_usage_event: bool,
    edits: Vec<Edit>,
}

fn check(gateway: &Gateway, admitted: &Admitted, body: &[u8]) -> Result<Checked, Refusal> {
    let parsed = RequestBody::parse(body)?;
    let grant = grant(admitted, &parsed)?;
    check_references(gateway, admitted, &parsed)?;
    let options = &admitted.caller.client.options;
    let user = options.user_of_body(&parsed, body)?;
    let cap = match options.max_output_tokens {
        Some(limit) => limit_output(limit, &admitted.target, &parsed, body)?,
        None => None,
    };
    let headers = swapped_headers(gateway)?;
    let stream = parsed.stream;
    let asked = ask_for_usage(admitted, parsed);
    Ok(Checked {
        grant,
        headers,
        user,
        stream,
        remove_usage_event: asked.is_some(),
        edits: cap.into_iter().chain(asked).collect(),
    })
}

/// The deployment that the request is granted, from its path or from its body.
fn grant(admitted: &Admitted, body: &RequestBody) -> Result<Grant, Refusal> {
    match (&admitted.grant, body.model.as_deref()) {
        (Some(grant), None) => Ok(grant.clone()),
        (Some(grant), Some(model)) if model == grant.deployment.as_str() => Ok(grant.clone()),
        (Some(_), Some(_)) => Err(Refusal::model_mismatch()),
        (None, None) => Err(Refusal::model_missing()),
        (None, Some(model)) => {
            let deployment = Deployment::parse(model).ok_or_else(Refusal::model_name)?;
            let client = &admitted.caller.client;
            Ok(authorize_deployment(client, &admitted.asked(), deployment)?)
        }
    }
}

/// What the service has stored for another client can't be referred to.
fn check_references(
    gateway: &Gateway,
    admitted: &Admitted,
    body: &RequestBody,
) -> Result<(), Refusal> {
    if admitted.target.endpoint.operation() != Operation::Responses {
        return Ok(());
    }
    if body.has_conversation {
        return Err(Refusal::conversation());
    }
    if body.has_item_reference {
        return Err(Refusal::item_reference());
    }
    match &body.previous_response_id {
        Some(id) if !gateway.owners.owns(&admitted.caller.client.id, id) => {
            Err(Refusal::response_not_found(id))
        }
        _ => Ok(()),
    }
}

/// `include_usage`, where a stream would have no usage without it.
fn ask_for_usage(admitted: &Admitted, parsed: RequestBody) -> Option<Edit> {
    let target = &admitted.target;
    let version = target.api_version.as_ref();
    let is_known = target.shape == ApiShape::V1
        || version.is_some_and(|it| it.is_at_least(FIRST_VERSION_WITH_STREAM_OPTIONS));
    let Endpoint::Create { operation, .. } = target.endpoint else {
        return None;
    };
    match parsed.include_usage {
        IncludeUsage::NotAsked(edit)
            if parsed.stream
                && operation.usage_must_be_asked_for()
                && is_known
                && !parsed.has_data_sources =>
        {
            Some(edit)
        }
        _ => None,
    }
}

/// The identity in place of the caller's credential, and an answer that can be read.
fn swapped_headers(gateway: &Gateway) -> Result<Vec<Header>, Refusal> {
    let authorization = gateway
        .identity
        .authorization()
        .ok_or_else(Refusal::no_identity)?;
    Ok(vec![
        headers::set("authorization", authorization.as_bytes()),
        headers::set("accept-encoding", b"identity"),
    ])
}
