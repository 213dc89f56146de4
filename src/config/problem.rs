//! What is wrong with a file, for a person to read.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceSpan,
};
use serde_saphyr::Location;

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    at: Option<Location>,
    message: String,
    help: Option<String>,
}

impl Problem {
    /// Something wrong with the file as a whole.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            at: None,
            message: message.into(),
            help: None,
        }
    }

    /// Something wrong at a place.
    pub(super) fn at(at: Location, message: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            ..Self::new(message)
        }
    }

    /// Says what to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A configuration that is refused, with every reason.
#[derive(Debug)]
pub struct ConfigError {
    name: String,
    text: String,
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(name: &str, text: &str, problems: Vec<Problem>) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            problems,
        }
    }

    pub(super) fn unreadable(name: &str, error: &std::io::Error) -> Self {
        let problem = Problem::new(format!("the file can't be read: {error}"))
            .help("say which file with --config FILE");
        Self::new(name, "", vec![problem])
    }

    /// Each problem on a line of its own: `file:line:column: reason`.
    pub fn lines(&self) -> Vec<String> {
        let line = |problem: &Problem| match problem.at {
            Some(at) => format!(
                "{}:{}:{}: {}",
                self.name,
                at.line(),
                at.column(),
                problem.message
            ),
            None => format!("{}: {}", self.name, problem.message),
        };
        self.problems.iter().map(line).collect()
    }

    /// The same, each with what to do about it.
    pub(super) fn lines_with_help(&self) -> Vec<String> {
        let help = self.problems.iter().map(|problem| &problem.help);
        let lines = self.lines().into_iter().zip(help);
        let with_help = |(line, help): (String, &Option<String>)| match help {
            Some(help) => format!("{line} ({help})"),
            None => line,
        };
        lines.map(with_help).collect()
    }

    /// Each problem with the lines of the file that it is about.
    pub fn report(&self) -> String {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        let mut report = String::new();
        for (problem, line) in self.problems.iter().zip(self.lines()) {
            let diagnostic = Shown {
                line,
                label: problem.at.and_then(|at| self.span(at)),
                help: problem.help.as_deref(),
                source: NamedSource::new(&self.name, self.text.clone()),
            };
            if handler.render_report(&mut report, &diagnostic).is_err() {
                report.push_str(&diagnostic.line);
            }
        }
        report
    }

    /// The rest of the line that a place is on.
    fn span(&self, at: Location) -> Option<SourceSpan> {
        let (line, column) = (
            usize::try_from(at.line()).ok()?,
            usize::try_from(at.column()).ok()?,
        );
        let start = self
            .text
            .split_inclusive('\n')
            .take(line.checked_sub(1)?)
            .map(str::len)
            .sum::<usize>();
        let rest = self.text.get(start..)?.lines().next()?;
        let before = rest
            .chars()
            .take(column.checked_sub(1)?)
            .map(char::len_utf8)
            .sum::<usize>();
        let shown = rest
            .get(before..)?
            .split([',', '}', ']', '#'])
            .next()?
            .trim_end();
        Some((start + before, shown.len().max(1)).into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// One problem as miette shows it.
#[derive(Debug)]
struct Shown<'a> {
    line: String,
    label: Option<SourceSpan>,
    help: Option<&'a str>,
    source: NamedSource<String>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let help: Box<dyn fmt::Display> = Box::new(self.help?);
        Some(help)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.label?);
        Some(Box::new(std::iter::once(label)))
    }
}
