//! What was tried, and what came of it.

use serde::Serialize;

/// Longest message: some have texts of others in them.
const MAX_MESSAGE_CHARS: usize = 1_000;
/// Most checks of one subject; a wrong Envoy could have any number of routes.
const MAX_CHECKS: usize = 1_000;

/// What came of something that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was not tried: it is not configured, or something before it failed.
    Skipped,
    /// It works.
    Ok,
    /// It works, and should not stay so.
    Warning,
    /// It does not work.
    Error,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Of what: `backend sweden`, `issuer entra`, `envoy`.
    pub subject: String,
    /// What: one or two words, which stay the same.
    pub check: String,
    /// What came of it.
    pub result: Outcome,
    /// The same in words.
    pub message: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// Several of them.
pub(super) type Checks = Vec<Check>;

/// Everything that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of the subjects.
    pub checks: Vec<Check>,
}

impl Report {
    /// How many checks ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        let checks = self.checks.iter();
        checks.filter(|it| it.result == outcome).count()
    }
}

/// What is tried of one subject.
pub(super) struct Subject {
    name: String,
    checks: Checks,
}

impl Subject {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            checks: Checks::new(),
        }
    }

    pub(super) fn ok(&mut self, check: &str, message: impl Into<String>) {
        self.add(check, Outcome::Ok, message.into(), None);
    }

    pub(super) fn skipped(&mut self, check: &str, message: impl Into<String>) {
        self.add(check, Outcome::Skipped, message.into(), None);
    }

    pub(super) fn warning(
        &mut self,
        check: &str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Outcome::Warning, message.into(), Some(advice.into()));
    }

    pub(super) fn error(
        &mut self,
        check: &str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Outcome::Error, message.into(), Some(advice.into()));
    }

    pub(super) fn add(
        &mut self,
        check: &str,
        result: Outcome,
        message: String,
        advice: Option<String>,
    ) {
        let check = Check {
            subject: self.name.clone(),
            check: check.to_owned(),
            result,
            message: one_line(&message),
            advice,
        };
        // What is so in several places is said once.
        if self.checks.len() < MAX_CHECKS && !self.checks.contains(&check) {
            self.checks.push(check);
        }
    }

    pub(super) fn into_checks(self) -> Checks {
        self.checks
    }
}

/// A message is one line; texts of others may have several, and more than people read.
fn one_line(message: &str) -> String {
    let words = message.split(|it: char| it.is_control());
    let words = words.map(str::trim).filter(|it| !it.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_in_several_places_is_said_once_and_in_bounds() {
        let mut subject = Subject::new("envoy");
        for _ in 0..3 {
            subject.error("routes", "ä".repeat(2 * MAX_MESSAGE_CHARS), "mend it");
        }
        assert_eq!(subject.checks.len(), 1);
        let message = &subject.checks[0].message;
        assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS);
        for number in 0..2 * MAX_CHECKS {
            subject.ok("routes", number.to_string());
        }
        assert_eq!(subject.into_checks().len(), MAX_CHECKS);
    }

    #[test]
    fn a_message_is_one_line() {
        let mut subject = Subject::new("identity");
        subject.error("token", "it failed.\n\nSee\r\n\u{1b}[31mhere\t", "mend it");
        assert_eq!(subject.checks[0].message, "it failed. See [31mhere");
    }
}
