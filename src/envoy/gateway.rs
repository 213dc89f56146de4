//! What every request needs: shared by ext_authz and ext_proc.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::pending::PendingDecisions;
use super::refusal::Refusal;
use crate::access::ObjectOwners;
use crate::auth::{CertificateRing, KeyRing, Tokens};
use crate::config::Config;
use crate::telemetry::{AuditLog, Metrics, Refused};
use crate::upstream::Identity;
use crate::usage::UsageRecord;

/// The service's state, as requests see it.
pub struct Gateway {
    pub(super) keys: KeyRing,
    /// `None`: certificates are not accepted, whatever Envoy says of them.
    pub(super) certificates: Option<Arc<CertificateRing>>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) backend: Arc<str>,
    pub(super) identity: Arc<Identity>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audit: AuditLog,
    pub(super) pending: PendingDecisions,
    pub(super) owners: ObjectOwners,
    /// Requests at a backend, and estimates that are being counted: shutdown waits for them.
    pub(super) settlements: TaskTracker,
    pub(super) runtime: Handle,
}

impl Gateway {
    /// Puts the parts together, on the runtime that it is called in.
    pub fn new(
        config: &mut Config,
        identity: Arc<Identity>,
        metrics: Arc<Metrics>,
        audit: AuditLog,
    ) -> Self {
        Self {
            keys: std::mem::take(&mut config.keys),
            certificates: config.certificates.clone(),
            tokens: Arc::clone(&config.tokens),
            backend: Arc::clone(&config.backend),
            identity,
            metrics,
            audit,
            pending: PendingDecisions::default(),
            owners: ObjectOwners::default(),
            settlements: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// What client certificates are judged by, where they are accepted.
    pub fn certificates(&self) -> Option<&Arc<CertificateRing>> {
        self.certificates.as_ref()
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
        self.audit.refused(refused);
    }
}
