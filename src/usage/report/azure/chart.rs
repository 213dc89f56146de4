//! A chart of the portal, downloaded and saved as CSV: a column for the time, and one for each deployment. Which
//! metric a column is it says itself where the chart has several, or else a line before, the chart's title.

use super::words;
use super::{AzureFiles, Metric, ReconcileError, is_in, wrong};
use crate::usage::store::Period;

/// Where what is.
pub(super) struct Columns {
    time: usize,
    series: Vec<Series>,
}

struct Series {
    column: usize,
    metric: Metric,
    deployment: String,
}

impl Columns {
    /// The columns that a line names, if it does; `before` is what the lines before it say.
    pub(super) fn of(
        line: &csv::StringRecord,
        before: &str,
    ) -> Result<Option<Self>, ReconcileError> {
        let Some(time) = line.iter().position(words::is_time) else {
            return Ok(None);
        };
        let titled = words::metric_within(before).map(|(metric, _)| metric);
        let others = line.iter().enumerate().filter(|(at, _)| *at != time);
        let mut series = Vec::new();
        for (column, name) in others.filter(|(_, name)| !name.trim().is_empty()) {
            let (metric, rest) = match (words::metric_within(name), titled) {
                (Some((metric, rest)), _) => (metric, rest),
                (None, Some(metric)) => (metric, name.to_owned()),
                (None, None) => return Err(ReconcileError::NoMetric(name.to_owned())),
            };
            let deployment = words::deployment(&rest).to_owned();
            if deployment.is_empty() {
                return Err(ReconcileError::NotSplit(metric.name()));
            }
            series.push(Series {
                column,
                metric,
                deployment,
            });
        }
        Ok((!series.is_empty()).then_some(Self { time, series }))
    }

    pub(super) fn read(
        &self,
        file: &mut csv::Reader<&[u8]>,
        period: Period,
        files: &mut AzureFiles,
    ) -> Result<(), ReconcileError> {
        for series in &self.series {
            files.knows(series.metric);
        }
        for record in file.records() {
            let record = record?;
            let line = record.position().map(csv::Position::line);
            let value = |at: usize| record.get(at).unwrap_or_default().trim();
            // Spreadsheets leave empty lines at the end.
            if record.iter().all(|field| field.trim().is_empty()) {
                continue;
            }
            let moment = words::moment(value(self.time));
            let moment = moment.ok_or_else(|| wrong(line, "time", value(self.time)))?;
            if !is_in(period, moment) {
                continue;
            }
            for series in &self.series {
                let count = words::count(value(series.column));
                let count = count.ok_or_else(|| wrong(line, "count", value(series.column)))?;
                files.count(series.metric, &series.deployment, count);
            }
        }
        Ok(())
    }
}
