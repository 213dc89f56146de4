//! A configuration that is refused, with every reason.

use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceSpan};

use super::finding::{Finding, MAX_SHOWN, Severity, findings, more};
use super::masked;
use super::problem::Problem;
use super::source::Source;
use super::tree::Node;

/// A configuration that is refused, with every reason.
#[derive(Debug)]
pub struct ConfigError {
    name: String,
    /// What is shown of the file: without secrets.
    shown: String,
    findings: Vec<Finding>,
}

impl ConfigError {
    pub(super) fn new(name: &str, text: &str, problems: Vec<Problem>) -> Self {
        let tree = Node::read(text).ok();
        Self {
            name: name.to_owned(),
            shown: masked::file(text, tree.as_ref()),
            findings: findings(Severity::Error, name, tree.as_ref(), problems),
        }
    }

    pub(super) fn unreadable(name: &str, error: &std::io::Error) -> Self {
        let problem = Problem::new(format!("the file can't be read: {error}"))
            .help("say which file with --config FILE");
        Self::new(name, "", vec![problem])
    }

    /// Every reason, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Each on a line of its own: `file:line:column: reason (in path)`.
    pub fn lines(&self) -> Vec<String> {
        self.findings.iter().map(Finding::to_string).collect()
    }

    /// Each with the lines of the file that it is about; of very many the first ones, and how many more there are.
    pub fn report(&self) -> String {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        let source = Source::new(&self.name, &self.shown);
        let mut report = String::new();
        let shown = self.findings.iter().take(MAX_SHOWN);
        for finding in shown {
            let diagnostic = Shown {
                finding,
                label: source.span(finding),
                source: &source,
            };
            if handler.render_report(&mut report, &diagnostic).is_err() {
                report.push_str(&finding.to_string());
            }
        }
        if let Some(more) = more(self.findings.len()) {
            report.push_str(&format!("{more}\n"));
        }
        report
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, finding) in self.findings.iter().take(MAX_SHOWN).enumerate() {
            let line_break = if number == 0 { "" } else { "\n" };
            write!(f, "{line_break}{finding}")?;
        }
        match more(self.findings.len()) {
            Some(more) => write!(f, "\n{more}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// One reason as miette shows it.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    label: Option<SourceSpan>,
    source: &'a Source<'a>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.finding.fmt(f)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let help: Box<dyn fmt::Display> = Box::new(self.finding.help.as_deref()?);
        Some(help)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.label?);
        Some(Box::new(std::iter::once(label)))
    }
}
