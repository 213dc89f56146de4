//! The switches of the identity fake: by handle in a test, by `PUT /control` across processes.

use super::json;
use crate::fakes::body::ReplyBody;
use http::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The path of the switches.
pub const PATH: &str = "/control";

/// What the identity fake does when a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// Answers.
    Ok,
    /// Answers after this many milliseconds.
    Slow {
        /// Milliseconds.
        delay_ms: u64,
    },
    /// Refuses with this HTTP status.
    Failing {
        /// An HTTP status, such as 500.
        status: u16,
    },
}

/// What `GET /control` and [`super::FakeIdentity::status`] tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What it does when a token is asked for.
    #[serde(flatten)]
    pub mode: Mode,
    /// How long new tokens live, in seconds.
    pub token_lifetime_seconds: u64,
    /// How many times a token was asked for.
    pub fetches: u64,
    /// How many tokens were issued.
    pub issued: u64,
}

/// The body of `PUT /control`: what is absent stays as it is.
#[derive(Debug, Deserialize)]
struct Change {
    #[serde(flatten)]
    mode: Option<Mode>,
    token_lifetime_seconds: Option<u64>,
}

/// The switches and the counters.
#[derive(Debug)]
pub(super) struct Control(Mutex<Status>);

impl Control {
    pub(super) fn new(lifetime: Duration, mode: Mode) -> Self {
        Self(Mutex::new(Status {
            mode,
            token_lifetime_seconds: lifetime.as_secs(),
            fetches: 0,
            issued: 0,
        }))
    }

    pub(super) fn status(&self) -> Status {
        *self.lock()
    }

    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lock().token_lifetime_seconds)
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        self.lock().mode = mode;
    }

    pub(super) fn set_lifetime(&self, lifetime: Duration) {
        self.lock().token_lifetime_seconds = lifetime.as_secs();
    }

    pub(super) fn count_issued(&self) {
        self.lock().issued += 1;
    }

    /// Counts a fetch and does as the mode says: a refusal, or nothing after the delay.
    pub(super) async fn play(&self) -> Option<Response<ReplyBody>> {
        let mode = {
            let mut status = self.lock();
            status.fetches += 1;
            status.mode
        };
        match mode {
            Mode::Ok => None,
            Mode::Slow { delay_ms } => {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                None
            }
            Mode::Failing { status } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                let body = serde_json::json!({
                    "error": "temporarily_unavailable",
                    "error_description": "The fake was told to fail.",
                });
                Some(json(status, &body))
            }
        }
    }

    /// Answers `GET` and `PUT /control`.
    pub(super) fn answer(&self, method: &Method, body: &[u8]) -> Response<ReplyBody> {
        if *method == Method::PUT {
            match serde_json::from_slice(body) {
                Ok(change) => self.apply(&change),
                Err(error) => {
                    let reason = serde_json::json!({"error": error.to_string()});
                    return json(StatusCode::BAD_REQUEST, &reason);
                }
            }
        }
        let status = serde_json::to_value(self.status()).expect("numbers and names");
        json(StatusCode::OK, &status)
    }

    fn apply(&self, change: &Change) {
        let mut status = self.lock();
        status.mode = change.mode.unwrap_or(status.mode);
        if let Some(seconds) = change.token_lifetime_seconds {
            status.token_lifetime_seconds = seconds;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_change_does_not_name_stays() {
        let control = Control::new(Duration::from_secs(60), Mode::Ok);
        let put = |body: &str| control.answer(&Method::PUT, body.as_bytes()).status();

        assert_eq!(put(r#"{"mode":"slow","delay_ms":7}"#), StatusCode::OK);
        assert_eq!(put(r#"{"token_lifetime_seconds":5}"#), StatusCode::OK);
        let status = control.status();
        assert_eq!(status.mode, Mode::Slow { delay_ms: 7 }, "the mode was lost");
        assert_eq!(status.token_lifetime_seconds, 5, "the lifetime was not set");
    }
}
