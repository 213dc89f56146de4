//! `tollgate doctor`: tries what the configuration says, and prints what came of it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use reqwest::Url;

use super::health::page;
use super::say;
use crate::config::{Config, admin_address};
use crate::doctor::{Check, Outcome, Report, Surroundings, examine};

/// The configuration can't be read: nothing was tried.
const UNREADABLE: u8 = 2;

#[derive(Args)]
#[command()]
pub(super) struct DoctorArguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// The admin endpoint of the running Envoy: what it runs with is compared with what `tollgate envoy` writes.
    #[arg(long, value_name = "URL", value_parser = admin_url)]
    envoy_admin: Option<Url>,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How the result is written.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One object, for scripts.
    Json,
}

/// Exits with 0 only if nothing is wrong.
pub(super) fn run(arguments: &DoctorArguments) -> Result<ExitCode, String> {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            say(&mut io::stderr(), &error.report());
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    let admin = admin_address(&arguments.config).ok();
    let service: Option<Url> = match admin {
        Some(address) => Some(page(address, "")?),
        None => None,
    };
    let around = Surroundings {
        service,
        envoy: arguments.envoy_admin.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?;
    let report = runtime.block_on(examine(config, around));
    // A name that is still being looked up is waited for no longer.
    runtime.shutdown_background();
    let shown = match arguments.format {
        Format::Text => text(&report),
        Format::Json => {
            let json = serde_json::to_string_pretty(&report);
            json.map_err(|error| error.to_string())? + "\n"
        }
    };
    say(&mut super::output::stdout(), &shown);
    Ok(match report.count(Outcome::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Where Envoy's admin endpoint is, without a path.
fn admin_url(text: &str) -> Result<Url, String> {
    let help = "write it as http://127.0.0.1:9901";
    let url: Url = text.parse().map_err(|error| format!("{error}: {help}"))?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    match is_plain {
        true => Ok(url),
        false => Err(help.to_owned()),
    }
}

/// A heading for each subject, a line for each check, and what to do below it.
fn text(report: &Report) -> String {
    let width = report.checks.iter().map(|it| it.check.chars().count());
    let width = width.max().unwrap_or_default();
    let mut text = String::new();
    let mut subject = None;
    for check in &report.checks {
        if subject != Some(&check.subject) {
            subject = Some(&check.subject);
            text.push_str(&format!("{}\n", check.subject));
        }
        text.push_str(&line(check, width));
    }
    let count = |outcome| report.count(outcome);
    text.push_str(&format!(
        "\nerrors: {}, warnings: {}, ok: {}, skipped: {}\n",
        count(Outcome::Error),
        count(Outcome::Warning),
        count(Outcome::Ok),
        count(Outcome::Skipped),
    ));
    text
}

fn line(check: &Check, width: usize) -> String {
    let result = match check.result {
        Outcome::Ok => "ok",
        Outcome::Warning => "WARNING",
        Outcome::Error => "ERROR",
        Outcome::Skipped => "skipped",
    };
    let name = &check.check;
    let mut line = format!("  {result:<7}  {name:<width$}  {}\n", check.message);
    if let Some(advice) = &check.advice {
        line.push_str(&format!("  {:<7}  {:<width$}  → {advice}\n", "", ""));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_said_once_and_advice_is_below_what_it_is_for() {
        let check = |subject: &str, name: &str, result, advice: Option<&str>| Check {
            subject: subject.to_owned(),
            check: name.to_owned(),
            result,
            message: "so it is".to_owned(),
            advice: advice.map(str::to_owned),
        };
        let report = Report {
            checks: vec![
                check("backend a", "connection", Outcome::Ok, None),
                check("backend a", "keys", Outcome::Warning, Some("do it")),
                check("redis", "connection", Outcome::Error, Some("start it")),
            ],
        };
        let expected = "backend a
  ok       connection  so it is
  WARNING  keys        so it is
                       → do it
redis
  ERROR    connection  so it is
                       → start it

errors: 1, warnings: 1, ok: 1, skipped: 0
";
        assert_eq!(text(&report), expected);
    }
}
