//! What was tried, and what came of it.

use serde::Serialize;

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
        self.checks.push(Check {
            subject: self.name.clone(),
            check: check.to_owned(),
            result,
            message,
            advice,
        });
    }

    pub(super) fn into_checks(self) -> Checks {
        self.checks
    }
}
