//! The swap: from an admitted request to what goes out with the identity on it.

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::{JoinError, JoinHandle};

use super::body::{BodyDecision, Rewritten, decide_body};
use super::decide::Owners;
use super::limited::{Limited, Wanted, wants, wants_request};
use super::outgoing::Outgoing;
use super::pending::Admitted;
use super::refusal::{Reason, Refusal};
use super::rejected::Rejected;
use super::route::{Asked, Chosen, Makes, Sought, Way, choose};
use super::state::Gateway;
use super::stored_at::StoredAt;
use super::unsettled;
use crate::access::{Endpoint, Place, Stored};
use crate::limits::{Attempt, Exceeded, LimitSettings};
use crate::policy::Policy;
use crate::usage::Prompt;

/// A request on its way out.
pub(crate) struct Forwarded {
    pub(crate) outgoing: Outgoing,
    /// Where it goes, with the identity in place of the caller's credential.
    pub(crate) way: Way,
    pub(crate) asked: Asked,
    /// The body, if it changes.
    pub(crate) rewritten: Option<Rewritten>,
}

/// Largest body that is read on the thread that serves the connection, in bytes: a larger one would hold
/// up every other request of that connection for longer than it takes to hand it over.
pub(crate) const MAX_BODY_READ_HERE_BYTES: usize = 256 * 1024;

/// What is decided of a request.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are decided now; a box would be an allocation for each request"
)]
pub(crate) enum Decided {
    /// It goes out, or does not.
    Now(Result<Forwarded, Rejected>),
    /// It waits for room within its limits.
    Later(Later),
}

/// A decision that waits.
pub(crate) type Later = Pin<Box<dyn Future<Output = Result<Forwarded, Rejected>> + Send>>;

/// A request that is being decided, with its body.
struct Candidate {
    admitted: Admitted,
    body: Option<Vec<u8>>,
}

/// What needs no body goes out as it is: its headers say all that decides.
pub(crate) fn without_body(gateway: &Arc<Gateway>, admitted: Admitted) -> Decided {
    let candidate = Candidate {
        admitted,
        body: None,
    };
    candidate.decide(gateway)
}

/// A request with a body: what the body names is authorised before it gets the identity.
pub(crate) fn create(gateway: &Arc<Gateway>, admitted: Admitted, body: Vec<u8>) -> Decided {
    let candidate = Candidate {
        admitted,
        body: Some(body),
    };
    candidate.decide(gateway)
}

impl Candidate {
    fn decide(mut self, gateway: &Arc<Gateway>) -> Decided {
        let policy = gateway.policy();
        let asked = match self.ask(gateway) {
            Ok(asked) => asked,
            Err(refusal) => return self.refused(refusal),
        };
        let decision = &self.admitted.decision;
        let wanted = match (&asked, &self.body) {
            (Some(asked), Some(body)) => wants(&gateway.limits, &policy, decision, (asked, body)),
            _ => wants_request(&policy, decision),
        };
        let Some(Wanted {
            demand,
            settings,
            basis,
        }) = wanted
        else {
            return Decided::Now(self.go(gateway, asked, None));
        };
        match gateway.limits.reserve(demand, &settings) {
            Attempt::Now(Ok(reservation)) => {
                let limited = Limited::new(reservation, basis);
                Decided::Now(self.go(gateway, asked, Some(limited)))
            }
            Attempt::Now(Err(exceeded)) => Decided::Now(Err(self.exceeded(&exceeded, &settings))),
            Attempt::Later(waiting) => {
                let gateway = Arc::clone(gateway);
                Decided::Later(Box::pin(async move {
                    match waiting.await {
                        Ok(reservation) => {
                            let limited = Limited::new(reservation, basis);
                            self.go_later(&gateway, &policy, asked, limited).await
                        }
                        Err(exceeded) => Err(self.exceeded(&exceeded, &settings)),
                    }
                }))
            }
        }
    }

    /// Lets it out after it has waited. Meanwhile its key may have been revoked, or another configuration have
    /// come into force: then its body is read again. What is large is read and written elsewhere.
    async fn go_later(
        mut self,
        gateway: &Arc<Gateway>,
        decided_by: &Arc<Policy>,
        asked: Option<BodyDecision>,
        limited: Limited,
    ) -> Result<Forwarded, Rejected> {
        let is_as_decided = Arc::ptr_eq(&gateway.policy(), decided_by);
        let is_large = self
            .body
            .as_ref()
            .is_some_and(|it| it.len() > MAX_BODY_READ_HERE_BYTES);
        let lease = Arc::clone(&self.admitted.lease);
        let gateway = Arc::clone(gateway);
        let context = self.admitted.context.clone();
        let go = move || {
            let asked = match is_as_decided {
                true => gateway.renew(&mut self.admitted).map(|()| asked),
                false => self.ask(&gateway),
            };
            match asked {
                Ok(asked) => self.go(&gateway, asked, Some(limited)),
                Err(refusal) => Err(Rejected::new(refusal, self.admitted.context)),
            }
        };
        if is_as_decided && !is_large {
            return go();
        }
        let again = lease.in_turn(go);
        let overloaded = |_| Err(Rejected::new(Reason::Overloaded.into(), context));
        again.await.unwrap_or_else(overloaded)
    }

    fn exceeded(mut self, exceeded: &Exceeded, settings: &LimitSettings) -> Rejected {
        self.admitted.context.detail = Some(exceeded.to_string().into());
        let refusal = Refusal::exceeded(exceeded, &settings.calendar);
        Rejected::new(refusal, self.admitted.context)
    }

    fn refused(self, refusal: Refusal) -> Decided {
        Decided::Now(Err(Rejected::new(refusal, self.admitted.context)))
    }

