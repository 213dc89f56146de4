//! Refusals in the audit log: who asked for what, as far as it was known by then.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::rfc3339;
use crate::access::{Deployment, Endpoint, Grant, Operation, Target};
use crate::auth::{Caller, CredentialKind, Described, PresentedKey};
use crate::telemetry::trace::{Span, TracePoint};
use crate::usage::TraceId;

/// Longest path that is written.
const MAX_PATH_BYTES: usize = 256;

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
    /// Which key it is, once it was accepted.
    pub key: Option<PresentedKey>,
    /// What the path stands for.
    pub operation: Option<Operation>,
    /// The deployment that is asked for.
    pub deployment: Option<Arc<str>>,
    /// The product that allows it, or came nearest to it.
    pub product: Option<Arc<str>>,
    /// What the reason of a refusal alone does not say.
    pub detail: Option<Arc<str>>,
    /// Where the caller is.
    pub address: Option<IpAddr>,
    /// The path where it is one of the API's, without its query, which may have a secret in it.
    pub path: Option<Arc<str>>,
    /// What else is known of a credential that was refused.
    pub described: Option<Box<Described>>,
    /// The trace that it belongs to.
    pub trace_id: Option<TraceId>,
    /// Its span of what is going on just now: the decision, and then the request.
    pub span: Span,
}

impl RequestContext {
    /// A request of this moment, of which nothing else is known yet.
    pub fn at(started: SystemTime) -> Self {
        Self {
            started,
            request_id: Arc::from(""),
            client: None,
            credential: None,
            key: None,
            operation: None,
            deployment: None,
            product: None,
            detail: None,
            address: None,
            path: None,
            described: None,
            trace_id: None,
            span: Span::default(),
        }
    }

    /// The id of its key, whether that was accepted or not.
    pub(crate) fn key_id(&self) -> Option<&str> {
        let described = self.described.as_deref();
        let of_described = described.and_then(|it| it.key_id.as_deref());
        of_described.or_else(|| self.key.as_ref().map(PresentedKey::id))
    }

    /// A span of it has begun. One without a parent begins a trace.
    pub(crate) fn begin(&mut self, span: Span) {
        self.trace_id = self.trace_id.or(span.trace_id());
        self.span = span;
    }

    /// Where in its trace it is just now.
    pub(crate) fn trace_point(&self) -> Option<TracePoint> {
        let of_span = self
            .span
            .point()
            .filter(|it| Some(it.trace_id) == self.trace_id);
        of_span.or(self.trace_id.map(TracePoint::of_trace))
    }

    /// What is asked for, and from where.
    pub(crate) fn place(&mut self, path: Option<&str>, address: Option<IpAddr>) {
        let cut = |path: &str| {
            path.get(..path.floor_char_boundary(MAX_PATH_BYTES))
                .map(Arc::from)
        };
        self.path = path.and_then(cut);
        self.address = address;
    }

    /// Whose a credential is that was refused.
    pub(crate) fn refused(&mut self, described: Described) {
        if let Some(slot) = described.slot {
            self.credential = Some(CredentialKind::Key(slot).as_str());
        }
        self.client.clone_from(&described.client);
        self.described = Some(Box::new(described));
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
        self.key = caller.key;
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
    address: Option<IpAddr>,
    path: Option<&'a str>,
    #[serde(flatten)]
    described: DescribedMembers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
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
            address: context.address,
            path: context.path.as_deref(),
            described: DescribedMembers::of(context),
            detail: context.detail.as_deref(),
            trace_id: context.trace_id.map(|id| id.to_string()),
        }
    }
}

/// What only some credentials have.
#[derive(Serialize)]
struct DescribedMembers<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
}

impl<'a> DescribedMembers<'a> {
    fn of(context: &'a RequestContext) -> Self {
        let described = context.described.as_deref();
        Self {
            key_id: context.key_id(),
            issuer: described.and_then(|it| it.issuer.as_deref()),
            azp: described.and_then(|it| it.authorized_party.as_deref()),
            subject: described.and_then(|it| it.subject.as_deref()),
            serial: described.and_then(|it| it.serial.as_deref()),
        }
    }
}
