//! From ext_authz to ext_proc: a decision waits in memory, and where replicas share a key it goes along sealed.

use std::sync::Arc;
use std::time::SystemTime;

use super::basis::Basis;
use super::decide::{Decision, decide_again};
use super::limited::check_limits;
use super::pending::{Admitted, DecisionId, NoRoom, Waiting};
use super::refusal::{Reason, Refusal};
use super::rejected::Rejected;
use super::sealed::{self, SealedFor};
use super::share::{Lease, ShareExceeded};
use super::state::Gateway;
use crate::access::Target;
use crate::telemetry::{Parent, RequestContext, Span};

/// A decision that waits for ext_proc.
pub(crate) struct Kept {
    pub(crate) id: DecisionId,
    /// The same for other replicas, where they share a key.
    pub(crate) sealed: Option<String>,
}

impl Gateway {
    /// Keeps a decision until ext_proc comes for it. From now on the request, and as much of its body as its
    /// headers announce, is part of what its client has under way. Where other replicas may take it up, it is that
    /// with the one that does.
    ///
    /// # Errors
    /// The refusal where the client has too much under way, or too many decisions wait.
    pub(crate) fn keep(
        &self,
        method: &str,
        decision: Decision,
        basis: Basis,
        context: RequestContext,
    ) -> Result<Kept, Refusal> {
        let lease = self.lease(&decision)?;
        let policy = self.policy();
        let checked = check_limits(&self.limits, &policy, &decision);
        checked.map_err(|exceeded| Refusal::exceeded(&exceeded, &policy.limits.calendar))?;
        let overloaded = |NoRoom| Refusal::from(Reason::Overloaded);
        let id = DecisionId::new().map_err(overloaded)?;
        // Without an id a decision would be of any request for the same path.
        let keys = policy.decision_keys.as_ref();
        let Some(keys) = keys.filter(|_| !context.request_id.is_empty()) else {
            let waiting = Waiting::new(decision, basis, Some(lease), context);
            let kept = waiting.and_then(|waiting| self.pending.add(id, waiting));
            kept.map_err(overloaded)?;
            return Ok(Kept { id, sealed: None });
        };
        let sealed = sealed::seal(keys, id, method, &decision, &basis.proof, &context);
        let sealed = sealed.map_err(overloaded)?;
        let waiting = Waiting::new(decision, basis, None, context).map_err(overloaded)?;
        // Without room it is opened where it is taken up, which may be here.
        let _ = self.pending.add(id, waiting);
        Ok(Kept {
            id,
            sealed: Some(sealed),
        })
    }

    fn lease(&self, decision: &Decision) -> Result<Arc<Lease>, Refusal> {
        let client = &decision.caller.client;
        let bytes = decision.announced_bytes;
        let lease = self.shares.take(&client.id, client.options.limits, bytes);
        let lease = lease.map_err(|exceeded| match exceeded {
            ShareExceeded::Requests => Reason::TooManyConcurrentRequests,
            ShareExceeded::Bytes => Reason::TooManyRequestBytes,
        })?;
        Ok(Arc::new(lease))
    }

    /// Takes a decision of this process: it serves one request. None where there is no such decision.
    pub(crate) fn take(&self, id: DecisionId) -> Option<Result<Admitted, Rejected>> {
        let waiting = self.pending.take(id)?;
        if waiting.lease.is_none() {
            let until = sealed::remembered_until(SystemTime::now());
            self.used.take(id, until).then_some(())?;
        }
        Some(self.admit(waiting))
    }

    /// A request is taken up.
    pub(super) fn admit(&self, mut waiting: Waiting) -> Result<Admitted, Rejected> {
        let lease = match waiting.lease.take() {
            Some(lease) => Ok(lease),
            None => self.lease(&waiting.decision),
        };
        match lease {
            Ok(lease) => Ok(waiting.admitted(lease)),
            Err(refusal) => Err(Rejected::new(refusal, waiting.into_context())),
        }
    }

    /// Opens a decision of another replica, and decides again about it, by what is in force here. It waits only where
    /// a token is of a key of its issuer that is not here yet.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) async fn open(
        self: Arc<Self>,
        sealed: String,
        bound: SealedFor,
    ) -> Result<Admitted, Rejected> {
        let mut context = RequestContext::at(SystemTime::now());
        context.request_id = Arc::clone(&bound.request_id);
        let opened = match self.open_in(&sealed, bound, &mut context).await {
            Ok(waiting) => self.admit(waiting),
            Err(refusal) => Err(Rejected::new(refusal, context)),
        };
        self.metrics.opened(opened.is_ok());
        opened
    }

    async fn open_in(
        &self,
        sealed: &str,
        bound: SealedFor,
        context: &mut RequestContext,
    ) -> Result<Waiting, Refusal> {
        let policy = self.policy();
        let keys = policy.decision_keys.as_deref();
        let opened = sealed::unseal(keys, &self.used, sealed, &bound);
        let opened = opened.map_err(|error| {
            context.detail = Some(error.to_string().into());
            Refusal::from(Reason::NoDecision)
        })?;
        let target = Target::parse(&bound.method, &bound.path)?;
        context.started = opened.started;
        let path = bound.path.split_once('?').map_or(&*bound.path, |it| it.0);
        context.place(Some(path), opened.address);
        context.target(&target);
        if let Some(span) = opened.span {
            context.begin(Span::elsewhere(&Parent::new(span, None)));
        }
        let now = SystemTime::now();
        let issued = self.issued.as_deref();
        let caller = policy.authenticate_proof(issued, &opened.proof, now).await;
        let caller = caller.inspect_err(|error| {
            context.credential = Some(opened.proof.kind());
            context.detail = error.detail();
            context.refused(policy.describe_proof(issued, &opened.proof, error));
        })?;
        let mut decision = Decision {
            caller: caller.clone(),
            max_body_bytes: policy.body_limits.of(target.endpoint.operation()),
            announced_bytes: opened.announced_bytes,
            target,
            path: bound.path,
            pools: Arc::clone(&policy.pools),
            grant: None,
            address: opened.address,
            started: opened.started,
        };
        decision.caller.user = opened.user;
        decide_again(&self.rules(&policy), &mut decision, caller, context)?;
        let basis = Basis::new(&policy, opened.proof);
        let waiting = Waiting::new(decision, basis, None, context.clone());
        Ok(waiting.map_err(|NoRoom| Reason::Overloaded)?)
    }
}

#[cfg(test)]
mod tests;
