//! What every request needs: shared by ext_authz and ext_proc.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::pending::PendingDecisions;
use super::refusal::Refusal;
use crate::access::{
    BackgroundResponse, ClientId, Deployment, Known, ObjectKind, ObjectOwners, ProductId,
};
use crate::auth::{CertificateRing, KeyRing, Tokens};
use crate::config::Config;
use crate::telemetry::{AuditLog, Metrics, Refused};
use crate::upstream::Identity;
use crate::usage::{Ledger, PriceList, Receipt, StoredResponse, UsageRecord};

/// A record that is on its way to the disk.
pub(super) struct Recorded {
    pub(super) record: Arc<UsageRecord>,
    /// To be waited for before the client has the last byte; none where nobody waits.
    pub(super) receipt: Option<Receipt>,
}

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
    pub(super) prices: Arc<PriceList>,
    /// `None` where there is no data directory.
    pub(super) ledger: Option<Ledger>,
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
            prices: Arc::clone(&config.prices),
            ledger: None,
            settlements: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// Keeps the records of requests in a ledger, and knows the stored responses that it names.
    pub fn with_ledger(mut self, ledger: Ledger, stored: Vec<StoredResponse>) -> Self {
        for response in stored {
            let known = match response.background {
                Some((deployment, product)) => {
                    Known::Background(Arc::new(BackgroundResponse::new(
                        deployment.as_deref().and_then(Deployment::parse),
                        product.map(ProductId::new),
                    )))
                }
                None => Known::Nothing,
            };
            let owner = ClientId::new(response.client);
            self.owners
                .remember(ObjectKind::Response, response.id, owner, known);
        }
        self.ledger = Some(ledger);
        self
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

    /// Computes what a request that has ended costs, counts it, and writes it to the audit log and the
    /// ledger.
    pub(super) fn record(&self, mut record: UsageRecord) -> Recorded {
        if record.price_by(&self.prices) {
            self.metrics.unpriced(&record);
        }
        self.metrics.ended(&record);
        let record = Arc::new(record);
        self.audit.usage(Arc::clone(&record));
        let ledger = self.ledger.as_ref();
        let receipt = ledger.and_then(|ledger| ledger.write(Arc::clone(&record)));
        Recorded { record, receipt }
    }

    /// Counts a refusal and writes it to the audit log.
    pub(super) fn note_refusal(&self, refusal: &Refusal, mut refused: Refused) {
        self.metrics.refused(refusal.reason);
        refused.reason = refusal.reason;
        refused.status = refusal.status;
        self.audit.refused(refused);
    }
}
