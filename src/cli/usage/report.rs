//! `tollgate usage`: the report.

use std::io;
use std::process::ExitCode;

use super::location::Opened;
use super::{ReportArguments, ReportFormat, csv_file, failed, table, whole_months};
use crate::cli::say;
use crate::usage::{Dimension, Period, Sum};
use crate::usage::{Report, share_monthly};

pub(super) async fn run(arguments: &ReportArguments) -> Result<ExitCode, String> {
    let period = arguments.days.period()?;
    let opened = arguments.location.open().await?;
    let by = &arguments.by;
    let sums = priced_sums(&opened, &by.dimensions(), by.needs_days(), period).await?;
    let report = Report::new(by, &sums);
    let text = match arguments.format {
        ReportFormat::Table => table::render(&report),
        ReportFormat::Csv => csv(&report)?,
        ReportFormat::Json => serde_json::to_string_pretty(&report)
            .map(|text| text + "\n")
            .map_err(|error| error.to_string())?,
    };
    say(&mut io::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}

/// Sums with their costs; what is paid by the month is shared by use.
pub(super) async fn priced_sums(
    opened: &Opened,
    dimensions: &[Dimension],
    by_day: bool,
    period: Period,
) -> Result<Vec<Sum>, String> {
    let has_monthly = opened.prices.has_monthly();
    let sums = opened.store.sums(dimensions, by_day || has_monthly, period);
    let mut sums = sums.await.map_err(|error| failed(&error))?;
    if has_monthly {
        let all = opened.store.sums(&[], true, whole_months(period)).await;
        let all = all.map_err(|error| failed(&error))?;
        share_monthly(&mut sums, &all, &opened.prices);
    }
    Ok(sums)
}

fn csv(report: &Report) -> Result<String, String> {
    let mut file = Vec::new();
    csv_file::write(&mut file, &report.rows).map_err(|error| error.to_string())?;
    String::from_utf8(file).map_err(|error| error.to_string())
}
