//! Refusals in the audit log: who asked for what, as far as it was known by then.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::rfc3339;
use crate::access::{Deployment, Endpoint, Grant, Operation, Target};
use crate::auth::Caller;

/// What is known of a request. Each step of a decision notes what it finds out, so that a refusal at any
/// later step can say it.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// When it came.
    pub started: SystemTime,
    /// Envoy's id of it.
    pub request_id: Arc<str>,
    /// The client.
    pub client: Option<Arc<str>>,
    /// The kind of the credential, never the credential: of a client's, as in usage records; of what
    /// nobody is known by, `key`, `token` or `certificate`.
    pub credential: Option<&'static str>,
    /// What the path stands for.
    pub operation: Option<Operation>,
    /// The deployment that is asked for.
    pub deployment: Option<Arc<str>>,
    /// The product that allows it, or came nearest to it.
    pub product: Option<Arc<str>>,
    /// What the reason of a refusal alone does not say.
    pub detail: Option<Arc<str>>,
}

impl RequestContext {
    /// A request of this moment, of which nothing else is known yet.
    pub fn at(started: SystemTime) -> Self {
        Self {
            started,
            request_id: Arc::from(""),
            client: None,
            credential: None,
            operation: None,
            deployment: None,
            product: None,
            detail: None,
        }
    }

    /// What its path says.
    pub(crate) fn target(&mut self, target: &Target) {
        self.operation = Some(target.endpoint.operation());
        if let Endpoint::Create { deployment, .. } | Endpoint::Realtime { deployment } =
            &target.endpoint
            && let Some(deployment) = deployment
        {
            self.deployment(deployment);
        }
    }

    /// Who is calling.
    pub(crate) fn caller(&mut self, caller: &Caller) {
        self.client = Some(caller.client.id.to_shared());
        self.credential = Some(caller.credential.as_str());
    }

    /// The deployment that the path or the body names.
    pub(crate) fn deployment(&mut self, deployment: &Deployment) {
        self.deployment = Some(deployment.to_shared());
    }

    /// What a product allows.
    pub(crate) fn granted(&mut self, grant: &Grant) {
        self.deployment(&grant.deployment);
        self.product = Some(grant.product.id.to_shared());
    }
}

/// A request that was refused before it reached a backend.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What is known of it.
    pub context: RequestContext,
    /// The reason, as in the metrics.
    pub reason: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// A refusal as it is written; docs/metering.md lists the members.
#[derive(Serialize)]
pub(super) struct RefusedLine<'a> {
    event: &'static str,
    time: String,
    request_id: &'a str,
    client: Option<&'a str>,
    credential: Option<&'static str>,
    operation: Option<&'static str>,
    deployment: Option<&'a str>,
    product: Option<&'a str>,
    status: u16,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl<'a> RefusedLine<'a> {
    pub(super) fn of(refused: &'a Refused) -> Self {
        let Refused {
            context,
            reason,
            status,
        } = refused;
        Self {
            event: "refused",
            time: rfc3339(context.started),
            request_id: &context.request_id,
            client: context.client.as_deref(),
            credential: context.credential,
            operation: context.operation.map(Operation::as_str),
            deployment: context.deployment.as_deref(),
            product: context.product.as_deref(),
            status: *status,
            reason,
            detail: context.detail.as_deref(),
        }
    }
}
