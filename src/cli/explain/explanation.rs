//! What was found out about a request, for a person.

use std::fmt;

use crate::gateway::Refusal;

/// What was found out, a line for each step.
#[derive(Default)]
pub(super) struct Explanation {
    steps: Vec<(String, String)>,
    pub(super) refusal: Option<Refusal>,
}

impl Explanation {
    /// Adds a step.
    pub(super) fn note(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.steps.push((what.into(), found.into()));
    }

    /// Whether the request would reach a backend.
    pub(super) fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|(what, _)| what.chars().count());
        let width = width.max().unwrap_or(0).max("the caller reads".len());
        for (what, found) in &self.steps {
            writeln!(f, "{what:<width$}  {found}")?;
        }
        match &self.refusal {
            None => writeln!(f, "{:<width$}  allowed", "decision"),
            Some(refusal) => {
                let (status, reason) = (refusal.status(), refusal.reason);
                writeln!(f, "{:<width$}  refused: {status} {reason}", "decision")?;
                writeln!(f, "{:<width$}  {}", "the caller reads", refusal.message())
            }
        }
    }
}
