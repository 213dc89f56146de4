//! `tollgate usage reconcile`: the ledger compared with Azure Monitor.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};

use super::failed;
use super::location::LedgerLocation;
use crate::cli::output;
use crate::cli::plain::printable;
use crate::cli::say;
use crate::cli::tables::no_lines_between_rows;
use crate::usage::Period;
use crate::usage::{AzureFiles, Difference, RECONCILED_BY, differences};

/// Exits with 1 where a deployment differs by more than `tolerance` per cent.
pub(super) async fn run(
    location: &LedgerLocation,
    period: Period,
    metrics: &[PathBuf],
    tolerance: u8,
) -> Result<ExitCode, String> {
    let mut azure = AzureFiles::default();
    for (at, path) in metrics.iter().enumerate() {
        let name = path.display();
        if metrics.iter().take(at).any(|earlier| earlier == path) {
            return Err(format!(
                "{name} is given twice: its tokens would be counted twice"
            ));
        }
        let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
        let added = azure.add(file, period);
        added.map_err(|error| format!("{name}: {error}"))?;
    }
    let azure = azure.usage().map_err(|error| error.to_string())?;
    let opened = location.open().await?;
    let sums = opened.store.sums(&RECONCILED_BY, false, period).await;
    let found = differences(&sums.map_err(|error| failed(&error))?, &azure);
    say(&mut output::stdout(), &render(&found));
    let is_within = |it: &Difference| {
        let allowed = i128::from(tolerance) * 1000;
        it.tokens() == 0
            || it
                .per_hundred_thousand()
                .is_some_and(|part| part.abs() <= allowed)
    };
    Ok(match found.iter().all(is_within) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn render(found: &[Difference]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    no_lines_between_rows(&mut table);
    table.set_header([
        "deployment",
        "ledger input",
        "Azure input",
        "ledger output",
        "Azure output",
        "estimated",
        "difference",
        "%",
    ]);
    for it in found {
        let part = it.per_hundred_thousand().map_or_else(
            || "-".to_owned(),
            |part| {
                let sign = if part < 0 { "-" } else { "" };
                let part = part.abs();
                format!("{sign}{}.{:03}", part / 1000, part % 1000)
            },
        );
        table.add_row([
            printable(&it.deployment).into_owned(),
            it.ledger.input.to_string(),
            it.azure.input.to_string(),
            it.ledger.output.to_string(),
            it.azure.output.to_string(),
            it.estimated.to_string(),
            it.tokens().to_string(),
            part,
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}
