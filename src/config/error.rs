//! A configuration that is refused, with every reason.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceSpan,
};

use super::finding::{Finding, Severity, findings};
use super::masked;
use super::problem::Problem;

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
        Self {
            name: name.to_owned(),
            shown: masked::lines(text),
            findings: findings(Severity::Error, name, text, problems),
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

    /// Each with the lines of the file that it is about.
    pub fn report(&self) -> String {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
        let mut report = String::new();
        for finding in &self.findings {
            let diagnostic = Shown {
                finding,
                label: self.span(finding),
                source: NamedSource::new(&self.name, self.shown.clone()),
            };
            if handler.render_report(&mut report, &diagnostic).is_err() {
                report.push_str(&finding.to_string());
            }
        }
        report
    }

    /// The rest of the line that a place is on.
    fn span(&self, finding: &Finding) -> Option<SourceSpan> {
        let line = usize::try_from(finding.line?).ok()?;
        let column = usize::try_from(finding.column?).ok()?;
        let start = self
            .shown
            .split_inclusive('\n')
            .take(line.checked_sub(1)?)
            .map(str::len)
            .sum::<usize>();
        let rest = self.shown.get(start..)?.lines().next()?;
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

/// One reason as miette shows it.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    label: Option<SourceSpan>,
    source: NamedSource<String>,
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
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.label?);
        Some(Box::new(std::iter::once(label)))
    }
}
