//! The swap: from an admitted request to what goes out with the identity on it.

use std::sync::Arc;

use http::HeaderValue;
use tokio::task::{JoinError, JoinHandle};

use super::body::{Rewritten, decide_body};
use super::decide::Owners;
use super::outgoing::Outgoing;
use super::pending::Admitted;
use super::refusal::{Reason, Refusal};
use super::state::Gateway;
use super::unsettled;
use crate::access::{Endpoint, Known};
use crate::telemetry::RequestContext;
use crate::usage::{Prompt, Units};

/// A request on its way out.
pub(crate) struct Forwarded {
    pub(crate) outgoing: Outgoing,
    /// The identity in place of the caller's credential.
    pub(crate) authorization: HeaderValue,
    /// The path, if it changes.
    pub(crate) path: Option<String>,
    /// The body, if it changes.
    pub(crate) rewritten: Option<Rewritten>,
}

/// A request that does not go out.
pub(crate) struct Rejected {
    /// The answer to the client.
    pub(crate) refusal: Box<Refusal>,
    /// What is known of the request.
    pub(crate) context: Box<RequestContext>,
}

impl Rejected {
    fn new(refusal: Refusal, context: RequestContext) -> Self {
        Self {
            refusal: Box::new(refusal),
            context: Box::new(context),
        }
    }
}

/// What needs no body goes out as it is: its headers say all that decides.
pub(crate) fn without_body(
    gateway: &Gateway,
    mut admitted: Admitted,
) -> Result<Forwarded, Rejected> {
    let renewed = gateway.renew(&mut admitted);
    let authorization = match renewed.and_then(|()| admit(gateway)) {
        Ok(authorization) => authorization,
        Err(refusal) => return Err(Rejected::new(refusal, admitted.context)),
    };
    let decision = &admitted.decision;
    let known = match &decision.target.endpoint {
        Endpoint::Stored { kind, id, .. } => {
            let client = &decision.caller.client.id;
            gateway.owners.known(*kind, client, id).unwrap_or_default()
        }
        _ => Known::Nothing,
    };
    let grant = decision.grant.clone();
    Ok(Forwarded {
        path: decision.target.rewritten.clone(),
        outgoing: Outgoing {
            admitted,
            deployment: grant.as_ref().map(|it| it.deployment.clone()),
            product: grant.map(|it| it.product.id.clone()),
            stream: false,
            remove_usage_event: false,
            awaits_usage: false,
            prompt: Prompt::Length(0),
            choices: 1,
            units: Units::default(),
            service_tier: None,
            request_bytes: 0,
            known,
        },
        authorization,
        rewritten: None,
    })
}

/// A request with a body: what the body names is authorised before it gets the identity.
pub(crate) fn create(
    gateway: &Gateway,
    mut admitted: Admitted,
    body: Vec<u8>,
) -> Result<Forwarded, Rejected> {
    if let Err(refusal) = gateway.renew(&mut admitted) {
        return Err(Rejected::new(refusal, admitted.context));
    }
    let decided = decide_body(
        Owners(Some(&gateway.owners)),
        &admitted.decision,
        &admitted.content_type,
        &body,
        &mut admitted.context,
        &mut (),
    );
    let checked = decided.and_then(|asked| {
        let place = match asked.goes_on {
            Some(_) => Some(unsettled::place(gateway, &admitted)?),
            None => None,
        };
        Ok((asked, place, admit(gateway)?))
    });
    let (asked, place, authorization) = match checked {
        Ok(checked) => checked,
        Err(refusal) => return Err(Rejected::new(refusal, admitted.context)),
    };
    if asked.user.is_some() {
        admitted.decision.caller.user.clone_from(&asked.user);
    }
    let known = match (place, &asked.goes_on) {
        (Some(place), Some(goes_on)) => {
            unsettled::begin(&admitted, &asked, goes_on, body.len(), place)
        }
        _ => asked.known,
    };
    Ok(Forwarded {
        path: admitted.decision.target.rewritten.clone(),
        outgoing: Outgoing {
            admitted,
            deployment: asked.deployment,
            product: asked.product,
            stream: asked.stream,
            remove_usage_event: asked.remove_usage_event,
            awaits_usage: asked.awaits_usage,
            choices: asked.choices,
            units: asked.units,
            service_tier: asked.service_tier,
            request_bytes: body.len(),
            known,
            prompt: asked.prompt.unwrap_or_else(|| Prompt::of_body(body)),
        },
        authorization,
        rewritten: asked.rewritten,
    })
}

impl Gateway {
    /// The same on a thread for work that takes long, one body of a client at a time.
    pub(crate) fn create_elsewhere(
        self: &Arc<Self>,
        admitted: Admitted,
        body: Vec<u8>,
    ) -> JoinHandle<Result<Result<Forwarded, Rejected>, JoinError>> {
        let gateway = Arc::clone(self);
        let lease = Arc::clone(&admitted.lease);
        let created = lease.in_turn(move || create(&gateway, admitted, body));
        self.settlements.spawn_on(created, &self.runtime)
    }
}

/// The identity, if what it is used for can be accounted for.
fn admit(gateway: &Gateway) -> Result<HeaderValue, Refusal> {
    if let Some(ledger) = &gateway.ledger {
        ledger.admit().map_err(|_| Reason::LedgerUnwritable)?;
    }
    let authorization = gateway.identity.authorization();
    Ok(authorization.ok_or(Reason::NoIdentity)?)
}
