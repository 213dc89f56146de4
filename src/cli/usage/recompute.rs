//! `tollgate usage recompute`: costs with the prices of the current configuration.

use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use super::difference::Differences;
use super::location::{LedgerLocation, Opened};
use super::{failed, recomputed};
use crate::cli::output;
use crate::cli::remote::Control;
use crate::cli::say;
use crate::cli::terminated::Interrupted;
use crate::control::Recomputed;
use crate::unix_time;
use crate::usage::{Amount, PriceList, Quantities, Served};
use crate::usage::{LedgerRow, Period};

/// Records that change together; the service's own writer waits for them.
const PAGE: i64 = 256;

pub(super) async fn run(
    location: &LedgerLocation,
    period: Period,
    dry_run: bool,
) -> Result<ExitCode, String> {
    if !location.has_config() {
        return Err(
            "recompute takes the prices from a configuration: pass --config FILE".to_owned(),
        );
    }
    let opened = location.open().await?;
    let mut differences = Differences::default();
    let interrupted = Interrupted::watch()?;
    let done = all(&opened, period, dry_run, &interrupted, &mut differences).await;
    let (seen, changed) = (differences.seen, differences.changed);
    let outcome = match dry_run {
        true => format!(
            "{seen} records looked at, {changed} would have another price or cost; nothing was changed\n"
        ),
        false => format!("{seen} records looked at, {changed} have another price or cost now\n"),
    };
    say(&mut output::stdout(), &(differences.render() + &outcome));
    if !dry_run {
        let recomputed = Recomputed {
            from_ms: period.from.map(unix_time::millis),
            to_ms: period.to.map(unix_time::millis),
            seen,
            changed,
            cost: differences.repriced(),
            error: done.as_ref().err().cloned(),
        };
        let control = opened.control.as_deref().map(Control::at);
        recomputed::tell(&recomputed, control.as_ref()).await?;
    }
    done.map(|()| ExitCode::SUCCESS)
}

/// Looks at every record of a period, and changes those that have another cost now.
async fn all(
    opened: &Opened,
    period: Period,
    dry_run: bool,
    interrupted: &Interrupted,
    differences: &mut Differences,
) -> Result<(), String> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        // Between two pages: what has changed is written down below, whyever it ends.
        if interrupted.is_so() {
            return Err("it was interrupted; what was changed by then stays so".to_owned());
        }
        let page = opened.store.page(period, after.as_deref(), PAGE).await;
        let page = page.map_err(|error| failed(&error))?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id.clone());
        let others: Vec<_> = page
            .into_iter()
            .map(|row| (repriced(&row, &opened.prices), row))
            .collect();
        if !dry_run {
            let changed: Vec<_> = others.iter().filter_map(|(new, _)| new.clone()).collect();
            if !changed.is_empty() {
                let repriced = opened.store.reprice(&changed).await;
                repriced.map_err(|error| failed(&error))?;
            }
        }
        for (new, old) in &others {
            differences.add(old, new.as_ref());
        }
    }
}

/// The record with the cost that it has now; `None` where it is the same.
fn repriced(row: &LedgerRow, prices: &PriceList) -> Option<LedgerRow> {
    let unsigned = |count: i64| u64::try_from(count).unwrap_or(0);
    let used = Quantities {
        input: unsigned(row.input_tokens),
        cached_input: unsigned(row.cached_tokens),
        audio_input: unsigned(row.audio_input_tokens),
        image_input: unsigned(row.image_input_tokens),
        output: unsigned(row.output_tokens),
        audio_output: unsigned(row.audio_output_tokens),
        images: unsigned(row.images),
        audio_ms: unsigned(row.audio_ms),
        characters: unsigned(row.characters),
    };
    let served = Served {
        model: row.model.as_deref(),
        deployment: row.deployment.as_deref(),
        backend: &row.backend,
        service_tier: row.service_tier.as_deref(),
        at: UNIX_EPOCH + Duration::from_millis(unsigned(row.started_ms)),
    };
    let is_charged = used.are_charged(row.source != "none");
    let cost = is_charged.then(|| prices.charge(&served, &used)).flatten();
    let new = LedgerRow {
        price: cost.as_ref().map(|cost| cost.price.name.to_string()),
        cost_nanos: cost
            .as_ref()
            .and_then(|cost| cost.amount)
            .map(Amount::nanos),
        currency: cost.as_ref().map(|cost| cost.price.currency.to_string()),
        ..row.clone()
    };
    (new != *row).then_some(new)
}
