//! Answers of a backend that does not accept the identity: a role that is missing, a wrong audience, a network
//! that is closed. They are the operator's to mend, and never a caller's.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use super::seldom::Seldom;

/// What one backend has said to the identity.
#[derive(Debug, Default)]
pub struct Rejections {
    unauthorized: AtomicU64,
    forbidden: AtomicU64,
    /// The status of the last answer that did not accept it; 0 once one did, if only to refuse the request.
    current: AtomicU16,
    log: Seldom,
}

/// How often a backend has not accepted the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectionCounts {
    /// Answers of 401.
    pub unauthorized: u64,
    /// Answers of 403.
    pub forbidden: u64,
}

impl Rejections {
    /// Whether a backend's answer says that it does not accept the identity. No caller's credential ever
    /// gets there, so it can be about nothing else.
    pub const fn is_one(status: u16) -> bool {
        matches!(status, 401 | 403)
    }

    /// Notes the status of a backend's answer.
    pub fn note(&self, status: u16, backend: &str) {
        match status {
            401 => self.unauthorized.fetch_add(1, Ordering::Relaxed),
            403 => self.forbidden.fetch_add(1, Ordering::Relaxed),
            200..=499 => {
                if self.current.load(Ordering::Relaxed) != 0 {
                    self.current.store(0, Ordering::Relaxed);
                }
                return;
            }
            _ => return,
        };
        self.current.store(status, Ordering::Relaxed);
        if self.log.is_due() {
            let what_to_do = remedy(status);
            tracing::error!(
                backend,
                status,
                "the backend does not accept the gateway's identity; callers get 502, unless another backend answers: {what_to_do}"
            );
        }
    }

    /// What is wrong now, and what to do about it.
    pub fn concern(&self, backend: &str) -> Option<String> {
        let status = self.current.load(Ordering::Relaxed);
        let what_to_do = remedy(status);
        (status != 0).then(|| format!("backend {backend} answers {status} to it: {what_to_do}"))
    }

    /// How often it happened.
    pub fn counts(&self) -> RejectionCounts {
        RejectionCounts {
            unauthorized: self.unauthorized.load(Ordering::Relaxed),
            forbidden: self.forbidden.load(Ordering::Relaxed),
        }
    }
}

/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/role-based-access-control>
pub(crate) const fn remedy(status: u16) -> &'static str {
    match status {
        403 => {
            "let it through the resource's network rules, and give it the role Cognitive Services OpenAI User"
        }
        _ => {
            "give it the role Cognitive Services OpenAI User on the resource (this takes effect within minutes), and see that `scope` and the tenant in tollgate.yaml are the resource's"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::seldom::INTERVAL;

    #[tokio::test(start_paused = true)]
    async fn a_rejection_is_said_until_an_answer_accepts_the_identity_and_logged_once_a_minute() {
        let rejections = Rejections::default();
        assert_eq!(rejections.concern("sweden"), None);
        rejections.note(401, "sweden");
        rejections.note(503, "sweden");
        rejections.note(403, "sweden");
        let said = rejections.concern("sweden").expect("a concern");
        assert!(said.contains("403") && said.contains("role"), "{said}");
        let counts = RejectionCounts {
            unauthorized: 1,
            forbidden: 1,
        };
        assert_eq!(rejections.counts(), counts);
        assert!(!rejections.log.is_due(), "within the minute");
        tokio::time::advance(INTERVAL).await;
        assert!(rejections.log.is_due());
        rejections.note(404, "sweden");
        assert_eq!(rejections.concern("sweden"), None);
    }
}
