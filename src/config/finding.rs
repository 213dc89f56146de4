//! What is said of a file: mistakes, and what may not be meant, each with its place.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::masked;
use super::problem::Problem;
use super::tree::{Node, Spot};

/// Most findings that are shown to people: nobody reads on, and a file can have one for each of its clients.
pub(crate) const MAX_SHOWN: usize = 100;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The service does not start with it.
    Error,
    /// It is allowed, and may not be meant.
    Warning,
}

/// One thing that is wrong, or may not be meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1; `None` where it is about the file as a whole.
    pub line: Option<u64>,
    /// The column, counted from 1 in characters.
    pub column: Option<u64>,
    /// The path in the document, such as `clients[0].products[1]`.
    pub path: Option<String>,
    /// What it is, without secrets.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// A mistake in a file as a whole.
    pub(crate) fn error(file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: None,
            column: None,
            path: None,
            message: message.into(),
            help: None,
        }
    }

    fn new(
        severity: Severity,
        file: &str,
        problem: Problem,
        paths: &HashMap<Spot, String>,
    ) -> Self {
        let at = problem.at;
        let mut message = masked::message(&problem.message);
        if let Some(first) = problem.first {
            message.push_str(&format!("; the first one is in line {}", first.line()));
        }
        let path = spot(&problem).and_then(|spot| paths.get(&spot));
        Self {
            severity,
            file: file.to_owned(),
            line: at.map(|at| at.line()),
            column: at.map(|at| at.column()),
            path: path
                .filter(|path| !path.is_empty())
                .map(|it| masked::message(it)),
            message,
            help: problem.help.map(|help| masked::message(&help)),
        }
    }

    /// `file:line:column: message (in path)`, and what to do about it.
    pub fn with_help(&self) -> String {
        match &self.help {
            Some(help) => format!("{self}: {help}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.path {
            Some(path) => write!(f, " (in {path})"),
            None => Ok(()),
        }
    }
}

/// What is said in the place of those findings that are not shown, if there are any.
pub(crate) fn more(findings: usize) -> Option<String> {
    let more = findings.checked_sub(MAX_SHOWN).filter(|it| *it > 0)?;
    Some(format!(
        "and {more} more: `tollgate check --format json` lists all of them"
    ))
}

/// What was found in a text, in its order. `tree` is that of the text, if it is one.
pub(super) fn findings(
    severity: Severity,
    file: &str,
    tree: Option<&Node>,
    mut problems: Vec<Problem>,
) -> Vec<Finding> {
    problems.sort_by_key(|it| it.at.map(|at| (at.line(), at.column())));
    let wanted: HashSet<_> = problems.iter().filter_map(spot).collect();
    let paths = tree.map(|tree| tree.paths(&wanted)).unwrap_or_default();
    let finding = |problem| Finding::new(severity, file, problem, &paths);
    problems.into_iter().map(finding).collect()
}

fn spot(problem: &Problem) -> Option<Spot> {
    Some(Spot::new(problem.at?, problem.is_name))
}
