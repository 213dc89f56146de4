//! What every request needs: shared by ext_authz and ext_proc.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::decide::{Owners, Rules};
use super::limited::{Held, Settling, settle_later, settle_limits};
use super::pending::PendingDecisions;
use super::refusal::Refusal;
use super::sealed::Used;
use super::share::Shares;
use crate::access::{ObjectChange, ObjectOwners, Operation};
use crate::auth::IssuedKeys;
use crate::limits::Limits;
use crate::policy::{LivePolicy, Policy};
use crate::telemetry::{
    AuditLog, ContentLog, Metrics, Parent, RecentRefusals, Refused, RequestContext, Span, Traces,
    span_allowed, span_ended, span_refused,
};
use crate::unix_time;
use crate::upstream::Identity;
use crate::usage::{CollectorState, Ledger, ReasoningRates, Receipt, UsageRecord};

/// A record that is on its way to the disk.
pub(crate) struct Recorded {
    pub(crate) record: Arc<UsageRecord>,
    /// To be waited for before the client has the last byte; none where nobody waits.
    pub(crate) receipt: Option<Receipt>,
}

/// The service's state, as requests see it.
pub struct Gateway {
    pub(super) policy: Arc<LivePolicy>,
    /// `None`: no keys are issued at run time.
    pub(super) issued: Option<Arc<IssuedKeys>>,
    pub(super) identity: Arc<Identity>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audit: AuditLog,
    /// `None` where no prompts and answers are logged.
    pub(super) content: Option<ContentLog>,
    /// `None` where nobody traces.
    traces: Option<Traces>,
    /// The last refusals, where somebody may look at them.
    pub(super) refusals: OnceLock<Arc<RecentRefusals>>,
    pub(super) pending: PendingDecisions,
    /// Those that were taken here and could be opened again.
    pub(super) used: Used,
    pub(super) shares: Shares,
    /// How much each client, user, product and deployment may use.
    pub(super) limits: Arc<Limits>,
    /// What stays set aside of them for responses in the background.
    pub(super) held: Held,
    pub(super) owners: Arc<ObjectOwners>,
    /// How fast each deployment reasons.
    pub(super) reasoning: ReasoningRates,
    /// What has become of usage that the gateway asks for itself.
    pub(super) collector: Arc<CollectorState>,
    /// `None` where there is no data directory.
    pub(super) ledger: Option<Ledger>,
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
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            policy,
            issued,
            identity,
            metrics,
            audit,
            content: None,
            traces: None,
            refusals: OnceLock::new(),
            pending: PendingDecisions::default(),
            used: Used::default(),
            shares: Shares::default(),
            limits,
            held: Held::default(),
            owners: Arc::default(),
            reasoning: ReasoningRates::default(),
            collector: Arc::default(),
            ledger: None,
            settlements: TaskTracker::new(),
            runtime: Handle::current(),
        }
    }

    /// The policy in force, to be held through a decision.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// What requests are decided by just now.
    pub(crate) fn rules<'a>(&'a self, policy: &'a Policy) -> Rules<'a> {
        Rules {
            policy,
            issued: self.issued.as_deref(),
            owners: Owners(Some(&self.owners)),
        }
    }

    /// How long live streams may go on after SIGTERM.
    pub fn drain_timeout(&self) -> Duration {
        self.policy.load().drain_timeout
    }

    /// Keeps the records of requests in a ledger, with what they make, whose owners it knows.
    pub fn keep_ledger(&mut self, ledger: Ledger, owners: Arc<ObjectOwners>) {
        self.ledger = Some(ledger);
        self.owners = owners;
    }

    /// Logs prompts and answers of the products that have them logged.
    pub fn log_contents(&mut self, log: ContentLog) {
        self.content = Some(log);
    }

    /// Makes spans of decisions and requests.
    pub fn trace(&mut self, traces: Traces) {
        self.traces = Some(traces);
    }

    /// Whether the environment has asked for spans.
    pub(crate) const fn makes_spans(&self) -> bool {
        self.traces.is_some()
    }

    /// Sends what waits for collectors. It blocks for some seconds at most.
    pub fn finish_telemetry(&self) {
        // A collector that does not answer keeps each for seconds.
        std::thread::scope(|scope| {
            if let Some(traces) = &self.traces {
                scope.spawn(|| traces.finish());
            }
            self.metrics.finish();
        });
    }

    /// A decision about a request's headers begins.
    pub(crate) fn begin_decision(&self, parent: Option<&Parent>, context: &mut RequestContext) {
        context.trace_id = parent.map(Parent::trace_id);
        if let Some(traces) = &self.traces {
            context.begin(traces.decision(parent, context.started));
        }
    }

    /// The request is allowed: from now on it is at ext_proc.
    pub(crate) fn end_decision(context: &RequestContext) {
        span_allowed(context);
    }

    /// A decision about a request's headers has taken so long.
    pub(crate) fn note_decision(&self, time: Duration, is_allowed: bool) {
        self.metrics.decided(time, is_allowed);
    }

    /// A record was on the disk so long after its request had ended.
    pub(crate) fn note_record(&self, time: Duration) {
        self.metrics.recorded(time);
    }

    /// What follows the decision begins: a part of what Envoy says, and else of what the decision is.
    pub(crate) fn begin_request(&self, parent: Option<&Parent>, context: &mut RequestContext) {
        if let Some(parent) = parent {
            context.trace_id = Some(parent.trace_id());
        }
        if let Some(traces) = &self.traces {
            let decision = context.span.as_parent();
            let name = context.operation.map_or("request", Operation::gen_ai_name);
            context.begin(traces.request(parent.or(decision.as_ref()), name));
        }
    }

    /// A request has ended at this moment, whose record this is: counting it may have taken longer.
    pub(super) fn end_span(&self, span: &Span, recorded: &Recorded, at: SystemTime) {
        if self.makes_spans() {
            let policy = self.policy.load();
            let backend = policy.pools.named(&recorded.record.backend);
            let address = backend.and_then(|it| it.address.as_deref());
            span_ended(span, &recorded.record, address, at);
        }
    }

    /// What has become of usage that the gateway asks for itself.
    pub fn collector(&self) -> &Arc<CollectorState> {
        &self.collector
    }

    /// The owners of what the service stores.
    pub fn owners(&self) -> &Arc<ObjectOwners> {
        &self.owners
    }

    /// Remembers the last refusals from now on.
    pub fn remember_refusals(&self, refusals: &Arc<RecentRefusals>) {
        let _ = self.refusals.set(Arc::clone(refusals));
    }

    /// Forgets decisions that no ext_proc stream has come for.
    pub fn sweep(&self) {
        for (client, count) in self.pending.sweep() {
            self.metrics.abandoned(&client, count);
            tracing::warn!(
                %client,
                count,
                "the client has reset requests before they were sent on"
            );
        }
        self.shares.sweep();
        self.used.sweep(unix_time::now());
    }

    /// Forgets those whose limits have nothing to count.
    pub fn sweep_limits(&self) {
        self.held.sweep();
        self.limits.sweep(&self.policy.load().limits);
    }

    /// Waits until every request that has ended is accounted for.
    pub async fn settled(&self) {
        self.settlements.close();
        self.settlements.wait().await;
    }

    /// Computes what a request that has ended costs, counts it, and writes it to the audit log and, with
    /// what it has made, to the ledger.
    pub(crate) fn record(
        &self,
        mut record: UsageRecord,
        changes: Vec<ObjectChange>,
        settling: Settling,
    ) -> Recorded {
        self.price(&mut record);
        let policy = self.policy.load();
        settle_limits(&self.limits, &self.held, &policy, settling, &record);
        drop(policy);
        self.metrics.ended(&record);
        self.write(record, changes)
    }

    /// The same of what goes on after its request, whose end has been counted.
    pub(super) fn record_later(
        &self,
        mut record: UsageRecord,
        changes: Vec<ObjectChange>,
    ) -> Recorded {
        self.price(&mut record);
        settle_later(&self.limits, &self.held, &self.policy.load(), &record);
        self.metrics.collected(&record);
        self.write(record, changes)
    }

    fn price(&self, record: &mut UsageRecord) {
        if record.price_by(&self.policy.load().prices) {
            self.metrics.unpriced(record);
        }
    }

    fn write(&self, record: UsageRecord, changes: Vec<ObjectChange>) -> Recorded {
        let record = Arc::new(record);
        self.audit.usage(Arc::clone(&record));
        let ledger = self.ledger.as_ref();
        let receipt = ledger.and_then(|ledger| ledger.write(Arc::clone(&record), changes));
        Recorded { record, receipt }
    }

    /// Counts a refusal and writes it to the audit log. The product that refused comes before one that
    /// had allowed the request until then.
    pub(crate) fn note_refusal(&self, refusal: &Refusal, mut context: RequestContext) {
        let reason = refusal.reason.label();
        self.metrics.refused(reason);
        if let Some(product) = &refusal.product {
            context.product = Some(Arc::clone(product));
        }
        let refused = Refused {
            context,
            reason,
            status: refusal.status(),
        };
        span_refused(&refused);
        if let Some(refusals) = self.refusals.get() {
            refusals.push(refused.clone(), refusal.message());
        }
        self.audit.refused(refused);
    }
}
