//! The swap: from an admitted request to what goes out with the identity on it.

use super::gateway::Gateway;
use super::headers;
use super::pending::Admitted;
use super::refusal::Refusal;
use super::reply::Header;
use super::transaction::Outgoing;
use crate::access::{
    ApiShape, Deployment, Endpoint, Grant, IncludeUsage, Operation, RequestBody,
    authorize_deployment,
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
    admitted: Admitted,
    body: Vec<u8>,
) -> Result<Forwarded, Refused> {
    let checked = RequestBody::parse(&body)
        .map_err(Refusal::from)
        .and_then(|parsed| Ok((grant(&admitted, &parsed)?, parsed)))
        .and_then(|(grant, parsed)| {
            check_references(gateway, &admitted, &parsed)?;
            Ok((grant, parsed, swapped_headers(gateway)?))
        });
    let (grant, parsed, headers) = match checked {
        Ok(checked) => checked,
        Err(refusal) => return Err((Box::new(refusal), Box::new(admitted))),
    };
    let asked = ask_for_usage(&admitted, &parsed, &body);
    Ok(Forwarded {
        outgoing: Outgoing {
            admitted,
            deployment: Some(grant.deployment),
            product: Some(grant.product.id.clone()),
            stream: parsed.stream,
            remove_usage_event: asked.is_some(),
            prompt: Prompt::of_body(body),
        },
        headers,
        body: asked,
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

/// The body with `include_usage`, where a stream would have no usage without it.
fn ask_for_usage(admitted: &Admitted, parsed: &RequestBody, body: &[u8]) -> Option<Vec<u8>> {
    let target = &admitted.target;
    let version = target.api_version.as_ref();
    let is_known = target.shape == ApiShape::V1
        || version.is_some_and(|it| it.is_at_least(FIRST_VERSION_WITH_STREAM_OPTIONS));
    let Endpoint::Create { operation, .. } = target.endpoint else {
        return None;
    };
    match &parsed.include_usage {
        IncludeUsage::NotAsked(splice)
            if parsed.stream
                && operation.usage_must_be_asked_for()
                && is_known
                && !parsed.has_data_sources =>
        {
            Some(splice.apply(body))
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
