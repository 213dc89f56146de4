//! What Azure Monitor has counted, as its tools write it down: the JSON of `az monitor metrics list`, the CSV of
//! a chart of the portal, and a plain table.
//!
//! ```text
//! JSON    { "value": [ { "name": { "value": METRIC },
//!                        "timeseries": [ { "metadatavalues": [ { "name": { "value": "modeldeploymentname" },
//!                                                                "value": DEPLOYMENT } ],
//!                                          "data": [ { "timeStamp": TIME, "total": COUNT } ] } ] } ] }
//! chart   lines about the chart, then `TIME, DEPLOYMENT, DEPLOYMENT…` and a line for each time
//! table   `ModelDeploymentName, METRIC, METRIC`, and a line for each deployment, and time where there is one
//! ```
//!
//! The JSON's shape is that of the REST API
//! (<https://learn.microsoft.com/rest/api/monitor/metrics/list>), the metrics' names are those of
//! <https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference>. Of the chart's shape there is no
//! reference: what may vary (lines before, names of columns, ways to write times) is read leniently, and what can't
//! be told is an error.

mod chart;
mod json;
mod table;
mod words;

use std::collections::BTreeMap;
use std::io::Read;
use std::time::SystemTime;

use crate::usage::store::Period;

/// Largest file that is read, in bytes: a year of 1,000 deployments by the hour is smaller.
pub const MAX_AZURE_BYTES: u64 = 64 * 1024 * 1024;

/// Tokens that one side has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AzureTokens {
    /// Tokens of prompts.
    pub input: i64,
    /// Tokens of answers.
    pub output: i64,
}

/// What Azure has counted, by deployment.
pub type AzureUsage = BTreeMap<String, AzureTokens>;

/// Why a file can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// It can't be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// More than anybody would compare.
    #[error("the file is larger than 64 MiB")]
    TooLarge,
    /// It is not CSV.
    #[error("the file can't be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// It is not the JSON of Azure Monitor.
    #[error("the file is not what `az monitor metrics list --output json` writes: {0}")]
    Json(#[from] serde_json::Error),
    /// It has no line that names columns.
    #[error(
        "the file has no line that names its columns: one for the deployment (ModelDeploymentName), or one for the time and one for each deployment"
    )]
    NoHeader,
    /// A chart whose metric is not said.
    #[error(
        "the column `{0}` does not say which metric it is, nor does a line before it: ProcessedPromptTokens or GeneratedTokens"
    )]
    NoMetric(String),
    /// Nobody knows whose tokens they are.
    #[error(
        "{0} is not split by deployment: ask with --filter \"ModelDeploymentName eq '*'\", or split the chart by ModelDeploymentName"
    )]
    NotSplit(&'static str),
    /// An average says nothing.
    #[error("{0} has no totals: ask with --aggregation Total")]
    NoTotals(&'static str),
    /// A metric is missing.
    #[error("no file has {0}")]
    Missing(&'static str),
    /// A value is not a number or not a time.
    #[error("{place}`{value}` is not a {what}")]
    Value {
        /// Where it is, with a colon; empty where that is not known.
        place: String,
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
}

/// What is counted of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Input,
    Output,
}

impl Metric {
    /// Azure's own name.
    const fn name(self) -> &'static str {
        match self {
            Self::Input => "ProcessedPromptTokens",
            Self::Output => "GeneratedTokens",
        }
    }
}

/// What files say, joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AzureFiles {
    usage: AzureUsage,
    has_input: bool,
    has_output: bool,
}

impl AzureFiles {
    /// Reads a file, and adds what it has of a period.
    ///
    /// # Errors
    /// [`ReconcileError`]
    pub fn add(&mut self, input: impl Read, period: Period) -> Result<(), ReconcileError> {
        let mut bytes = Vec::new();
        input.take(MAX_AZURE_BYTES + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_AZURE_BYTES) {
            return Err(ReconcileError::TooLarge);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match first {
            Some(b'{' | b'[') => json::read(bytes, period, self),
            _ => table::read(bytes, period, self),
        }
    }

    /// What all of them say.
    ///
    /// # Errors
    /// [`ReconcileError::Missing`] where none has one of the metrics.
    pub fn usage(self) -> Result<AzureUsage, ReconcileError> {
        if !self.has_input {
            return Err(ReconcileError::Missing(
                "the tokens of prompts (ProcessedPromptTokens)",
            ));
        }
        if !self.has_output {
            return Err(ReconcileError::Missing(
                "the tokens of answers (GeneratedTokens)",
            ));
        }
        Ok(self.usage)
    }

    /// There is a column or a series of a metric, though it may have no values.
    fn knows(&mut self, metric: Metric) {
        match metric {
            Metric::Input => self.has_input = true,
            Metric::Output => self.has_output = true,
        }
    }

    fn count(&mut self, metric: Metric, deployment: &str, count: i64) {
        let tokens = match self.usage.get_mut(deployment) {
            Some(tokens) => tokens,
            None => self.usage.entry(deployment.to_owned()).or_default(),
        };
        let total = match metric {
            Metric::Input => &mut tokens.input,
            Metric::Output => &mut tokens.output,
        };
        *total = total.saturating_add(count);
    }
}

/// A value that can't be read, of a line.
fn wrong(line: Option<u64>, what: &'static str, value: &str) -> ReconcileError {
    ReconcileError::Value {
        place: line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default(),
        what,
        value: value.to_owned(),
    }
}

/// Whether a moment is in a period.
fn is_in(period: Period, moment: SystemTime) -> bool {
    period.from.is_none_or(|from| moment >= from) && period.to.is_none_or(|to| moment < to)
}

#[cfg(test)]
mod tests;
