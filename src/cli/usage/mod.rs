//! `tollgate usage`: who used what, and what it costs.

mod cloud_events;
mod csv_file;
mod difference;
mod export;
mod focus;
mod forget;
mod location;
mod recompute;
mod recomputed;
mod reconcile;
mod report;
mod shapes;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand, ValueEnum};
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::database::DatabaseError;
use crate::usage::{By, Choice, Period};
use location::LedgerLocation;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct UsageArguments {
    #[command(subcommand)]
    command: Option<UsageCommand>,
    #[command(flatten)]
    report: ReportArguments,
}

#[derive(Subcommand)]
enum UsageCommand {
    /// Write usage for other programs: FOCUS' CSV by day, or records as JSON lines or CloudEvents.
    Export(ExportArguments),
    /// Recompute the costs of a period with the prices of the configuration.
    Recompute {
        #[command(flatten)]
        location: LedgerLocation,
        #[command(flatten)]
        days: Days,
        /// Say what would change, by month and model, and change nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Take the name of an end user out of the ledger; what was used stays with its client.
    Forget {
        #[command(flatten)]
        location: LedgerLocation,
        /// The end user, as requests or credentials name it.
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// Compare the tokens of a period with Azure Monitor's, by deployment.
    Reconcile {
        #[command(flatten)]
        location: LedgerLocation,
        #[command(flatten)]
        days: Days,
        /// Azure's metrics: the JSON of `az monitor metrics list`, a chart of the portal as CSV, or a CSV with
        /// the columns ModelDeploymentName, ProcessedPromptTokens, GeneratedTokens and, if it has several
        /// times, TimeStamp. Given more than once, the files are added up: a chart for each metric.
        #[arg(long, value_name = "FILE", required = true)]
        azure_metrics: Vec<PathBuf>,
        /// The largest difference that is not an error, in per cent of Azure's tokens.
        #[arg(long, value_name = "PERCENT", default_value_t = 0)]
        tolerance: u8,
    },
}

#[derive(Args)]
struct ReportArguments {
    #[command(flatten)]
    location: LedgerLocation,
    #[command(flatten)]
    days: Days,
    /// client, user, key, label:NAME, product, operation, deployment, model, backend, region, source,
    /// service_tier, day or month; or several: client,model.
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "client",
        value_delimiter = ','
    )]
    by: Vec<By>,
    /// Of this client alone; of any of several, where it is given more than once.
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// Of what has this value alone: model=gpt-4o, label:team=search, month=2026-01, user= (none). Several
    /// of one are alternatives; of different ones, all must fit.
    #[arg(long = "where", value_name = "WHAT=VALUE")]
    choices: Vec<Choice>,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: ReportFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReportFormat {
    Table,
    Csv,
    Json,
}

#[derive(Args)]
struct ExportArguments {
    #[command(flatten)]
    location: LedgerLocation,
    #[command(flatten)]
    days: Days,
    /// FOCUS' CSV, by day; or each record as a line of JSON.
    #[arg(long, value_enum, default_value = "focus")]
    format: ExportFormat,
    /// Keep writing records as they arrive; without --from, only these. Needs --format json or
    /// --to-url.
    #[arg(long)]
    follow: bool,
    /// Send records as batches of CloudEvents to a collector.
    #[arg(long, value_name = "URL")]
    to_url: Option<reqwest::Url>,
    /// A file with the token that the collector wants as `authorization: Bearer`.
    #[arg(long, value_name = "FILE", requires = "to_url")]
    bearer_file: Option<PathBuf>,
    /// FOCUS' BillingAccountId: what your FinOps tool calls this account.
    #[arg(long, value_name = "ID", default_value = "tollgate")]
    billing_account: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    Focus,
    Json,
}

/// Days in UTC.
#[derive(Args)]
struct Days {
    /// The first day, such as 2026-01-01, in UTC.
    #[arg(long, value_name = "DATE", value_parser = date)]
    from: Option<Date>,
    /// The day after the last one.
    #[arg(long, value_name = "DATE", value_parser = date)]
    to: Option<Date>,
}

impl Days {
    fn period(&self) -> Result<Period, String> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && to <= from
        {
            return Err(
                "--to must be after --from: the day that it names is not included".to_owned(),
            );
        }
        let moment = |date: Date| SystemTime::from(date.midnight().assume_utc());
        Ok(Period {
            from: self.from.map(moment),
            to: self.to.map(moment),
        })
    }
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text, &Iso8601::DATE).map_err(|_| "not a date, such as 2026-01-31".to_owned())
}

pub(super) fn run(arguments: UsageArguments) -> Result<ExitCode, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(dispatch(arguments))
}

async fn dispatch(arguments: UsageArguments) -> Result<ExitCode, String> {
    match arguments.command {
        None => report::run(&arguments.report).await,
        Some(UsageCommand::Export(export)) => export::run(&export).await,
        Some(UsageCommand::Recompute {
            location,
            days,
            dry_run,
        }) => recompute::run(&location, days.period()?, dry_run).await,
        Some(UsageCommand::Forget { location, user }) => forget::run(&location, &user).await,
        Some(UsageCommand::Reconcile {
            location,
            days,
            azure_metrics,
            tolerance,
        }) => reconcile::run(&location, days.period()?, &azure_metrics, tolerance).await,
    }
}

fn failed(error: &DatabaseError) -> String {
    error.to_string()
}
