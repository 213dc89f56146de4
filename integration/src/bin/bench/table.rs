//! The figures, for a person to read and for docs/performance.md.

use std::fmt::Display;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use super::attack::Attack;
use super::hostile::Felt;
use super::measure::{Cell, Sample, median};
use super::setup::Chain;
use super::workload::Workload;

const HEADER: [&str; 11] = [
    "chain",
    "req/s",
    "of floor",
    "p50 ms",
    "p99 ms",
    "1 conn p50 ms",
    "1 conn p99 ms",
    "first byte ms",
    "Envoy CPU µs",
    "service CPU µs",
    "CPU of floor",
];

/// One workload: a line for each chain, with its ratio to the floor.
pub fn of_workload(cells: &[(Chain, Cell)]) -> Table {
    let floor = cells.iter().find(|(chain, _)| *chain == Chain::Floor);
    let floor = floor.map(|(_, cell)| (cell.rate(), cell.envoy_us() + cell.service_us()));
    let (floor_rate, floor_us) = floor.unwrap_or((f64::NAN, f64::NAN));
    let mut table = markdown(HEADER);
    for (chain, cell) in cells {
        let cpu_us = cell.envoy_us() + cell.service_us();
        table.add_row([
            chain.to_string(),
            format!("{:.0}", cell.rate()),
            ratio_of(cell.rate(), floor_rate),
            milliseconds(median(&cell.busy, |sample| sample.run.p50_us)),
            milliseconds(median(&cell.busy, |sample| sample.run.p99_us)),
            milliseconds(median(&cell.quiet, |sample| sample.run.p50_us)),
            milliseconds(median(&cell.quiet, |sample| sample.run.p99_us)),
            milliseconds(median(&cell.first_bytes, |time| time.as_secs_f64() * 1e6)),
            format!("{:.0}", cell.envoy_us()),
            match chain {
                Chain::EnvoyAlone => "-".to_owned(),
                _ => format!("{:.0}", cell.service_us()),
            },
            ratio_of(cpu_us, floor_us),
        ]);
    }
    table
}

/// A ratio to what may not have been measured.
fn ratio_of(value: f64, of: f64) -> String {
    match of.is_nan() {
        true => "-".to_owned(),
        false => format!("{:.2}", value / of),
    }
}

/// What more costs: its chain by that of tollgate alone, for each workload; medians of each round's ratio.
pub fn compared(rows: &[(Workload, Vec<(Chain, Cell)>)], chain: Chain) -> Table {
    let mut table = markdown([
        "workload",
        "req/s",
        "CPU",
        "service CPU",
        "p99",
        "1 conn p99",
        "service CPU µs more",
    ]);
    for (workload, cells) in rows {
        let find = |wanted| cells.iter().find(|(chain, _)| *chain == wanted);
        let (Some((_, with)), Some((_, without))) = (find(chain), find(Chain::Tollgate)) else {
            continue;
        };
        let busy: Vec<_> = with.busy.iter().zip(&without.busy).collect();
        let quiet: Vec<_> = with.quiet.iter().zip(&without.quiet).collect();
        let ratio = |rounds: &[(&Sample, &Sample)], value: &dyn Fn(&Sample) -> f64| {
            let ratio = median(rounds, |(with, without)| value(with) / value(without));
            format!("{ratio:.2}")
        };
        table.add_row([
            workload.to_string(),
            ratio(&busy, &|it| {
                it.run.requests as f64 / it.run.duration_us as f64
            }),
            ratio(&busy, &|it| {
                it.envoy_us_per_request() + it.service_us_per_request()
            }),
            ratio(&busy, &Sample::service_us_per_request),
            ratio(&busy, &|it| it.run.p99_us),
            ratio(&quiet, &|it| it.run.p99_us),
            format!("{:.0}", with.service_us() - without.service_us()),
        ]);
    }
    table
}

/// What a client feels of another one's attacks, and its ratio to none.
pub fn of_hostile(felt: &[Felt]) -> Table {
    let alone = felt.iter().find(|it| it.attack == Attack::None);
    let alone = alone.map_or(f64::NAN, |it| it.p99_us);
    let mut table = markdown([
        "the other client's attack",
        "req/s",
        "p50 ms",
        "p99 ms",
        "p99 of none",
        "attack beside: p99 ms",
        "p99 of beside",
    ]);
    for it in felt {
        table.add_row([
            it.attack.to_string(),
            format!("{:.0}", it.rate),
            milliseconds(it.p50_us),
            milliseconds(it.p99_us),
            ratio_of(it.p99_us, alone),
            milliseconds(it.beside_p99_us),
            format!("{:.2}", it.p99_us / it.beside_p99_us),
        ]);
    }
    table
}

/// Memory of each chain's processes, in KiB of RAM.
pub fn of_memory(rows: &[(Chain, u64, Option<u64>)]) -> Table {
    let mut table = markdown(["chain", "Envoy MiB", "service MiB"]);
    for (chain, envoy, service) in rows {
        table.add_row([
            chain.to_string(),
            mebibytes(*envoy),
            service.map_or_else(|| "-".to_owned(), mebibytes),
        ]);
    }
    table
}

fn markdown<const N: usize>(header: [impl Display; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(header.map(|name| name.to_string()));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn milliseconds(us: f64) -> String {
    format!("{:.2}", us / 1000.0)
}

fn mebibytes(kib: u64) -> String {
    format!("{:.0}", kib as f64 / 1024.0)
}
