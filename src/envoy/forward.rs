//! The swap: from an admitted request to what goes out with the identity on it.

use std::sync::Arc;

use super::gateway::Gateway;
use super::headers;
use super::pending::Admitted;
use super::refusal::Refusal;
use super::reply::Header;
use super::transaction::Outgoing;
use super::uploads;
use crate::access::{
    ApiShape, BodyKind, Deployment, Edit, Endpoint, Grant, IncludeUsage, Known, MediaRequest,
    ObjectKind, Operation, References, RequestBody, Uses, authorize_deployment, limit_output,
};
use crate::usage::{Prompt, Units};

/// The first dated version of the API that knows `stream_options`
/// (<https://learn.microsoft.com/azure/ai-services/openai/api-version-deprecation>).
const FIRST_VERSION_WITH_STREAM_OPTIONS: &str = "2024-09-01";
/// The first one that takes it with images in the messages: Azure's own SDK for .NET does not send it
/// with them before (<https://github.com/Azure/azure-sdk-for-net>, `AzureChatClient`).
const FIRST_VERSION_WITH_IMAGES_AND_STREAM_OPTIONS: &str = "2024-10-01";

/// A request on its way out.
pub(super) struct Forwarded {
    pub(super) outgoing: Outgoing,
    /// The headers to set; `authorization` is among them.
    pub(super) headers: Vec<Header>,
    /// The body, if it changes.
    pub(super) body: Option<Vec<u8>>,
}

/// A refusal hands the request back, so that it can be accounted for.
pub(super) type Refused = (Box<Refusal>, Box<Admitted>);

/// What needs no body goes out as it is: ext_authz has seen all that decides.
pub(super) fn without_body(gateway: &Gateway, admitted: Admitted) -> Result<Forwarded, Refused> {
    let headers = match swapped_headers(gateway, &admitted) {
        Ok(headers) => headers,
        Err(refusal) => return Err((Box::new(refusal), Box::new(admitted))),
    };
    let known = match &admitted.target.endpoint {
        Endpoint::Stored { kind, id, .. } => {
            let client = &admitted.caller.client.id;
            gateway.owners.known(*kind, client, id).unwrap_or_default()
        }
        _ => Known::Nothing,
    };
    let grant = admitted.grant.clone();
    Ok(Forwarded {
        outgoing: Outgoing {
            admitted,
            deployment: grant.as_ref().map(|it| it.deployment.clone()),
            product: grant.map(|it| it.product.id.clone()),
            stream: false,
            remove_usage_event: false,
            prompt: Prompt::Length(0),
            units: Units::default(),
            request_bytes: 0,
            known,
        },
        headers,
        body: None,
    })
}

/// A request with a body: what the body names is authorised before it gets the identity.
pub(super) fn create(
    gateway: &Gateway,
    admitted: Admitted,
    body: Vec<u8>,
) -> Result<Forwarded, Refused> {
    let operation = admitted.target.endpoint.operation();
    match operation {
        Operation::Files | Operation::Batches => uploads::object(gateway, admitted, &body),
        _ if operation.body_kind() == BodyKind::Form => uploads::form(gateway, admitted, &body),
        _ => json(gateway, admitted, body),
    }
}

/// A request of JSON: authorised for the model that the body names.
fn json(gateway: &Gateway, mut admitted: Admitted, body: Vec<u8>) -> Result<Forwarded, Refused> {
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
            units: checked.units,
            request_bytes: body.len(),
            known: Known::Nothing,
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
    units: Units,
    edits: Vec<Edit>,
}

fn check(gateway: &Gateway, admitted: &Admitted, body: &[u8]) -> Result<Checked, Refusal> {
    let operation = admitted.target.endpoint.operation();
    let parsed = RequestBody::read(operation, body)?;
    let grant = grant_model(admitted, parsed.model_name(), Some(&parsed.uses))?;
    check_references(gateway, admitted, &parsed.references)?;
    let options = &admitted.caller.client.options;
    let user = options.user_of_body(&parsed, body)?;
    let cap = match options.max_output_tokens {
        Some(limit) => limit_output(limit, &admitted.target, &parsed, body)?,
        None => None,
    };
    let headers = swapped_headers(gateway, admitted)?;
    let asked = ask_for_usage(admitted, &parsed);
    let renamed = rename_model(&grant, &parsed);
    Ok(Checked {
        headers,
        user,
        stream: parsed.stream,
        remove_usage_event: asked.is_some(),
        units: units(parsed.media),
        edits: cap.into_iter().chain(asked).chain(renamed).collect(),
        grant,
    })
}

