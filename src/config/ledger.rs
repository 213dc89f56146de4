//! How the ledger is kept: what is written, and what it means.

use std::time::Duration;

use super::spanned::Spanned;

use super::duration;
use super::problem::Problem;
use super::problems::Problems;
use super::written::{Durability, Ledger, OnFailure};
use crate::usage::{self, LedgerOptions};

/// A year, and time to close its books.
const DEFAULT_RETENTION: Duration = Duration::from_secs(400 * 86_400);
/// Sums are by day: less than two days would leave none that is whole.
const MIN_RETENTION: Duration = Duration::from_secs(2 * 86_400);

/// `None` where there is no data directory, and so no ledger.
pub(super) fn ledger(
    written: Option<&Spanned<Ledger>>,
    has_data_directory: bool,
    problems: &mut Problems,
) -> Option<LedgerOptions> {
    if let (Some(written), false) = (written, has_data_directory) {
        let message = "`ledger` needs `data_directory`";
        let help = "say where to store it: `data_directory: /var/lib/tollgate`";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    if !has_data_directory {
        return None;
    }
    let written = written.map(|written| &written.value);
    let retention = written.and_then(|written| written.retention.as_ref());
    Some(LedgerOptions {
        durability: match written.map(|it| it.durability).unwrap_or_default() {
            Durability::Strict => usage::Durability::Strict,
            Durability::Relaxed => usage::Durability::Relaxed,
        },
        on_failure: match written.map(|it| it.on_failure).unwrap_or_default() {
            OnFailure::Refuse => usage::OnFailure::Refuse,
            OnFailure::Continue => usage::OnFailure::Continue,
        },
        retention: retention.map_or(DEFAULT_RETENTION, |it| parse_retention(it, problems)),
    })
}

fn parse_retention(written: &Spanned<String>, problems: &mut Problems) -> Duration {
    match duration::parse(&written.value) {
        Some(retention) if retention >= MIN_RETENTION => retention,
        _ => {
            let message = format!("`{}` is not a valid retention period", written.value);
            let help = "write a number of days, such as `400d`; at least `2d`";
            problems.push(Problem::at(written.referenced, message).help(help));
            DEFAULT_RETENTION
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::config::tests::read;
    use crate::usage::{Durability, LedgerOptions, OnFailure};

    const BEFORE: &str = "listen: { grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }\nidentity: { managed_identity: {} }\nbackends: [ { name: sweden } ]\n";

    fn parse(more: &str) -> Result<Option<LedgerOptions>, String> {
        let text = format!("{BEFORE}{more}\n");
        let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
        parsed
            .map(|config| config.ledger)
            .map_err(|error| error.lines().concat())
    }

    #[test]
    fn a_data_directory_has_a_ledger_and_its_defaults_are_the_safe_ones() {
        let safe = LedgerOptions {
            durability: Durability::Strict,
            on_failure: OnFailure::Refuse,
            retention: Duration::from_secs(400 * 86_400),
        };
        assert_eq!(parse("data_directory: data"), Ok(Some(safe)));
        assert_eq!(parse(""), Ok(None));
        let other = "data_directory: data\nledger: { durability: relaxed, on_failure: continue, retention: 30d }";
        let other = parse(other).expect("good").expect("a ledger");
        assert_eq!(other.durability, Durability::Relaxed);
        assert_eq!(other.on_failure, OnFailure::Continue);
        assert_eq!(other.retention, Duration::from_secs(30 * 86_400));
    }

    #[test]
    fn a_wrong_ledger_says_where_and_why() {
        for (more, reason) in [
            (
                "ledger: {}",
                "tollgate.yaml:4:9: `ledger` needs `data_directory`",
            ),
            (
                "data_directory: d\nledger: { retention: 1d }",
                "tollgate.yaml:5:22: `1d` is not a valid retention period",
            ),
            (
                "data_directory: d\nledger: { retention: soon }",
                "`soon` is not a valid retention period",
            ),
            ("data_directory: d\nledger: { durability: loose }", "loose"),
            ("data_directory: d\nledger: { on_failure: panic }", "panic"),
            ("data_directory: d\nledger: { sync: full }", "sync"),
        ] {
            let error = parse(more).expect_err("wrong");
            assert!(error.contains(reason), "{more}: {error}");
        }
    }
}
