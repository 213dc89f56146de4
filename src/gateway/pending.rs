//! Decisions that ext_authz has made and ext_proc has not yet taken up.
//!
//! ext_authz hands Envoy a random number as dynamic metadata; ext_proc brings it back and gets the
//! decision, once. So the identity can only be used after this very process has seen an
//! authenticated and authorised caller, and nothing about the caller has to be written into a
//! message and read again. Where replicas share a key, the decision goes along, sealed, and may be taken up by
//! another one (see `sealed`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use super::basis::Basis;
use super::decide::Decision;
use super::reach::Reach;
use super::share::Lease;
use crate::access::ClientId;
use crate::telemetry::RequestContext;
use crate::usage::RecordId;

/// Decisions that may wait; a client that opens and drops requests can't fill the memory.
const MAX_PENDING: usize = 100_000;
/// The same of those that may as well be opened where they are taken up: nobody is refused for want of room for them.
const MAX_TRAVELLING: usize = 10_000;
/// How long a decision waits. ext_proc comes within milliseconds: it is the next filter. If it does not, the
/// caller has reset the request.
const MAX_AGE: Duration = Duration::from_secs(2);

/// A request that was allowed.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) decision: Decision,
    /// Its part of what its client may have under way.
    pub(crate) lease: Arc<Lease>,
    /// What it was decided by, until it has been looked at again.
    pub(crate) basis: Option<Basis>,
    /// `content-type` of a form; ext_proc fills it in.
    pub(crate) content_type: String,
    /// What a refusal on its way out says of it.
    pub(crate) context: RequestContext,
    /// The name of its usage record.
    pub(crate) record: RecordId,
    /// Where its Envoy leads; ext_proc fills it in.
    pub(crate) reach: Reach,
    pub(crate) at: Instant,
}

/// A request that was allowed, and waits to be taken up.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) decision: Decision,
    basis: Basis,
    /// None where another replica may take it up: it has a part of what its client may have once it is taken.
    pub(super) lease: Option<Arc<Lease>>,
    context: RequestContext,
    record: RecordId,
    at: Instant,
}

impl Waiting {
    /// A decision with the name of its record.
    pub(crate) fn new(
        decision: Decision,
        basis: Basis,
        lease: Option<Arc<Lease>>,
        context: RequestContext,
    ) -> Result<Self, NoRoom> {
        Ok(Self {
            record: RecordId::new(decision.started).map_err(|_| NoRoom)?,
            decision,
            basis,
            lease,
            context,
            at: Instant::now(),
        })
    }

    /// It is taken up, with its part of what its client may have under way.
    pub(crate) fn admitted(self, lease: Arc<Lease>) -> Admitted {
        Admitted {
            record: self.record,
            decision: self.decision,
            lease,
            basis: Some(self.basis),
            content_type: String::new(),
            context: self.context,
            reach: Reach::default(),
            at: self.at,
        }
    }

    /// What is known of it, for a refusal.
    pub(super) fn into_context(self) -> RequestContext {
        self.context
    }
}

/// Names a decision between two messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DecisionId(u128);

impl DecisionId {
    /// A new name.
    pub(crate) fn new() -> Result<Self, NoRoom> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| NoRoom)?;
        Ok(Self::of_bytes(random))
    }

    pub(crate) const fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub(crate) fn to_hex(self) -> String {
        format!("{:032x}", self.0)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| digits)
            .map(Self)
    }
}

/// No room, or no random number: the request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

#[derive(Default)]
pub(crate) struct PendingDecisions {
    waiting: DashMap<DecisionId, Waiting>,
    /// How many wait: the map would have to lock each of its shards to say.
    count: AtomicUsize,
}

impl PendingDecisions {
    pub(crate) fn add(&self, id: DecisionId, waiting: Waiting) -> Result<(), NoRoom> {
        let most = match waiting.lease {
            Some(_) => MAX_PENDING,
            None => MAX_TRAVELLING,
        };
        if self.count.fetch_add(1, Ordering::Relaxed) >= most {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(NoRoom);
        }
        self.waiting.insert(id, waiting);
        Ok(())
    }

