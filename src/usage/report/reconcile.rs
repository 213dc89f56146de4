//! Reconciliation: the ledger compared with Azure Monitor's own count of tokens, by deployment
//! (<https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference>).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::{Iso8601, Rfc3339};

use crate::usage::store::{Dimension, Period, Sum};

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

/// A deployment's tokens on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The deployment.
    pub deployment: String,
    /// In the ledger.
    pub ledger: AzureTokens,
    /// How many of the ledger's are estimates.
    pub estimated: i64,
    /// In Azure's metrics.
    pub azure: AzureTokens,
}

impl Difference {
    /// Tokens that the ledger has more than Azure; negative where it has fewer.
    pub const fn tokens(&self) -> i64 {
        let ledger = self.ledger.input.saturating_add(self.ledger.output);
        ledger.saturating_sub(self.azure.input.saturating_add(self.azure.output))
    }

    /// The difference in thousandths of a per cent of what Azure has; `None` where it has nothing.
    pub fn per_hundred_thousand(&self) -> Option<i128> {
        let azure = i128::from(self.azure.input) + i128::from(self.azure.output);
        (i128::from(self.tokens()) * 100_000).checked_div(azure)
    }
}

/// Why a file can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// It is not CSV.
    #[error("the file can't be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("the file has no column for {0}; its first line must name the columns")]
    Column(&'static str),
    /// A value is not a number or not a time.
    #[error("line {line}: `{value}` is not a {what}")]
    Value {
        /// The line.
        line: u64,
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
}

const DEPLOYMENT: [&str; 3] = ["modeldeploymentname", "deployment", "deploymentname"];
const TIME: [&str; 4] = ["timestamp", "time", "date", "timestamputc"];
const INPUT: [&str; 4] = [
    "processedprompttokens",
    "inputtokens",
    "prompttokens",
    "processedinferencetokens",
];
const OUTPUT: [&str; 4] = [
    "generatedtokens",
    "generatedcompletiontokens",
    "outputtokens",
    "completiontokens",
];

impl AzureTokens {
    /// Reads a CSV with a line for each deployment, or for each deployment and time, and sums the lines
    /// of a period. Columns are found by the names of Azure's metrics, however they are spelled.
    ///
    /// # Errors
    /// [`ReconcileError`]
    pub fn read(input: impl Read, period: Period) -> Result<AzureUsage, ReconcileError> {
        let mut file = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let headers: Vec<_> = file.headers()?.iter().map(spelled).collect();
        let column = |names: &[&str]| headers.iter().position(|it| names.contains(&it.as_str()));
        let missing = ReconcileError::Column;
        let deployment =
            column(&DEPLOYMENT).ok_or(missing("the deployment (ModelDeploymentName)"))?;
        let input =
            column(&INPUT).ok_or(missing("the tokens of prompts (ProcessedPromptTokens)"))?;
        let output = column(&OUTPUT).ok_or(missing("the tokens of answers (GeneratedTokens)"))?;
        let time = column(&TIME);
        let mut usage = AzureUsage::new();
        for record in file.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let value = |at: usize| record.get(at).unwrap_or_default().trim();
            let wrong = |what, value: &str| {
                let value = value.to_owned();
                ReconcileError::Value { line, what, value }
            };
            if let Some(at) = time {
                let moment = moment(value(at)).ok_or_else(|| wrong("time", value(at)))?;
                let is_after = period.from.is_none_or(|from| moment >= from);
                if !is_after || period.to.is_some_and(|to| moment >= to) {
                    continue;
                }
            }
            let count = |at: usize| count(value(at)).ok_or_else(|| wrong("count", value(at)));
            let tokens = usage.entry(value(deployment).to_owned()).or_default();
            tokens.input = tokens.input.saturating_add(count(input)?);
            tokens.output = tokens.output.saturating_add(count(output)?);
        }
        Ok(usage)
    }
}

