//! A request on its way out, and what comes back before its body.

use super::limited::Limited;
use super::pending::Admitted;
use crate::access::{Deployment, Known, ProductId};
use crate::content::Capture;
use crate::usage::{BodyFormat, Prompt, Units};

/// What the gateway knows of a request when it goes out.
pub(crate) struct Outgoing {
    pub(crate) admitted: Admitted,
    pub(crate) deployment: Option<Deployment>,
    pub(crate) product: Option<ProductId>,
    pub(crate) stream: bool,
    /// The usage event was asked for by the gateway, not by the client.
    pub(crate) remove_usage_event: bool,
    /// The stream says its usage after its end: until then the end is held back.
    pub(crate) awaits_usage: bool,
    pub(crate) prompt: Prompt,
    /// How many answers are asked for.
    pub(crate) choices: u64,
    /// Images and characters, as the request says them.
    pub(crate) units: Units,
    /// The service tier that is asked for by its name.
    pub(crate) service_tier: Option<String>,
    /// Bytes of the request's body.
    pub(crate) request_bytes: usize,
    /// What is known of the object that is requested, or that is made.
    pub(crate) known: Known,
    /// What was set aside of its limits; none where it has none.
    pub(crate) limited: Option<Limited>,
    /// Its prompt and its answer, where they are logged.
    pub(crate) capture: Option<Box<Capture>>,
}

impl Outgoing {
    /// A request that needs no body: its headers have said all.
    pub(super) fn without_body(admitted: Admitted, known: Known) -> Self {
        let grant = admitted.decision.grant.as_ref();
        Self {
            deployment: grant.map(|it| it.deployment.clone()),
            product: grant.map(|it| it.product.id.clone()),
            admitted,
            stream: false,
            remove_usage_event: false,
            awaits_usage: false,
            prompt: Prompt::Length(0),
            choices: 1,
            units: Units::default(),
            service_tier: None,
            request_bytes: 0,
            known,
            limited: None,
            capture: None,
        }
    }
}

/// What Envoy shows of an answer before its body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// The kind of body; none if it is compressed or of another kind.
    pub(crate) format: Option<BodyFormat>,
    pub(crate) is_encoded: bool,
    pub(crate) content_length: Option<u64>,
    /// How often Envoy tried, where it says so.
    pub(crate) attempts: Option<u32>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The last byte came.
    Complete,
    /// It broke off, on whichever side.
    BrokenOff,
}
