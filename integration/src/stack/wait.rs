//! Waiting for what another process does: polled, with a deadline, never a fixed sleep.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::failure::Failure;

/// Longer than anything here takes on a busy machine; reached only when something is broken.
pub const DEADLINE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Asks `probe` until it gives a value, and fails with `what` after [`DEADLINE`].
pub async fn poll_for<T>(
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> Result<T, Failure> {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        if Instant::now() > end {
            return Err(format!("waited {DEADLINE:?} in vain for {what}").into());
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// [`poll_for`] that fails the test.
///
/// # Panics
/// When the deadline passes.
pub async fn wait_for<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    poll_for(what, probe)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"))
}
