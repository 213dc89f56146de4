//! CSV: finds the line that names the columns, and reads a plain table, or leaves a chart to
//! [`chart`](super::chart).

use super::words::{self, DEPLOYMENT, spelled};
use super::{AzureFiles, Metric, ReconcileError, chart, is_in, wrong};
use crate::usage::store::Period;

/// Lines that may come before the one that names the columns: the portal writes some ten about the chart.
const MAX_LINES_BEFORE: usize = 50;
/// Spreadsheets write `;` where the comma is for decimals.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

pub(super) fn read(
    bytes: &[u8],
    period: Period,
    files: &mut AzureFiles,
) -> Result<(), ReconcileError> {
    for delimiter in DELIMITERS {
        let mut file = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(bytes);
        let mut before = String::new();
        let mut line = csv::StringRecord::new();
        for _ in 0..MAX_LINES_BEFORE {
            if !file.read_record(&mut line)? {
                break;
            }
            if let Some(columns) = Columns::of(&line) {
                return columns.read(&mut file, period, files);
            }
            if let Some(columns) = chart::Columns::of(&line, &before)? {
                return columns.read(&mut file, period, files);
            }
            for field in &line {
                before.push_str(field);
                before.push(' ');
            }
        }
    }
    Err(ReconcileError::NoHeader)
}

/// Where what is, in a line for each deployment.
struct Columns {
    deployment: usize,
    time: Option<usize>,
    metrics: Vec<(usize, Metric)>,
}

impl Columns {
    fn of(line: &csv::StringRecord) -> Option<Self> {
        let place = |is: &dyn Fn(&str) -> bool| line.iter().position(is);
        let metrics = line.iter().enumerate();
        let metrics = metrics.filter_map(|(at, name)| Some((at, words::metric(name)?)));
        let columns = Self {
            deployment: place(&|name| DEPLOYMENT.contains(&spelled(name).as_str()))?,
            time: place(&words::is_time),
            metrics: metrics.collect(),
        };
        (!columns.metrics.is_empty()).then_some(columns)
    }

    fn read(
        &self,
        file: &mut csv::Reader<&[u8]>,
        period: Period,
        files: &mut AzureFiles,
    ) -> Result<(), ReconcileError> {
        for (_, metric) in &self.metrics {
            files.knows(*metric);
        }
        for record in file.records() {
            let record = record?;
            let line = record.position().map(csv::Position::line);
            let value = |at: usize| record.get(at).unwrap_or_default().trim();
            if let Some(at) = self.time {
                let moment = words::moment(value(at));
                let moment = moment.ok_or_else(|| wrong(line, "time", value(at)))?;
                if !is_in(period, moment) {
                    continue;
                }
            }
            for (at, metric) in &self.metrics {
                let count = words::count(value(*at));
                let count = count.ok_or_else(|| wrong(line, "count", value(*at)))?;
                files.count(*metric, value(self.deployment), count);
            }
        }
        Ok(())
    }
}
