//! The backends: what `tollgate backends` says.

use std::time::Duration;

use super::figures::span;
use super::table::{Cell, Column, Section, Table};
use crate::admin::backends::{BackendState, is_ill};

pub(super) fn section(backends: &[BackendState]) -> Section {
    Section {
        id: "backends",
        title: "Backends",
        notes: Vec::new(),
        tables: vec![Table {
            caption: "Backends, in the order of the configuration".to_owned(),
            columns: vec![
                Column::text("backend"),
                Column::text("tier"),
                Column::text("region"),
                Column::text("state"),
                Column::text("rests for"),
                Column::number("answered"),
                Column::number("failed"),
                Column::number("failed in a row"),
                Column::text("utilization"),
            ],
            rows: backends.iter().flat_map(rows).collect(),
            empty: "There are no backends.".to_owned(),
            ..Table::default()
        }],
    }
}

/// Its own row, and one for each of its deployments that is not healthy.
fn rows(backend: &BackendState) -> Vec<Vec<Cell>> {
    let rests = |ms: Option<u64>| Cell::optional(ms.map(|it| span(Duration::from_millis(it))));
    let own = vec![
        Cell::text(backend.name.as_str()),
        Cell::text(backend.tier.as_str()),
        Cell::optional(backend.region.as_deref()),
        Cell::state(backend.state.as_str(), !is_ill(&backend.state)),
        rests(backend.rests_ms),
        Cell::count(backend.served),
        Cell::count(backend.failed),
        Cell::count(backend.failures_in_a_row),
        Cell::optional(backend.utilization.as_deref()),
    ];
    let deployments = backend.deployments.iter().map(|it| {
        let mut row = vec![
            Cell::text(format!("{}/{}", backend.name, it.name)),
            Cell::default(),
            Cell::default(),
            Cell::state(it.state.as_str(), !is_ill(&it.state)),
            rests(it.rests_ms),
        ];
        row.resize(own.len(), Cell::default());
        row
    });
    std::iter::once(own.clone()).chain(deployments).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::backends::DeploymentState;

    #[test]
    fn a_backend_that_rests_says_for_how_long_and_so_does_its_deployment() {
        let backend = BackendState {
            name: "sweden".to_owned(),
            tier: "payg".to_owned(),
            region: None,
            state: "throttled".to_owned(),
            rests_ms: Some(9_000),
            deployments: vec![DeploymentState {
                name: "chat".to_owned(),
                state: "full".to_owned(),
                rests_ms: None,
            }],
            served: 1_200,
            failed: 3,
            failures_in_a_row: 1,
            utilization: Some("97.5".to_owned()),
        };
        let section = section(&[backend]);
        let rows = &section.tables[0].rows;
        let shown: Vec<Vec<&str>> = rows
            .iter()
            .map(|row| row.iter().map(Cell::shown).collect())
            .collect();
        assert_eq!(
            shown,
            [
                [
                    "sweden",
                    "payg",
                    "",
                    "throttled",
                    "9 s",
                    "1\u{202f}200",
                    "3",
                    "1",
                    "97.5"
                ],
                ["sweden/chat", "", "", "full", "", "", "", "", ""],
            ]
        );
    }
}
