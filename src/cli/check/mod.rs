//! `tollgate check`

mod envoy_file;
mod machine;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::output;
use super::say;
use crate::config::{Config, ConfigError, Finding, MAX_SHOWN, Severity, more};

/// What to look at.
#[derive(Args)]
pub(super) struct CheckArguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// Also whether this is the Envoy configuration that `tollgate envoy` writes from it, or the folder that
    /// `tollgate envoy --watch` does.
    #[arg(long, value_name = "FILE")]
    envoy: Option<PathBuf>,
    /// Look at the files alone, and not at what `serve` needs of this machine: folders of sockets, free
    /// addresses, a data directory that can be written. For CI, and for files of another machine.
    #[arg(long)]
    file_only: bool,
    /// Take warnings for mistakes: the exit status is 1 with any of them.
    #[arg(long)]
    deny_warnings: bool,
    /// What is printed: text for people, or one JSON object on standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: CheckFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    Text,
    Json,
}

/// What `--format json` prints. The names stay as they are; messages and help may change.
#[derive(Serialize)]
struct CheckReport<'a> {
    file: String,
    /// Whether nothing is an error.
    valid: bool,
    /// `null` where the file has mistakes.
    counts: Option<Counts>,
    findings: &'a [Finding],
}

#[derive(Clone, Copy, Serialize)]
struct Counts {
    clients: usize,
    keys: usize,
    certificates: Option<usize>,
}

impl Counts {
    fn of(config: &Config) -> Self {
        let certificates = config.policy.certificates.as_ref();
        Self {
            clients: config.policy.clients.len(),
            keys: config.policy.keys.len(),
            certificates: certificates.map(|ring| ring.identities()),
        }
    }

    /// `1 client, 2 keys`
    fn text(&self) -> String {
        let certificates = self.certificates.map(|it| (it, "certificate"));
        let counts = [(self.clients, "client"), (self.keys, "key")];
        let counts = counts.into_iter().chain(certificates);
        let counted = |(count, of)| match count {
            1 => format!("1 {of}"),
            _ => format!("{count} {of}s"),
        };
        counts.map(counted).collect::<Vec<_>>().join(", ")
    }
}

/// Exits with 0 only if the service would start with the file, on this machine if that is looked at.
pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode, String> {
    let (counts, findings, refused) = match Config::load(&arguments.config) {
        Ok(config) => (Some(Counts::of(&config)), found(&config, arguments), None),
        Err(error) => (None, error.findings().to_vec(), Some(error)),
    };
    match arguments.format {
        CheckFormat::Text => print_text(arguments, counts, &findings, refused.as_ref()),
        CheckFormat::Json => {
            let report = CheckReport {
                file: arguments.config.display().to_string(),
                valid: !has(Severity::Error, &findings),
                counts,
                findings: &findings,
            };
            let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
            say(&mut output::stdout(), &format!("{text}\n"));
        }
    }
    let is_denied = arguments.deny_warnings && has(Severity::Warning, &findings);
    match has(Severity::Error, &findings) || is_denied {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}

/// What is found about a file that is valid in itself.
fn found(config: &Config, arguments: &CheckArguments) -> Vec<Finding> {
    let mut findings = config.warnings.clone();
    if !arguments.file_only {
        findings.extend(machine::examine(config, &arguments.config));
    }
    let envoy = arguments.envoy.as_ref();
    findings.extend(envoy.and_then(|it| envoy_file::examine(config, &arguments.config, it)));
    findings
}

fn has(severity: Severity, findings: &[Finding]) -> bool {
    findings.iter().any(|it| it.severity == severity)
}

/// Mistakes and warnings to standard error, the summary of a file that is valid to standard output.
fn print_text(
    arguments: &CheckArguments,
    counts: Option<Counts>,
    findings: &[Finding],
    refused: Option<&ConfigError>,
) {
    if let Some(error) = refused {
        say(&mut io::stderr(), &error.report());
        return;
    }
    let mut shown: Vec<_> = findings.iter().collect();
    if shown.len() > MAX_SHOWN {
        // What is wrong with the machine comes last, and matters more than the hundredth warning.
        shown.sort_by_key(|it| it.severity);
    }
    for finding in shown.into_iter().take(MAX_SHOWN) {
        let line = finding.with_help();
        let line = match finding.severity {
            Severity::Warning => format!("warning: {line}\n"),
            Severity::Error => format!("{line}\n"),
        };
        say(&mut io::stderr(), &line);
    }
    if let Some(more) = more(findings.len()) {
        say(&mut io::stderr(), &format!("{more}\n"));
    }
    if let Some(counts) = counts {
        let text = format!("{}: good: {}\n", arguments.config.display(), counts.text());
        say(&mut output::stdout(), &text);
    }
}
