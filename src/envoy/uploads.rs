//! Requests whose body is a form, and what makes a file or a batch.

use std::sync::Arc;

use super::forward::{
    Forwarded, Refused, check_references, grant_deployment, grant_model, swapped_headers,
};
use super::gateway::Gateway;
use super::headers;
use super::pending::Admitted;
use super::refusal::Refusal;
use super::transaction::Outgoing;
use crate::access::{
    ApiShape, BATCH_PURPOSE, BatchBody, BatchInput, BatchLine, BodyError, Deployment, Endpoint,
    Form, Grant, Known, ObjectKind, Operation, ProductId, Target, batch_lines, limit_output, word,
};
use crate::usage::{Prompt, Units};

/// The field of a form that names the deployment.
const MODEL: &str = "model";
/// The field of a form whose text the model reads.
const PROMPT: &str = "prompt";

/// What a body was found to ask for.
#[derive(Default)]
struct Asked {
    deployment: Option<Deployment>,
    product: Option<ProductId>,
    stream: bool,
    prompt: Option<Prompt>,
    units: Units,
    known: Known,
}

/// The body that goes on, where it is another one than the client's.
type Written = Option<(String, Vec<u8>)>;

/// A form for a deployment: audio that is heard, images that are edited.
pub(super) fn form(
    gateway: &Gateway,
    admitted: Admitted,
    body: &[u8],
) -> Result<Forwarded, Refused> {
    let read = read_form(&admitted, body);
    forward(gateway, admitted, body, read)
}

/// A file of a batch's lines, or a batch of such a file.
pub(super) fn object(
    gateway: &Gateway,
    admitted: Admitted,
    body: &[u8],
) -> Result<Forwarded, Refused> {
    let read = match admitted.target.endpoint.operation() {
        Operation::Files => read_file(gateway, &admitted, body),
        _ => read_batch(gateway, &admitted, body).map(|asked| (asked, None)),
    };
    forward(gateway, admitted, body, read)
}

fn forward(
    gateway: &Gateway,
    admitted: Admitted,
    body: &[u8],
    read: Result<(Asked, Written), Refusal>,
) -> Result<Forwarded, Refused> {
    let checked = read
        .and_then(|(asked, written)| Ok((asked, written, swapped_headers(gateway, &admitted)?)));
    let (asked, written, mut headers) = match checked {
        Ok(checked) => checked,
        Err(refusal) => return Err((Box::new(refusal), Box::new(admitted))),
    };
    let body_that_goes_on = written.map(|(content_type, body)| {
        headers.push(headers::set("content-type", content_type.as_bytes()));
        body
    });
    Ok(Forwarded {
        outgoing: Outgoing {
            admitted,
            deployment: asked.deployment,
            product: asked.product,
            stream: asked.stream,
            remove_usage_event: false,
            prompt: asked.prompt.unwrap_or(Prompt::Length(0)),
            units: asked.units,
            request_bytes: body.len(),
            known: asked.known,
        },
        headers,
        body: body_that_goes_on,
    })
}

fn read_form(admitted: &Admitted, body: &[u8]) -> Result<(Asked, Written), Refusal> {
    let mut form = Form::parse(&admitted.content_type, body)?;
    let grant = grant(admitted, &mut form)?;
    let word_of = |name| Ok::<_, BodyError>(form.field(name)?.and_then(word).map(Into::into));
    let asked = Asked {
        deployment: Some(grant.deployment),
        product: Some(grant.product.id.clone()),
        stream: form.field("stream")? == Some("true"),
        prompt: form.field(PROMPT)?.map(Prompt::of_text),
        units: Units {
            image_size: word_of("size")?,
            image_quality: word_of("quality")?,
            ..Units::default()
        },
        known: Known::Nothing,
    };
    Ok((asked, Some(form.write())))
}

