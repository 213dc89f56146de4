//! The gateway asks itself for what was used by work that its client does not ask for: with its own
//! identity, a few at once, with pauses that grow.
//!
//! What is open comes from the memory of owners, which has it from the requests and, after a restart,
//! from the ledger. Nothing is lost when this stops: what is not charged by then is open in the ledger.

mod ask;
mod batch;
mod response;
mod schedule;
mod settle;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::schedule::{Schedule, Task};
use super::state::Gateway;
use crate::access::{Later, ObjectKind};

/// How many responses are asked for at once.
const RESPONSES_AT_ONCE: usize = 4;
/// How many batches: their files may take minutes, and responses don't wait for them.
const BATCHES_AT_ONCE: usize = 2;

/// What came of asking.
enum Outcome {
    /// It is charged, by whomever.
    Settled,
    /// It goes on, or nobody could say.
    Open,
    /// The service does not know it.
    Missing,
}

/// Asks until told to stop.
pub(crate) async fn collect(gateway: Arc<Gateway>, stop: CancellationToken) {
    let Some(mut later) = gateway.owners.follower() else {
        return;
    };
    let (responses, of_responses) = mpsc::unbounded_channel();
    let (batches, of_batches) = mpsc::unbounded_channel();
    let sort = async {
        while let Some(next) = later.recv().await {
            let lane = match next.kind() {
                ObjectKind::Batch => &batches,
                _ => &responses,
            };
            let _ = lane.send(next);
        }
    };
    let ask = async {
        tokio::join!(
            sort,
            ask(&gateway, of_responses, RESPONSES_AT_ONCE),
            ask(&gateway, of_batches, BATCHES_AT_ONCE),
        )
    };
    tokio::select! {
        _ = ask => {}
        () = stop.cancelled() => {}
    }
}

/// Asks for what comes, so many at once.
async fn ask(gateway: &Arc<Gateway>, mut later: mpsc::UnboundedReceiver<Later>, at_once: usize) {
    let mut schedule = Schedule::default();
    let mut asking = JoinSet::new();
    loop {
        while asking.len() < at_once
            && let Some(task) = schedule.take_due(Instant::now())
        {
            asking.spawn(ask_once(Arc::clone(gateway), task));
        }
        let due = schedule.next().filter(|_| asking.len() < at_once);
        tokio::select! {
            Some(next) = later.recv() => match next {
                Later::Begun(begun) => {
                    let poll_every = gateway.policy.load().background.poll_every(begun.kind);
                    schedule.add(begun, poll_every, Instant::now());
                }
                Later::Hurry(kind, id) => schedule.hurry((kind, id), Instant::now()),
            },
            Some(asked) = asking.join_next(), if !asking.is_empty() => match asked {
                Ok((task, Outcome::Settled)) => schedule.settled(&task),
                Ok((task, Outcome::Open)) => schedule.put_back(task, false, Instant::now()),
                Ok((task, Outcome::Missing)) => schedule.put_back(task, true, Instant::now()),
                // What it was about is open in the ledger, and asked for after a restart.
                Err(error) => tracing::error!(%error, "asking for background usage has failed"),
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}

async fn ask_once(gateway: Arc<Gateway>, task: Task) -> (Task, Outcome) {
    let outcome = match task.key.0 {
        ObjectKind::Batch => batch::ask(&gateway, &task).await,
        _ => response::ask(&gateway, &task).await,
    };
    (task, outcome)
}