    /// As if as many waited as may, for tests.
    #[cfg(test)]
    pub(super) fn fill(&self) {
        self.count.store(MAX_PENDING, Ordering::Relaxed);
    }

    /// Takes a decision: it serves one request.
    pub(crate) fn take(&self, id: DecisionId) -> Option<Waiting> {
        let (_, waiting) = self.waiting.remove(&id)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(waiting).filter(|waiting| waiting.at.elapsed() <= MAX_AGE)
    }

    /// Forgets the decisions that nobody has come for; gives how many of which client. Those that another replica may
    /// have taken up are not among them.
    pub(crate) fn sweep(&self) -> BTreeMap<ClientId, u64> {
        let mut abandoned = BTreeMap::new();
        self.waiting.retain(|_, waiting| {
            let stays = waiting.at.elapsed() <= MAX_AGE;
            if !stays {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            if !stays && waiting.lease.is_some() {
                let client = waiting.decision.caller.client.id.clone();
                *abandoned.entry(client).or_default() += 1;
            }
            stays
        });
        abandoned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    use crate::access::{Client, ClientId, Target};
    use crate::auth::{Caller, CredentialKind, KeySlot};

    /// A decision that waits, and its name.
    fn add(pending: &PendingDecisions, lease: Option<Lease>) -> Result<DecisionId, NoRoom> {
        let id = DecisionId::new().expect("random numbers");
        pending.add(id, waiting(lease)).map(|()| id)
    }

    fn waiting(lease: Option<Lease>) -> Waiting {
        let client = Client::new(ClientId::new("app"), Vec::new());
        let decision = Decision {
            pools: Arc::default(),
            path: String::new(),
            caller: Caller {
                client: Arc::new(client),
                credential: CredentialKind::Key(KeySlot::Primary),
                key: None,
                user: None,
                entitlements: None,
            },
            target: Target::parse("POST", "/openai/v1/embeddings").expect("a path"),
            grant: None,
            address: None,
            started: SystemTime::UNIX_EPOCH,
            max_body_bytes: usize::MAX,
            announced_bytes: 0,
        };
        let context = RequestContext::at(SystemTime::UNIX_EPOCH);
        let lease = lease.map(Arc::new);
        Waiting::new(decision, Basis::of_nothing(), lease, context).expect("random numbers")
    }

    #[tokio::test]
    async fn a_decision_serves_once() {
        let pending = PendingDecisions::default();
        let id = add(&pending, Some(Lease::of_nobody())).expect("room");
        assert_eq!(DecisionId::from_hex(&id.to_hex()), Some(id));
        assert!(pending.take(id).is_some());
        assert!(
            pending.take(id).is_none(),
            "the second request has no decision"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_decision_nobody_came_for_is_forgotten() {
        let pending = PendingDecisions::default();
        let late = add(&pending, Some(Lease::of_nobody())).expect("room");
        add(&pending, None).expect("room, for one that may be elsewhere");
        tokio::time::advance(MAX_AGE + Duration::from_millis(1)).await;
        let fresh = add(&pending, Some(Lease::of_nobody())).expect("room");
        let abandoned = pending.sweep();
        assert_eq!(abandoned.into_values().collect::<Vec<_>>(), [1]);
        assert_eq!(pending.count.load(Ordering::Relaxed), 1);
        assert!(pending.take(late).is_none(), "too old");
        assert!(pending.take(fresh).is_some(), "still good");
    }

    #[tokio::test]
    async fn more_than_can_wait_are_turned_away_until_some_have_gone() {
        let pending = PendingDecisions::default();
        pending.count.store(MAX_PENDING - 1, Ordering::Relaxed);
        let id = add(&pending, Some(Lease::of_nobody())).expect("the last place");
        assert_eq!(add(&pending, Some(Lease::of_nobody())), Err(NoRoom));
        assert!(pending.take(id).is_some());
        assert!(
            add(&pending, Some(Lease::of_nobody())).is_ok(),
            "a place is free again"
        );
    }

    #[test]
    fn other_texts_name_no_decision() {
        for text in [
            "",
            "1",
            "+0000000000000000000000000000001",
            &"f".repeat(33),
            &"g".repeat(32),
        ] {
            assert_eq!(DecisionId::from_hex(text), None, "{text}");
        }
    }
}
