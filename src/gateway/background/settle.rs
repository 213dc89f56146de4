//! The usage records of what the gateway has asked for itself, in the name of the request that began it.

use std::sync::Arc;
use std::time::SystemTime;

use super::schedule::Task;
use crate::access::{AskedBy, Known, ObjectChange, ObjectKind, Operation, Stored};
use crate::auth::CredentialKind;
use crate::gateway::state::{Gateway, Recorded};
use crate::gateway::unsettled::{assumed_input, assumed_output};
use crate::usage::{
    FinishReason, Metered, NoneReason, Outcome, RecordId, TokenCounts, Units, UsageRecord,
    UsageSource,
};

/// The kind of a credential that is not known: of a response from before it was kept.
const UNKNOWN_CREDENTIAL: &str = "unknown";
/// The service tier of the lines of batches, which have prices of their own.
const BATCH_TIER: &str = "batch";
/// The status of what was served.
const OK: u16 = 200;

/// What is charged once.
pub(super) struct Charge {
    /// Names it: a charge of the same name is the same one, wherever it is made.
    pub(super) name: String,
    pub(super) source: UsageSource,
    pub(super) metered: Metered,
}

impl Charge {
    /// Of something that nothing is known of yet.
    pub(super) fn new(name: String, source: UsageSource) -> Self {
        Self {
            name,
            source,
            metered: Metered::default(),
        }
    }

    /// Nothing was used.
    pub(super) fn nothing(name: String, finish_reason: Option<FinishReason>) -> Self {
        let source = UsageSource::None(NoneReason::NotReportedByOperation);
        Self {
            metered: Metered {
                finish_reason,
                ..Metered::default()
            },
            ..Self::new(name, source)
        }
    }
}

/// Charges a part of something.
pub(super) fn charge(gateway: &Gateway, task: &Task, charge: Charge) -> Recorded {
    let record = record(gateway, task, charge);
    gateway.record_later(record, Vec::new())
}

/// Charges all of something, or the last part of it, and waits until that is on the disk with its being
/// settled. False where somebody else has done so meanwhile.
pub(super) async fn close(gateway: &Arc<Gateway>, task: &Task, charge: Charge) -> bool {
    if !task.work.count() {
        return false;
    }
    let (kind, id) = &task.key;
    let owners = &gateway.owners;
    let stored = Stored::at(task.backend.clone());
    if owners.owns(*kind, &task.owner, id) {
        owners.remember(*kind, id, &task.owner, stored);
    }
    let change = ObjectChange {
        kind: *kind,
        id: id.clone(),
        owner: task.owner.clone(),
        known: Some(Known::Nothing),
        backend: task.backend.clone(),
    };
    let record = record(gateway, task, charge);
    if let Some(receipt) = gateway.record_later(record, vec![change]).receipt {
        // One that is lost is counted by the ledger, and open again after a restart.
        let _ = receipt.await;
    }
    true
}

/// What something is taken to have used that can't be asked for.
pub(super) fn assumed(asked_by: &AskedBy) -> TokenCounts {
    let (input, output) = (assumed_input(asked_by), assumed_output(asked_by));
    TokenCounts {
        input,
        output,
        total: input.saturating_add(output),
        ..TokenCounts::default()
    }
}

fn record(gateway: &Gateway, task: &Task, charge: Charge) -> UsageRecord {
    let Charge {
        name,
        source,
        metered,
    } = charge;
    let (work, asked_by) = (&task.work, &task.work.asked_by);
    let started = asked_by.at();
    let (kind, id) = &task.key;
    let is_filtered = metered.finish_reason == Some(FinishReason::ContentFilter);
    UsageRecord {
        id: RecordId::of(started, name.as_bytes()),
        started,
        request_id: Arc::clone(&asked_by.request_id),
        trace_id: None,
        client: task.owner.to_shared(),
        labels: asked_by.labels.clone(),
        user: asked_by.user.clone(),
        credential: CredentialKind::named(&asked_by.credential)
            .map_or(UNKNOWN_CREDENTIAL, CredentialKind::as_str),
        key_id: asked_by.key_id.clone(),
        key_sha256: asked_by.key_sha256.clone(),
        product: work.product.as_ref().map(|it| it.to_shared()),
        operation: operation(*kind, asked_by),
        deployment: work.deployment.as_ref().map(|it| it.to_shared()),
        // Its name has answered before.
        deployment_pattern: None,
        model: metered.model.map(Arc::from),
        // Where the service does not say which tier has answered, the one that was asked for.
        service_tier: match (kind, metered.service_tier, source) {
            (ObjectKind::Batch, _, _) => Some(BATCH_TIER.into()),
            (_, None, UsageSource::Estimated(_)) => asked_by.service_tier.clone(),
            (_, tier, _) => tier.map(Arc::from),
        },
        backend: backend(gateway, task),
        region: None,
        stream: false,
        status: Some(OK),
        tokens: metered.counts.unwrap_or_default(),
        units: Units::default(),
        outcome: Outcome {
            finish_reason: metered.finish_reason,
            filtered: is_filtered,
            system_fingerprint: None,
            attempts: task.attempts,
            request_bytes: match kind {
                ObjectKind::Batch => 0,
                _ => asked_by.request_bytes,
            },
            response_bytes: Some(metered.bytes).filter(|bytes| *bytes > 0),
        },
        response_id: (*kind == ObjectKind::Response).then(|| id.as_str().into()),
        source,
        cost: None,
        duration: SystemTime::now()
            .duration_since(started)
            .unwrap_or_default(),
        time_to_first_token: None,
    }
}

/// The backend that has done it, by its name of today; one that is gone keeps its own.
fn backend(gateway: &Gateway, task: &Task) -> Arc<str> {
    let policy = gateway.policy.load();
    let keeper = policy.pools.keeper(task.backend.as_deref());
    let name = keeper.map(|it| Arc::clone(&it.name));
    name.or_else(|| task.backend.clone()).unwrap_or_default()
}

/// What was asked for: a response, or that of a batch's lines.
fn operation(kind: ObjectKind, asked_by: &AskedBy) -> Operation {
    match kind {
        ObjectKind::Batch => asked_by.lines_operation().unwrap_or(Operation::Batches),
        _ => Operation::Responses,
    }
}
