//! The usage record of what the gateway has asked for itself, in the name of the request that began it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::schedule::Task;
use crate::access::{AskedBy, Known, ObjectChange, Operation};
use crate::auth::CredentialKind;
use crate::gateway::state::Gateway;
use crate::gateway::unsettled::assumed_output;
use crate::usage::{
    FinishReason, Metered, Outcome, RecordId, TokenCounts, Units, UsageRecord, UsageSource,
};

/// The kind of a credential that is not known: of a response from before it was kept.
const UNKNOWN_CREDENTIAL: &str = "unknown";
/// Bytes of a request for one token.
const BYTES_PER_TOKEN: u64 = 4;
/// The status of what was served.
const OK: u16 = 200;

/// Charges it, unless somebody else has done so meanwhile, and waits until that is on the disk.
pub(super) async fn settle(
    gateway: &Arc<Gateway>,
    task: &Task,
    metered: Metered,
    source: UsageSource,
) {
    if !task.work.count() {
        return;
    }
    let (kind, id) = &task.key;
    let owners = &gateway.owners;
    if owners.owns(*kind, &task.owner, id) {
        owners.remember(*kind, id, &task.owner, Known::Nothing);
    }
    let change = ObjectChange {
        kind: *kind,
        id: id.clone(),
        owner: task.owner.clone(),
        known: Some(Known::Nothing),
    };
    let backend = Arc::clone(&gateway.policy.load().backend);
    let record = record(task, metered, source, backend);
    if let Some(receipt) = gateway.record_later(record, vec![change]).receipt {
        // One that is lost is counted by the ledger, and open again after a restart.
        let _ = receipt.await;
    }
}

/// What something is taken to have used that can't be asked for.
pub(super) fn assumed(asked_by: &AskedBy) -> TokenCounts {
    let input = asked_by.request_bytes.div_ceil(BYTES_PER_TOKEN);
    let output = assumed_output(asked_by);
    TokenCounts {
        input,
        output,
        total: input.saturating_add(output),
        ..TokenCounts::default()
    }
}

fn record(task: &Task, metered: Metered, source: UsageSource, backend: Arc<str>) -> UsageRecord {
    let (work, asked_by) = (&task.work, &task.work.asked_by);
    let started = UNIX_EPOCH + Duration::from_millis(asked_by.at_ms);
    let (_, id) = &task.key;
    let is_filtered = metered.finish_reason == Some(FinishReason::ContentFilter);
    UsageRecord {
        // Whoever asks for it, at whichever replica: it is one record.
        id: RecordId::of(started, id.as_bytes()),
        started,
        request_id: Arc::clone(&asked_by.request_id),
        trace_id: None,
        client: task.owner.to_shared(),
        labels: asked_by.labels.clone(),
        user: asked_by.user.clone(),
        credential: CredentialKind::named(&asked_by.credential)
            .map_or(UNKNOWN_CREDENTIAL, CredentialKind::as_str),
        product: work.product.as_ref().map(|it| it.to_shared()),
        operation: Operation::Responses,
        deployment: work.deployment.as_ref().map(|it| it.to_shared()),
        model: metered.model.map(Arc::from),
        // Where the service does not say which tier has answered, the one that was asked for.
        service_tier: match (metered.service_tier, source) {
            (None, UsageSource::Estimated(_)) => asked_by.service_tier.clone(),
            (tier, _) => tier.map(Arc::from),
        },
        backend,
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
            request_bytes: asked_by.request_bytes,
            response_bytes: Some(metered.bytes),
        },
        response_id: Some(id.as_str().into()),
        source,
        cost: None,
        duration: SystemTime::now()
            .duration_since(started)
            .unwrap_or_default(),
        time_to_first_token: None,
    }
}
