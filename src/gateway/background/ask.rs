//! Asking the service, and what becomes of it where there is no answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::Outcome;
use super::schedule::Task;
use super::settle::{Charge, assumed, close};
use crate::access::AskedBy;
use crate::auth::FetchError;
use crate::gateway::state::Gateway;
use crate::upstream::{Rejections, Resource, remedy};
use crate::usage::{Collected, EstimateReason, Metered, UsageSource};

/// How often in a row the service must not know something before it counts as gone.
const MISSING_BEFORE_GONE: u32 = 3;
/// What is older is gone: the service keeps responses for 30 days
/// (<https://learn.microsoft.com/azure/ai-services/openai/how-to/responses>), and a batch has one.
const MAX_AGE: Duration = Duration::from_secs(29 * 86_400);
/// `status` of responses and batches that have ended
/// (<https://platform.openai.com/docs/api-reference/responses/object>,
/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/batch>).
const OVER: [&str; 5] = ["completed", "incomplete", "failed", "cancelled", "expired"];
/// The status of what the service does not know.
const NOT_FOUND: u16 = 404;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The configuration has no such backend any more, or no `endpoint` of it.
    #[error(
        "the backend is no longer in the configuration under its name, or has no `endpoint` there"
    )]
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
    #[error("no answer in time")]
    Timeout,
    /// The service does not accept the identity.
    #[error("the backend answers {status} to the gateway's identity: {}", remedy(*.status))]
    Rejected {
        /// 401 or 403.
        status: u16,
    },
    /// Something else, and of this one only.
    #[error("the answer is not what was asked for")]
    Unreadable,
}

impl AskError {
    /// What is done about it.
    pub(super) async fn outcome(self, gateway: &Arc<Gateway>, task: &Task) -> Outcome {
        match self {
            Self::Fetch(FetchError::Status(_, status)) if status.as_u16() == NOT_FOUND => {
                gateway.collector.answered();
                match task.missing.saturating_add(1) >= MISSING_BEFORE_GONE {
                    true => give_up(gateway, task).await,
                    false => Outcome::Missing,
                }
            }
            // It could not be charged.
            error @ Self::Ledger => {
                gateway.collector.failed(&error);
                Outcome::Open
            }
            error @ Self::Unreadable => {
                let (kind, id) = &task.key;
                tracing::warn!(kind = kind.as_str(), id, %error, "it is asked for again");
                or_give_up(gateway, task).await
            }
            Self::Fetch(FetchError::Status(_, status)) if Rejections::is_one(status.as_u16()) => {
                let status = status.as_u16();
                gateway.collector.failed(&Self::Rejected { status });
                or_give_up(gateway, task).await
            }
            error => {
                gateway.collector.failed(&error);
                or_give_up(gateway, task).await
            }
        }
    }
}

/// Whether something has ended. A status that is new to us has not: it is asked for again.
pub(super) fn is_over(answer: &Metered) -> bool {
    let status = answer.status.as_deref();
    status.is_some_and(|status| OVER.contains(&status))
}

/// Where to ask for something, and with what; nothing is asked for that could not be charged. It is where it was
/// begun, wherever what is new goes by now.
pub(super) fn admitted(
    gateway: &Gateway,
    task: &Task,
) -> Result<(Resource, HeaderValue), AskError> {
    let policy = gateway.policy.load();
    let backend = policy.pools.keeper(task.backend.as_deref());
    let backend = backend.ok_or(AskError::NoEndpoint)?;
    let resource = backend.resource.clone().ok_or(AskError::NoEndpoint)?;
    if let Some(ledger) = &gateway.ledger {
        ledger.admit().map_err(|_| AskError::Ledger)?;
    }
    let authorization = backend.authorization(&gateway.identity);
    Ok((resource, authorization.ok_or(AskError::NoIdentity)?))
}

/// It stays open, unless the service can't have it any more.
pub(super) async fn or_give_up(gateway: &Arc<Gateway>, task: &Task) -> Outcome {
    match age(&task.work.asked_by) > MAX_AGE {
        true => give_up(gateway, task).await,
        false => Outcome::Open,
    }
}

/// Charges what can't be known any more by what was asked for.
async fn give_up(gateway: &Arc<Gateway>, task: &Task) -> Outcome {
    let (kind, id) = &task.key;
    let kind = kind.as_str();
    tracing::warn!(kind, id, client = %task.owner, "what it has used can't be known any more, and is estimated");
    let charge = match task.lines_done.load(Ordering::Relaxed) {
        0 => Charge {
            metered: Metered {
                counts: Some(assumed(&task.work.asked_by)),
                ..Metered::default()
            },
            ..Charge::new(
                id.clone(),
                UsageSource::Estimated(EstimateReason::NotRetrieved),
            )
        },
        // Its lines are charged as far as they could be read.
        _ => Charge::nothing(format!("{id}/end"), None),
    };
    if close(gateway, task, charge).await {
        gateway.collector.settled(Collected::GivenUp);
    }
    Outcome::Settled
}

/// How long ago it was asked for.
pub(super) fn age(asked_by: &AskedBy) -> Duration {
    SystemTime::now()
        .duration_since(asked_by.at())
        .unwrap_or_default()
}
