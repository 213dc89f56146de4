//! What every request needs: shared by ext_authz and ext_proc.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::pending::PendingDecisions;
use super::refusal::Refusal;
use crate::access::ResponseOwners;
use crate::auth::IssuedKeys;
use crate::policy::LivePolicy;
use crate::telemetry::{AuditLog, Metrics, Refused};
use crate::upstream::Identity;
use crate::usage::UsageRecord;

/// The service's state, as requests see it.
pub struct Gateway {
    pub(super) policy: Arc<LivePolicy>,
    /// `None`: no keys are issued at run time.
    pub(super) issued: Option<Arc<IssuedKeys>>,
    pub(super) identity: Arc<Identity>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audit: AuditLog,
    pub(super) pending: PendingDecisions,
    pub(super) owners: ResponseOwners,
    /// Requests at a backend, and estimates that are being counted: shutdown waits for them.
    pub(super) settlements: TaskTracker,
    pub(super) runtime: Handle,
}

impl Gateway {
    /// Puts the parts together, on the runtime that it is called in.
    pub fn new(
        policy: Arc<LivePolicy>,
        identity: Arc<Identity>,
        metrics: Arc<Metrics>,
        audit: AuditLog,
        issued: Option<Arc<IssuedKeys>>,
    ) -> Self {
        Self {
            policy,
            issued,
            identity,
            metrics,
            audit,
            pending: PendingDecisions::default(),
            owners: ResponseOwners::default(),
            settlements: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// How long live streams may go on after SIGTERM.
    pub fn drain_timeout(&self) -> Duration {
        self.policy.now().drain_timeout
    }

    /// The instruments, for what is observed beside requests.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Forgets decisions that no ext_proc stream has come for.
    pub fn sweep(&self) {
        self.pending.sweep();
    }

    /// Waits until every request that has ended is accounted for.
    pub async fn settled(&self) {
        self.settlements.close();
        self.settlements.wait().await;
    }

    /// Counts a request that has ended and writes it to the audit log.
    pub(super) fn record(&self, record: &UsageRecord) {
        self.metrics.ended(record);
        self.audit.usage(record.clone());
    }

    /// Counts a refusal and writes it to the audit log.
    pub(super) fn note_refusal(&self, refusal: &Refusal, mut refused: Refused) {
        self.metrics.refused(refusal.reason);
        refused.reason = refusal.reason;
        refused.status = refusal.status;
        refused.product = refusal.product.clone();
        self.audit.refused(refused);
    }
}
