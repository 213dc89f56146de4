//! The decision on a request's body: what it names is authorised, and what is passed on is made to say only that.

mod batch;
mod change;
mod form;
mod json;

use std::sync::Arc;

pub(crate) use change::{BodyChange, Rewritten};

use super::decide::{Decision, Owners};
use super::observer::{Observer, Step};
use super::refusal::{Reason, Refusal};
use super::stored_at::StoredAt;
use crate::access::{
    BatchInput, BodyKind, Deployment, Grant, Known, ObjectKind, Operation, ProductId, References,
    Uses, Wanted, authorize_deployment,
};
use crate::telemetry::RequestContext;
use crate::usage::{Prompt, Units};

/// What a body was found to ask for.
#[derive(Debug, Default)]
pub(crate) struct BodyDecision {
    pub(crate) deployment: Option<Deployment>,
    pub(crate) product: Option<ProductId>,
    /// The end user that the body names, where the client is trusted to.
    pub(crate) user: Option<Arc<str>>,
    pub(crate) stream: bool,
    /// The gateway asks for the usage event, and the client does not.
    pub(crate) remove_usage_event: bool,
    /// The stream says its usage after its end.
    pub(crate) awaits_usage: bool,
    /// How many answers are asked for; 0 where none is of text.
    pub(crate) choices: u64,
    /// What the model reads; `None` is all of the body.
    pub(crate) prompt: Option<Prompt>,
    pub(crate) units: Units,
    /// The service tier that is asked for.
    pub(crate) service_tier: Option<String>,
    /// The service keeps what it makes, wherever that is: twice would be one too many.
    pub(crate) is_kept: bool,
    /// What goes on when the request has ended.
    pub(crate) goes_on: Option<GoesOn>,
    /// How many tokens the model may write, where somebody has said so.
    pub(crate) max_output_tokens: Option<u64>,
    /// How many tokens all answers together may have, where somebody has said so.
    pub(crate) output_at_most: Option<u64>,
    pub(crate) known: Known,
    /// Where what it refers to is.
    pub(crate) stored_at: StoredAt,
    /// What is passed on in its place.
    pub(crate) change: BodyChange,
}

/// What goes on when its request has ended.
#[derive(Debug)]
pub(crate) enum GoesOn {
    /// A response in the background.
    Response,
    /// A batch of a file's lines.
    Batch(Arc<BatchInput>),
}

/// Decides. What becomes known of the request is noted in its context, so that a refusal can say it.
///
/// # Errors
/// The refusal.
pub(crate) fn decide_body(
    owners: Owners<'_>,
    decision: &Decision,
    content_type: &str,
    body: &[u8],
    context: &mut RequestContext,
    observer: &mut impl Observer,
) -> Result<BodyDecision, Refusal> {
    let mut deciding = Deciding {
        owners,
        decision,
        context,
        observer,
    };
    decision.check_size(body.len())?;
    let operation = decision.target.endpoint.operation();
    match operation {
        _ if body.is_empty() => Err(Reason::BodyEmpty.into()),
        Operation::Files => deciding.file(content_type, body),
        Operation::Batches => deciding.batch(body),
        _ if operation.body_kind() == BodyKind::Form => deciding.form(content_type, body),
        _ => deciding.json(body),
    }
}

/// A decision that is being made.
struct Deciding<'a, O> {
    owners: Owners<'a>,
    decision: &'a Decision,
    context: &'a mut RequestContext,
    observer: &'a mut O,
}

impl<O: Observer> Deciding<'_, O> {
    /// The deployment that the request is granted. One in the path decides, as at Azure, whatever the
    /// body says as well, unless the product wants them to be equal; elsewhere the model names it.
    fn grant_model(&mut self, model: Option<&str>, uses: &Uses) -> Result<Grant, Refusal> {
        let model = model.filter(|name| !name.is_empty());
        let path = self.decision.grant.as_ref();
        self.observer.step(Step::Deployment {
            path: path.map(|grant| &grant.deployment),
            model,
        });
        let operation = self.decision.target.endpoint.operation();
        match (path, model) {
            (Some(grant), Some(model))
                if grant.product.strict_model && model != grant.deployment.as_str() =>
            {
                Err(Reason::ModelMismatch.into())
            }
            (Some(grant), _) if uses.is_empty() => Ok(grant.clone()),
            // Another product may have the same deployment and allow more.
            (Some(grant), _) => self.grant(operation, grant.deployment.clone(), uses),
            (None, None) => Err(Reason::ModelMissing.into()),
            (None, Some(model)) => {
                let deployment = Deployment::parse(model).ok_or(Reason::ModelName)?;
                self.grant(operation, deployment, uses)
            }
        }
    }

    /// Whether a product allows an operation on a deployment, and what is asked for besides it.
    fn grant(
        &mut self,
        operation: Operation,
        deployment: Deployment,
        uses: &Uses,
    ) -> Result<Grant, Refusal> {
        let client = &self.decision.caller.client;
        let asked = &self.decision.asked_for(operation);
        self.observer.step(Step::Products {
            client,
            asked,
            wanted: Wanted::Named(&deployment),
            uses: Some(uses),
        });
        self.context.deployment(&deployment);
        let grant = authorize_deployment(client, asked, deployment, Some(uses))?;
        self.context.granted(&grant);
        self.observer.step(Step::Granted(&grant));
        Ok(grant)
    }

    /// What the service has stored for another client can't be referred to.
    /// All of it must be at one backend, with what else the request refers to.
    fn check_references(&mut self, named: &References, at: &mut StoredAt) -> Result<(), Refusal> {
        if named.has_conversation {
            return Err(Reason::Conversation.into());
        }
        if let Some(member) = &named.unsupported {
            return Err(Refusal::about(Reason::StoredReference, member));
        }
        let response = named.previous_response_id.as_slice();
        for (kind, ids) in [
            (ObjectKind::Response, response),
            (ObjectKind::Item, &named.items),
            (ObjectKind::File, &named.files),
            (ObjectKind::Container, &named.containers),
        ] {
            for id in ids {
                let client = &self.decision.caller.client;
                let stored = self.owners.check(client, kind, id, self.observer)?;
                if let Some(stored) = stored {
                    at.and(self.decision.backend_of(&stored), id)?;
                }
            }
        }
        Ok(())
    }
}