/// The deployment that is granted, which the form's `model` is made equal to: clients send empty ones
/// and those of their own configuration beside a deployment in the path.
fn grant(admitted: &Admitted, form: &mut Form<'_>) -> Result<Grant, Refusal> {
    let model = form.field(MODEL)?;
    let grant = grant_model(admitted, model, None)?;
    let deployment = grant.deployment.as_str();
    if model.is_some_and(|model| model != deployment) {
        form.set(MODEL, deployment.to_owned());
    }
    Ok(grant)
}

fn read_file(
    gateway: &Gateway,
    admitted: &Admitted,
    body: &[u8],
) -> Result<(Asked, Written), Refusal> {
    let form = Form::parse(&admitted.content_type, body)?;
    if form.field("purpose")? != Some(BATCH_PURPOSE) {
        return Err(Refusal::file_purpose());
    }
    let mut input = None;
    for line in batch_lines(form.file("file")?) {
        let line = line?;
        check_references(gateway, admitted, &line.parsed.references)?;
        check_output(admitted, &line)?;
        input = Some(same_input(admitted, input, line)?);
    }
    let input = input.ok_or_else(|| BodyError::Malformed("the file has no lines".to_owned()))?;
    let asked = Asked {
        deployment: Some(input.deployment.clone()),
        product: Some(input.product.clone()),
        known: Known::Input(Arc::new(input)),
        ..Asked::default()
    };
    Ok((asked, Some(form.write())))
}

/// A line can't be changed, so where the client has a limit it must say how much may be answered.
fn check_output(admitted: &Admitted, line: &BatchLine<'_>) -> Result<(), Refusal> {
    let Some(limit) = admitted.caller.client.options.max_output_tokens else {
        return Ok(());
    };
    let target = Target {
        endpoint: Endpoint::Create {
            operation: line.operation,
            deployment: None,
        },
        shape: ApiShape::V1,
        api_version: None,
        rewritten: None,
    };
    match limit_output(limit, &target, &line.parsed, line.body)? {
        None => Ok(()),
        Some(_) => {
            let why = "each line must say how many tokens may be answered: this client has a limit";
            Err(BodyError::Malformed(why.to_owned()).into())
        }
    }
}

/// Each line is authorised with what it asks for beside the model; all must have one operation and
/// deployment.
fn same_input(
    admitted: &Admitted,
    first: Option<BatchInput>,
    line: BatchLine<'_>,
) -> Result<BatchInput, Refusal> {
    if let Some(first) = &first
        && (first.operation != line.operation || first.deployment != line.deployment)
    {
        let why = "all lines of the file must have one `url` and one `model`";
        return Err(BodyError::Malformed(why.to_owned()).into());
    }
    let uses = &line.parsed.uses;
    match first {
        Some(first) if uses.is_empty() => Ok(first),
        first => {
            let grant = grant_deployment(admitted, line.operation, line.deployment, Some(uses))?;
            Ok(first.unwrap_or_else(|| BatchInput {
                operation: line.operation,
                deployment: grant.deployment,
                product: grant.product.id.clone(),
            }))
        }
    }
}

fn read_batch(gateway: &Gateway, admitted: &Admitted, body: &[u8]) -> Result<Asked, Refusal> {
    let batch = BatchBody::parse(body)?;
    let (client, id) = (&admitted.caller.client.id, &batch.input_file_id);
    let Some(Known::Input(input)) = gateway.owners.known(ObjectKind::File, client, id) else {
        return Err(Refusal::object_not_found(ObjectKind::File, id));
    };
    if input.operation != batch.operation {
        let why = "`endpoint` differs from the `url` of the file's lines";
        return Err(BodyError::Malformed(why.to_owned()).into());
    }
    // The file's client may have lost the deployment since.
    let grant = grant_deployment(admitted, input.operation, input.deployment.clone(), None)?;
    Ok(Asked {
        deployment: Some(grant.deployment),
        product: Some(grant.product.id.clone()),
        ..Asked::default()
    })
}
