//! The gateway asks itself for what was used by work that its client does not ask for: with its own
//! identity, a few at once, with pauses that grow.
//!
//! What is open comes from the memory of owners, which has it from the requests and, after a restart,
//! from the ledger. Nothing is lost when this stops: what is not charged by then is open in the ledger.

mod response;
mod schedule;
mod settle;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::schedule::{Schedule, Task};
use super::state::Gateway;
use crate::access::Later;

/// How many are asked for at once.
const AT_ONCE: usize = 4;

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
    let Some(mut begun) = gateway.owners.follower() else {
        return;
    };
    let mut schedule = Schedule::default();
    let mut asking = JoinSet::new();
    loop {
        while asking.len() < AT_ONCE
            && let Some(task) = schedule.take_due(Instant::now())
        {
            let gateway = Arc::clone(&gateway);
            asking.spawn(async move {
                let outcome = response::ask(&gateway, &task).await;
                (task, outcome)
            });
        }
        let due = schedule.next().filter(|_| asking.len() < AT_ONCE);
        tokio::select! {
            () = stop.cancelled() => return,
            Some(later) = begun.recv() => {
                let poll_every = gateway.policy.load().background.poll_every;
                match later {
                    Later::Begun(begun) => schedule.add(begun, poll_every, Instant::now()),
                    Later::Hurry(kind, id) => schedule.hurry((kind, id), Instant::now()),
                }
            }
            Some(Ok((task, outcome))) = asking.join_next(), if !asking.is_empty() => {
                let (task, outcome): (Task, Outcome) = (task, outcome);
                match outcome {
                    Outcome::Settled => schedule.settled(&task),
                    Outcome::Open => schedule.put_back(task, false, Instant::now()),
                    Outcome::Missing => schedule.put_back(task, true, Instant::now()),
                }
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
    }
}
