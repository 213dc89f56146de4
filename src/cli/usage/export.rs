//! `tollgate usage export`

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::sleep;

use super::cloud_events::Batches;
use super::focus::{self, Line};
use super::location::Opened;
use super::report::priced_sums;
use super::{ExportArguments, ExportFormat, failed};
use crate::cli::say;
use crate::usage::{LedgerRow, Period};

/// Records that are read and sent together.
const PAGE: i64 = 500;
/// How often a ledger that is followed is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

pub(super) async fn run(arguments: &ExportArguments) -> Result<ExitCode, String> {
    let period = arguments.days.period()?;
    let collector = match &arguments.to_url {
        Some(url) => Some(Batches::new(url, arguments.bearer_file.as_deref())?),
        None => None,
    };
    let is_focus = arguments.format == ExportFormat::Focus && collector.is_none();
    if is_focus && arguments.follow {
        return Err(
            "FOCUS' lines are sums of whole days: --follow needs --format json or --to-url"
                .to_owned(),
        );
    }
    // Before anything is read: later an outage is waited for.
    if let Some(collector) = &collector {
        collector.reach().await?;
    }
    let opened = arguments.location.open().await?;
    match is_focus {
        true => focus_csv(&opened, period, &arguments.billing_account).await?,
        false => records(&opened, period, arguments.follow, collector.as_ref()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn focus_csv(opened: &Opened, period: Period, account: &str) -> Result<(), String> {
    let mut sums = priced_sums(opened, &focus::DIMENSIONS, true, period, &[]).await?;
    sums.sort_by(|a, b| (a.day, &a.keys, &a.price).cmp(&(b.day, &b.keys, &b.price)));
    let lines = sums.iter().filter_map(|sum| Line::of(sum, account));
    focus::write(crate::cli::output::stdout(), lines).map_err(|error| error.to_string())?;
    let unpriced: i64 = sums.iter().map(|sum| sum.unpriced).sum();
    if unpriced > 0 {
        let note = format!("{unpriced} requests have no price and are left out\n");
        say(&mut io::stderr(), &note);
    }
    Ok(())
}

/// Records of a period in the order of time; then, if they are followed, all that come, in the order
/// of commits. What was written in between comes twice rather than never.
async fn records(
    opened: &Opened,
    period: Period,
    follow: bool,
    collector: Option<&Batches>,
) -> Result<(), String> {
    let store = &opened.store;
    let mut position = store.end().await.map_err(|error| failed(&error))?;
    if !follow || period.from.is_some() {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.page(period, after.as_deref(), PAGE).await;
            let page = page.map_err(|error| failed(&error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            give(&page, collector).await?;
        }
    }
    if !follow {
        return Ok(());
    }
    loop {
        match store.follow(position, PAGE).await {
            Ok((rows, next)) => {
                position = next;
                match rows.is_empty() {
                    true => sleep(POLL_INTERVAL).await,
                    false => give(&rows, collector).await?,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger will be read again");
                sleep(POLL_INTERVAL).await;
            }
        }
    }
}

async fn give(rows: &[LedgerRow], collector: Option<&Batches>) -> Result<(), String> {
    if let Some(collector) = collector {
        return collector.send(rows).await;
    }
    let mut output = io::BufWriter::new(crate::cli::output::stdout());
    for row in rows {
        serde_json::to_writer(&mut output, row).map_err(|error| error.to_string())?;
        output.write_all(b"\n").map_err(|error| error.to_string())?;
    }
    output.flush().map_err(|error| error.to_string())
}
