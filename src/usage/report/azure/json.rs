//! What `az monitor metrics list --output json` writes.

use serde::Deserialize;

use super::words::{self, DEPLOYMENT, spelled};
use super::{AzureFiles, Metric, ReconcileError, is_in, wrong};
use crate::usage::store::Period;

/// An answer, or several that were put into one list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answers {
    One(Answer),
    Several(Vec<Answer>),
    /// Its `value` alone, as `--query value` gives it.
    Values(Vec<Series>),
}

#[derive(Deserialize)]
struct Answer {
    value: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    name: Name,
    timeseries: Vec<Element>,
}

#[derive(Deserialize)]
struct Name {
    value: String,
}

#[derive(Deserialize)]
struct Element {
    #[serde(default)]
    metadatavalues: Vec<Dimension>,
    #[serde(default)]
    data: Vec<Point>,
}

#[derive(Deserialize)]
struct Dimension {
    name: Name,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    time_stamp: String,
    total: Option<f64>,
    average: Option<f64>,
    count: Option<f64>,
    maximum: Option<f64>,
    minimum: Option<f64>,
}

pub(super) fn read(
    bytes: &[u8],
    period: Period,
    files: &mut AzureFiles,
) -> Result<(), ReconcileError> {
    let answers = match serde_json::from_slice(bytes) {
        Ok(answers) => answers,
        // Of several shapes none fits: what is wrong with the usual one is worth saying.
        Err(error) => match serde_json::from_slice::<Answer>(bytes) {
            Ok(answer) => Answers::One(answer),
            Err(of_usual) if bytes.trim_ascii_start().starts_with(b"{") => {
                return Err(of_usual.into());
            }
            Err(_) => return Err(error.into()),
        },
    };
    let series: Vec<Series> = match answers {
        Answers::One(answer) => answer.value,
        Answers::Several(answers) => answers.into_iter().flat_map(|it| it.value).collect(),
        Answers::Values(series) => series,
    };
    for series in series {
        if let Some(metric) = words::metric(&series.name.value) {
            add(&series, metric, period, files)?;
        }
    }
    Ok(())
}

fn add(
    series: &Series,
    metric: Metric,
    period: Period,
    files: &mut AzureFiles,
) -> Result<(), ReconcileError> {
    files.knows(metric);
    for element in &series.timeseries {
        let is_deployment =
            |it: &&Dimension| DEPLOYMENT.contains(&spelled(&it.name.value).as_str());
        let deployment = element.metadatavalues.iter().find(is_deployment);
        let deployment = deployment.ok_or(ReconcileError::NotSplit(metric.name()))?;
        for point in &element.data {
            let moment = words::moment(&point.time_stamp);
            let moment = moment.ok_or_else(|| wrong(None, "time", &point.time_stamp))?;
            if is_in(period, moment) {
                files.count(metric, &deployment.value, total(point, metric)?);
            }
        }
    }
    Ok(())
}

/// A count; what nobody has used has none.
fn total(point: &Point, metric: Metric) -> Result<i64, ReconcileError> {
    let others = [point.average, point.count, point.maximum, point.minimum];
    let Some(total) = point.total else {
        return match others.iter().all(Option::is_none) {
            true => Ok(0),
            false => Err(ReconcileError::NoTotals(metric.name())),
        };
    };
    // Written without an exponent: digits, and zeros behind a point.
    let text = format!("{total:.3}");
    words::count(&text).ok_or_else(|| wrong(None, "count", &text))
}