/// Each deployment that either side knows.
pub fn differences(sums: &[Sum], azure: &AzureUsage) -> Vec<Difference> {
    let mut ledger: BTreeMap<&str, (AzureTokens, i64)> = BTreeMap::new();
    for sum in sums {
        let [deployment, source] = sum.keys.as_slice() else {
            continue;
        };
        let (tokens, estimated) = ledger.entry(deployment).or_default();
        tokens.input = tokens.input.saturating_add(sum.input_tokens);
        tokens.output = tokens.output.saturating_add(sum.output_tokens);
        if source == "estimated" {
            *estimated = estimated.saturating_add(sum.total_tokens);
        }
    }
    let deployments: BTreeSet<_> = ledger
        .keys()
        .copied()
        .chain(azure.keys().map(String::as_str))
        .collect();
    let difference = |deployment: &str| {
        let (tokens, estimated) = ledger.get(deployment).copied().unwrap_or_default();
        Difference {
            deployment: deployment.to_owned(),
            ledger: tokens,
            estimated,
            azure: azure.get(deployment).copied().unwrap_or_default(),
        }
    };
    let is_any = |it: &Difference| it.ledger != it.azure || it.ledger != AzureTokens::default();
    deployments
        .into_iter()
        .map(difference)
        .filter(is_any)
        .collect()
}

/// The sums that [`differences`] compares are by these.
pub(crate) const RECONCILED_BY: [Dimension; 2] = [Dimension::Deployment, Dimension::Source];

/// `Processed Prompt Tokens (Sum)` is `processedprompttokens`.
fn spelled(header: &str) -> String {
    let name = header.split('(').next().unwrap_or_default();
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// A whole number; Azure writes sums with zero decimals, and nothing for no value.
fn count(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = decimals.bytes().all(|digit| digit == b'0');
    whole.parse().ok().filter(|count| is_whole && *count >= 0)
}

fn moment(text: &str) -> Option<SystemTime> {
    let with_time = || OffsetDateTime::parse(text, &Rfc3339).ok();
    let without_zone =
        || OffsetDateTime::parse(&format!("{}Z", text.replace(' ', "T")), &Rfc3339).ok();
    let date = || {
        Some(
            time::Date::parse(text, &Iso8601::DATE)
                .ok()?
                .midnight()
                .assume_utc(),
        )
    };
    with_time()
        .or_else(without_zone)
        .or_else(date)
        .map(Into::into)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const CSV: &str = "TimeStamp,ModelDeploymentName,Processed Prompt Tokens (Sum),Generated Completion Tokens (Sum)\n\
        2026-01-01T00:00:00Z,gpt-4o,100.0,10\n2026-01-01 23:00:00,gpt-4o,50,\n2026-01-02,gpt-4o,7,7\n2026-01-01,other,1,2\n";

    fn new_year() -> Period {
        let from = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Period {
            from: Some(from),
            to: Some(from + Duration::from_secs(86_400)),
        }
    }

    #[test]
    fn azures_metrics_are_summed_over_a_period() {
        let usage = AzureTokens::read(CSV.as_bytes(), new_year()).expect("a good file");
        assert_eq!(
            usage.get("gpt-4o"),
            Some(&AzureTokens {
                input: 150,
                output: 10
            })
        );
        assert_eq!(
            usage.get("other"),
            Some(&AzureTokens {
                input: 1,
                output: 2
            })
        );
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        for (text, reason) in [
            ("a,b\n", "no column for the deployment"),
            (
                "deployment,inputtokens\n",
                "no column for the tokens of answers",
            ),
            (
                "deployment,inputtokens,outputtokens\nx,many,1\n",
                "line 2: `many` is not a count",
            ),
            (
                "deployment,inputtokens,outputtokens\nx,1.5,1\n",
                "line 2: `1.5` is not a count",
            ),
            (
                "date,deployment,inputtokens,outputtokens\nsoon,x,1,1\n",
                "line 2: `soon` is not a time",
            ),
        ] {
            let error = AzureTokens::read(text.as_bytes(), Period::ALL).expect_err("wrong");
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn differences_are_the_ledgers_more_or_less() {
        let usage = AzureTokens::read(CSV.as_bytes(), new_year()).expect("a good file");
        let sum = |source: &str, input_tokens, output_tokens| Sum {
            keys: vec!["gpt-4o".to_owned(), source.to_owned()],
            input_tokens,
            output_tokens,
            total_tokens: input_tokens + output_tokens,
            ..Sum::default()
        };
        let found = differences(&[sum("reported", 100, 8), sum("estimated", 52, 2)], &usage);
        let [gpt, other] = found.as_slice() else {
            panic!("two deployments: {found:?}");
        };
        assert_eq!((gpt.tokens(), gpt.estimated), (2, 54));
        assert_eq!(gpt.per_hundred_thousand(), Some(1250));
        assert_eq!(other.tokens(), -3);
    }
}