/// The granted deployment as the body's `model`, where the body says another one or none: what is
/// authorised is all that anybody behind us can read.
fn rename_model(grant: &Grant, parsed: &RequestBody) -> Option<Edit> {
    let model = parsed.model.as_ref()?;
    let name = grant.deployment.as_str();
    (model.name.as_deref() != Some(name)).then(|| model.rename(name))
}

/// Images and speech, as the request asks for them.
fn units(asked: MediaRequest) -> Units {
    Units {
        image_size: asked.size.map(Into::into),
        image_quality: asked.quality.map(Into::into),
        characters: asked.characters,
        ..Units::default()
    }
}

/// The deployment that the request is granted. One in the path decides, as at Azure, whatever the body
/// says beside it, unless the product wants them to be equal; elsewhere the model names it.
pub(super) fn grant_model(
    admitted: &Admitted,
    model: Option<&str>,
    uses: Option<&Uses>,
) -> Result<Grant, Refusal> {
    let operation = admitted.target.endpoint.operation();
    let model = model.filter(|name| !name.is_empty());
    match (&admitted.grant, model) {
        (Some(grant), Some(model))
            if grant.product.strict_model && model != grant.deployment.as_str() =>
        {
            Err(Refusal::model_mismatch())
        }
        (Some(grant), _) if grant.product.check_uses(uses).is_ok() => Ok(grant.clone()),
        // Another product may have the same deployment with more beside it.
        (Some(grant), _) => grant_deployment(admitted, operation, grant.deployment.clone(), uses),
        (None, None) => Err(Refusal::model_missing()),
        (None, Some(model)) => {
            let deployment = Deployment::parse(model).ok_or_else(Refusal::model_name)?;
            grant_deployment(admitted, operation, deployment, uses)
        }
    }
}

/// Whether a product allows an operation on a deployment.
pub(super) fn grant_deployment(
    admitted: &Admitted,
    operation: Operation,
    deployment: Deployment,
    uses: Option<&Uses>,
) -> Result<Grant, Refusal> {
    let client = &admitted.caller.client;
    let asked = admitted.asked_for(operation);
    Ok(authorize_deployment(client, &asked, deployment, uses)?)
}

/// What the service has stored for another client can't be referred to.
pub(super) fn check_references(
    gateway: &Gateway,
    admitted: &Admitted,
    named: &References,
) -> Result<(), Refusal> {
    if named.has_conversation {
        return Err(Refusal::conversation());
    }
    if let Some(member) = &named.unsupported {
        return Err(Refusal::stored_reference(member));
    }
    let client = &admitted.caller.client.id;
    let response = named.previous_response_id.as_slice();
    for (kind, ids) in [
        (ObjectKind::Response, response),
        (ObjectKind::Item, &named.items),
        (ObjectKind::File, &named.files),
        (ObjectKind::Container, &named.containers),
    ] {
        if let Some(id) = ids.iter().find(|id| !gateway.owners.owns(kind, client, id)) {
            return Err(Refusal::object_not_found(kind, id));
        }
    }
    Ok(())
}

/// `include_usage`, where a stream would have no usage without it.
fn ask_for_usage(admitted: &Admitted, parsed: &RequestBody) -> Option<Edit> {
    let target = &admitted.target;
    let first = match parsed.has_images {
        true => FIRST_VERSION_WITH_IMAGES_AND_STREAM_OPTIONS,
        false => FIRST_VERSION_WITH_STREAM_OPTIONS,
    };
    let version = target.api_version.as_ref();
    let is_known = target.shape == ApiShape::V1 || version.is_some_and(|it| it.is_at_least(first));
    let must_be_asked = target.endpoint.operation().usage_must_be_asked_for();
    match &parsed.include_usage {
        IncludeUsage::NotAsked(edit)
            if parsed.stream && must_be_asked && is_known && !parsed.has_data_sources =>
        {
            Some(edit.clone())
        }
        _ => None,
    }
}

/// The identity in place of the caller's credential, if what it is used for can be accounted for, and
/// an answer that can be read.
pub(super) fn swapped_headers(
    gateway: &Gateway,
    admitted: &Admitted,
) -> Result<Vec<Header>, Refusal> {
    if let Some(ledger) = &gateway.ledger {
        ledger.admit().map_err(|_| Refusal::ledger_unwritable())?;
    }
    let authorization = gateway
        .identity
        .authorization()
        .ok_or_else(Refusal::no_identity)?;
    let path = admitted.target.rewritten.as_deref();
    let path = path.map(|path| headers::set(":path", path.as_bytes()));
    let swapped = [
        headers::set("authorization", authorization.as_bytes()),
        headers::set("accept-encoding", b"identity"),
    ];
    Ok(swapped.into_iter().chain(path).collect())
}
