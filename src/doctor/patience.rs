//! How long anything that is tried may take.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Longest that one thing may take. Whatever serves requests answers in a fraction of it.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Waits for something, or says that it takes too long.
pub(super) async fn within<T, E: ToString>(
    run: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    let done = in_time(run).await?;
    done.map_err(|error| error.to_string())
}

/// The same of whatever it gives.
pub(super) async fn in_time<T>(run: impl Future<Output = T>) -> Result<T, String> {
    let late = |_| format!("no answer within {} s", LONGEST.as_secs());
    timeout(LONGEST, run).await.map_err(late)
}

/// Looks at files on a thread of its own, which is left alone after this time: nothing can end a call to a file system
/// that does not answer.
pub(super) async fn of_files<T: Send + 'static>(
    longest: Duration,
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    match timeout(longest, spawn_blocking(look)).await {
        Ok(looked) => looked.map_err(|_| "it could not be examined".to_owned()),
        Err(_) => Err(format!(
            "the file system does not answer within {} s",
            longest.as_secs()
        )),
    }
}

/// A span as people say it: the largest unit, rounded down.
pub(super) fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_their_largest_unit() {
        for (seconds, words) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_is_ended() {
        let endless = std::future::pending::<Result<(), String>>();
        let said = within(endless).await.expect_err("never");
        assert_eq!(said, "no answer within 10 s");
    }
}
