//! A response in the background: asked for until it has ended.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;

use super::Outcome;
use super::schedule::Task;
use super::settle::{assumed, settle};
use crate::access::{AskedBy, Operation};
use crate::auth::FetchError;
use crate::gateway::state::Gateway;
use crate::gateway::unsettled::assumed_output;
use crate::upstream::Asked;
use crate::usage::{
    BodyFormat, Collected, EstimateInput, EstimateReason, FinishReason, Meter, Metered, Prompt,
    UsageSource, estimate,
};

/// How often in a row the service must not know a response before it counts as gone.
const MISSING_BEFORE_GONE: u32 = 3;
/// Older ones are gone: the service keeps responses for 30 days
/// (<https://learn.microsoft.com/azure/ai-services/openai/how-to/responses>).
const MAX_AGE: Duration = Duration::from_secs(29 * 86_400);
/// Longest that one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Tokens that a model is taken to write in a second, of a response that is cancelled and says neither
/// text nor numbers.
const CANCELLED_TOKENS_PER_S: u64 = 100;
/// The status of what the service does not know.
const NOT_FOUND: u16 = 404;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    /// The configuration has no `endpoint` any more.
    #[error("the backend has no `endpoint`")]
    NoEndpoint,
    /// The identity has no token.
    #[error("the identity has no token")]
    NoIdentity,
    /// The ledger takes no records.
    #[error("the usage ledger can't be written")]
    Ledger,
    /// The service has not answered.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// Not within the time.
    #[error("no answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout,
    /// Something else than the response.
    #[error("the answer is not the response that was asked for")]
    Unreadable,
}

/// Asks once, and charges what has ended.
pub(super) async fn ask(gateway: &Arc<Gateway>, task: &Task) -> Outcome {
    let asked = timeout(ANSWER_TIMEOUT, retrieve(gateway, task)).await;
    let asked = asked.unwrap_or(Err(AskError::Timeout));
    match asked {
        Ok(metered) if metered.is_pending => {
            gateway.collector.answered();
            give_up_if_old(gateway, task, Outcome::Open).await
        }
        Ok(metered) => {
            gateway.collector.answered();
            charge(gateway, task, metered).await;
            Outcome::Settled
        }
        Err(AskError::Fetch(FetchError::Status(_, status))) if status.as_u16() == NOT_FOUND => {
            gateway.collector.answered();
            match task.missing.saturating_add(1) >= MISSING_BEFORE_GONE {
                true => give_up(gateway, task).await,
                false => Outcome::Missing,
            }
        }
        Err(error) => {
            gateway.collector.failed(&error);
            give_up_if_old(gateway, task, Outcome::Open).await
        }
    }
}

/// Reads the response as it comes.
async fn retrieve(gateway: &Gateway, task: &Task) -> Result<Metered, AskError> {
    let (_, id) = &task.key;
    let resource = gateway.policy.load().background.resource.clone();
    let resource = resource.ok_or(AskError::NoEndpoint)?;
    if let Some(ledger) = &gateway.ledger {
        ledger.admit().map_err(|_| AskError::Ledger)?;
    }
    let authorization = gateway.identity.authorization();
    let authorization = authorization.ok_or(AskError::NoIdentity)?;
    let mut document = resource.get(Asked::Response(id), authorization).await?;
    let mut meter = Meter::new(Operation::Responses, BodyFormat::Json, false);
    while let Some(piece) = document.chunk().await? {
        meter.feed(&piece, false);
        let _ = meter.take_shown();
    }
    let metered = meter.finish();
    let is_over = metered.finish_reason.is_some() || metered.counts.is_some();
    match metered.id.as_ref() == Some(id) && (is_over || metered.is_pending) {
        true => Ok(metered),
        false => Err(AskError::Unreadable),
    }
}

/// Charges what has ended: by the service's numbers or, where it says none, by what was asked and said.
async fn charge(gateway: &Arc<Gateway>, task: &Task, metered: Metered) {
    if metered.counts.is_some() {
        gateway.collector.settled(Collected::Retrieved);
        return settle(gateway, task, metered, UsageSource::Reported).await;
    }
    let deployment = task.work.deployment.as_ref().map(|it| it.to_shared());
    let input = EstimateInput {
        operation: Operation::Responses,
        model: deployment.unwrap_or_default(),
        prompt: Prompt::Length(bytes(&task.work.asked_by)),
        text: metered.text.clone(),
        dropped_text_bytes: metered.dropped_text_bytes,
        thinking: None,
        output_at_least: match metered.finish_reason {
            Some(FinishReason::Cancelled) => cancelled_output(&task.work.asked_by),
            _ => 0,
        },
    };
    let counted = tokio::task::spawn_blocking(move || estimate(&input)).await;
    let estimated = Metered {
        counts: Some(counted.unwrap_or_else(|_| assumed(&task.work.asked_by))),
        ..metered
    };
    gateway.collector.settled(Collected::Estimated);
    let source = UsageSource::Estimated(EstimateReason::NotReported);
    settle(gateway, task, estimated, source).await;
}

/// What a cancelled response is taken to have written until now, as it says nothing itself.
fn cancelled_output(asked_by: &AskedBy) -> u64 {
    let most = age(asked_by).as_secs().saturating_add(1);
    assumed_output(asked_by).min(most.saturating_mul(CANCELLED_TOKENS_PER_S))
}

fn age(asked_by: &AskedBy) -> Duration {
    let begun = UNIX_EPOCH + Duration::from_millis(asked_by.at_ms);
    SystemTime::now().duration_since(begun).unwrap_or_default()
}

async fn give_up_if_old(gateway: &Arc<Gateway>, task: &Task, otherwise: Outcome) -> Outcome {
    match age(&task.work.asked_by) > MAX_AGE {
        true => give_up(gateway, task).await,
        false => otherwise,
    }
}

/// Charges what can't be known any more by what was asked for.
async fn give_up(gateway: &Arc<Gateway>, task: &Task) -> Outcome {
    let (kind, id) = &task.key;
    let kind = kind.as_str();
    tracing::warn!(kind, id, client = %task.owner, "what it has used can't be known any more, and is estimated");
    let metered = Metered {
        counts: Some(assumed(&task.work.asked_by)),
        ..Metered::default()
    };
    gateway.collector.settled(Collected::GivenUp);
    let source = UsageSource::Estimated(EstimateReason::NotRetrieved);
    settle(gateway, task, metered, source).await;
    Outcome::Settled
}

fn bytes(asked_by: &AskedBy) -> usize {
    usize::try_from(asked_by.request_bytes).unwrap_or(usize::MAX)
}