    /// Looks at the credential once more, and at what the body asks for.
    fn ask(&mut self, gateway: &Gateway) -> Result<Option<BodyDecision>, Refusal> {
        gateway.renew(&mut self.admitted)?;
        let Some(body) = &self.body else {
            return Ok(None);
        };
        let asked = decide_body(
            Owners(Some(&gateway.owners)),
            &self.admitted.decision,
            &self.admitted.content_type,
            body,
            &mut self.admitted.context,
            &mut (),
        );
        asked.map(Some)
    }

    /// Lets it out with the identity.
    fn go(
        mut self,
        gateway: &Gateway,
        asked: Option<BodyDecision>,
        limited: Option<Limited>,
    ) -> Result<Forwarded, Rejected> {
        let goes_on = asked.as_ref().is_some_and(|asked| asked.goes_on.is_some());
        let checked = match goes_on {
            true => unsettled::place(gateway, &self.admitted).map(Some),
            false => Ok(None),
        };
        let checked = checked.and_then(|place| {
            let stored = self.stored(gateway)?;
            let chosen = self.choose(gateway, asked.as_ref(), stored.as_ref())?;
            Ok((place, stored, chosen))
        });
        let (place, stored, chosen) = match checked {
            Ok(checked) => checked,
            Err(refusal) => return Err(Rejected::new(refusal, self.admitted.context)),
        };
        // The credential is kept no longer than this.
        self.admitted.basis = None;
        let Chosen {
            way,
            asked: at,
            name,
        } = chosen;
        let (outgoing, rewritten) = match (asked, self.body) {
            (Some(mut asked), Some(body)) => {
                let change = std::mem::take(&mut asked.change);
                let rewritten = match change.write(&body, &name) {
                    Ok(rewritten) => rewritten,
                    Err(error) => return Err(Rejected::new(error.into(), self.admitted.context)),
                };
                let capture = gateway.capture(&self.admitted, &asked, &body);
                let creating = Creating { asked, body, place };
                let outgoing = Outgoing {
                    capture,
                    ..with_body(self.admitted, creating, limited)
                };
                (outgoing, rewritten)
            }
            _ => {
                let known = stored.map(|it| it.known).unwrap_or_default();
                let outgoing = Outgoing {
                    limited,
                    ..Outgoing::without_body(self.admitted, known)
                };
                (outgoing, None)
            }
        };
        Ok(Forwarded {
            outgoing,
            way,
            asked: at,
            rewritten,
        })
    }

    /// Chooses its backends, if what they are used for can be accounted for.
    fn choose(
        &self,
        gateway: &Gateway,
        asked: Option<&BodyDecision>,
        stored: Option<&Stored>,
    ) -> Result<Chosen, Refusal> {
        if let Some(ledger) = &gateway.ledger {
            ledger.admit().map_err(|_| Reason::LedgerUnwritable)?;
        }
        let decision = &self.admitted.decision;
        let grant = decision.grant.as_ref();
        let reach = &self.admitted.reach;
        let sought = match asked {
            Some(asked) => Sought {
                deployment: asked.deployment.as_ref(),
                product: asked.product.as_ref(),
                makes: match (&asked.goes_on, asked.is_kept) {
                    (Some(_), _) => Makes::Work,
                    (None, true) => Makes::Stored,
                    (None, false) => Makes::Nothing,
                },
                stored_at: asked.stored_at.clone(),
                reach,
            },
            None => Sought {
                deployment: grant.map(|it| &it.deployment),
                product: grant.map(|it| &it.product.id),
                makes: Makes::Nothing,
                stored_at: stored.map_or(StoredAt::Anywhere, |it| {
                    StoredAt::Backend(decision.backend_of(it))
                }),
                reach,
            },
        };
        choose(gateway, decision, &sought)
    }

    /// What is known of the thing that a request without a body is about.
    ///
    /// # Errors
    /// The refusal of what has been forgotten since it was looked at.
    fn stored(&self, gateway: &Gateway) -> Result<Option<Stored>, Refusal> {
        let decision = &self.admitted.decision;
        let Endpoint::Stored { kind, id, .. } = &decision.target.endpoint else {
            return Ok(None);
        };
        let client = &decision.caller.client.id;
        let stored = gateway.owners.stored(*kind, client, id);
        let stored = stored.ok_or_else(|| Refusal::object_not_found(*kind, id))?;
        Ok(Some(stored))
    }
}

/// Something that is made from a body.
struct Creating {
    asked: BodyDecision,
    body: Vec<u8>,
    /// Of what goes on when the request has ended.
    place: Option<Place>,
}

fn with_body(mut admitted: Admitted, creating: Creating, limited: Option<Limited>) -> Outgoing {
    let Creating { asked, body, place } = creating;
    if asked.user.is_some() {
        admitted.decision.caller.user.clone_from(&asked.user);
    }
    let known = match (place, &asked.goes_on) {
        (Some(place), Some(goes_on)) => {
            unsettled::begin(&admitted, &asked, goes_on, body.len(), place)
        }
        _ => asked.known,
    };
    Outgoing {
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
        limited,
        capture: None,
        prompt: asked.prompt.unwrap_or_else(|| Prompt::of_body(body)),
    }
}

impl Gateway {
    /// The same on a thread for work that takes long, one body of a client at a time.
    pub(crate) fn create_elsewhere(
        self: &Arc<Self>,
        admitted: Admitted,
        body: Vec<u8>,
    ) -> JoinHandle<Result<Decided, JoinError>> {
        let gateway = Arc::clone(self);
        let lease = Arc::clone(&admitted.lease);
        let created = lease.in_turn(move || create(&gateway, admitted, body));
        self.settlements.spawn_on(created, &self.runtime)
    }
}
