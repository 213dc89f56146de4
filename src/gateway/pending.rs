//! Decisions that ext_authz has made and ext_proc has not yet taken up.
//!
//! ext_authz hands Envoy a random number as dynamic metadata; ext_proc brings it back and gets the
//! decision, once. So the identity can only be used after this very process has seen an
//! authenticated and authorised caller, and nothing about the caller has to be written into a
//! message and read again.

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

impl Admitted {
    /// A decision with the name of its record.
    pub(crate) fn new(
        decision: Decision,
        basis: Basis,
        lease: Arc<Lease>,
        context: RequestContext,
    ) -> Result<Self, NoRoom> {
        Ok(Self {
            record: RecordId::new(decision.started).map_err(|_| NoRoom)?,
            decision,
            lease,
            basis: Some(basis),
            content_type: String::new(),
            context,
            reach: Reach::default(),
            at: Instant::now(),
        })
    }
}

/// Names a decision between two messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DecisionId(u128);

impl DecisionId {
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
    waiting: DashMap<DecisionId, Admitted>,
    /// How many wait: the map would have to lock each of its shards to say.
    count: AtomicUsize,
}

impl PendingDecisions {
    pub(crate) fn add(&self, admitted: Admitted) -> Result<DecisionId, NoRoom> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| NoRoom)?;
        let id = DecisionId(u128::from_ne_bytes(random));
        if self.count.fetch_add(1, Ordering::Relaxed) >= MAX_PENDING {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(NoRoom);
        }
        self.waiting.insert(id, admitted);
        Ok(id)
    }

    /// Takes a decision: it serves one request.
    pub(crate) fn take(&self, id: DecisionId) -> Option<Admitted> {
        let (_, admitted) = self.waiting.remove(&id)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(admitted).filter(|admitted| admitted.at.elapsed() <= MAX_AGE)
    }

    /// Forgets the decisions that nobody has come for; gives how many of which client.
    pub(crate) fn sweep(&self) -> BTreeMap<ClientId, u64> {
        let mut abandoned = BTreeMap::new();
        self.waiting.retain(|_, admitted| {
            let stays = admitted.at.elapsed() <= MAX_AGE;
            if !stays {
                self.count.fetch_sub(1, Ordering::Relaxed);
                let client = admitted.decision.caller.client.id.clone();
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

    fn admitted() -> Admitted {
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
        let lease = Arc::new(Lease::of_nobody());
        Admitted::new(decision, Basis::of_nothing(), lease, context).expect("random numbers")
    }

    #[tokio::test]
    async fn a_decision_serves_once() {
        let pending = PendingDecisions::default();
        let id = pending.add(admitted()).expect("room");
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
        let late = pending.add(admitted()).expect("room");
        tokio::time::advance(MAX_AGE + Duration::from_millis(1)).await;
        let fresh = pending.add(admitted()).expect("room");
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
        let id = pending.add(admitted()).expect("the last place");
        assert_eq!(pending.add(admitted()), Err(NoRoom));
        assert!(pending.take(id).is_some());
        assert!(pending.add(admitted()).is_ok(), "a place is free again");
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
