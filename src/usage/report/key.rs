//! What a report can be by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use time::{Date, Duration, OffsetDateTime};

use crate::access::is_label_name;
use crate::usage::store::{Dimension, Sum};

/// What a report is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A column of the sums.
    Dimension(Dimension),
    /// A label of the client's, by its name.
    Label(String),
    /// The day, in UTC.
    Day,
    /// The calendar month, in UTC.
    Month,
}

/// A text that names nothing that a report can be by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "client, user, label:NAME, product, operation, deployment, model, backend, region, source, service_tier, day or month"
)]
pub struct NotADimension;

impl FromStr for By {
    type Err = NotADimension;

    fn from_str(text: &str) -> Result<Self, NotADimension> {
        if let Some(name) = text.strip_prefix("label:") {
            let label = is_label_name(name).then(|| Self::Label(name.to_owned()));
            return label.ok_or(NotADimension);
        }
        Ok(Self::Dimension(match text {
            "client" => Dimension::Client,
            "user" => Dimension::User,
            "product" => Dimension::Product,
            "operation" => Dimension::Operation,
            "deployment" => Dimension::Deployment,
            "model" => Dimension::Model,
            "backend" => Dimension::Backend,
            "region" => Dimension::Region,
            "source" => Dimension::Source,
            "service_tier" => Dimension::ServiceTier,
            "day" => return Ok(Self::Day),
            "month" => return Ok(Self::Month),
            _ => return Err(NotADimension),
        }))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Label(name) => return write!(f, "label:{name}"),
            Self::Day => "day",
            Self::Month => "month",
            Self::Dimension(dimension) => dimension.name(),
        })
    }
}

impl By {
    /// The columns that the sums must be by.
    pub fn dimensions(&self) -> Vec<Dimension> {
        match self {
            Self::Dimension(dimension) => vec![*dimension],
            Self::Label(_) => vec![Dimension::Labels],
            Self::Day | Self::Month => Vec::new(),
        }
    }

    /// Whether the sums must be by day.
    pub const fn needs_days(&self) -> bool {
        matches!(self, Self::Day | Self::Month)
    }

    /// The key of a sum: empty where its records have none.
    pub fn key(&self, sum: &Sum) -> String {
        match self {
            Self::Dimension(_) => sum.keys.first().cloned().unwrap_or_default(),
            Self::Label(name) => {
                let labels = sum.keys.first().map(String::as_str).unwrap_or_default();
                let labels = serde_json::from_str::<BTreeMap<String, String>>(labels);
                labels.unwrap_or_default().remove(name).unwrap_or_default()
            }
            Self::Day => date_of(sum.day)
                .map(|it| it.to_string())
                .unwrap_or_default(),
            Self::Month => month_of(sum.day),
        }
    }
}

/// The date of a day since 1970.
pub(super) fn date_of(day: i64) -> Option<Date> {
    OffsetDateTime::UNIX_EPOCH
        .date()
        .checked_add(Duration::days(day))
}

/// `2026-01`
pub(super) fn month_of(day: i64) -> String {
    let date = date_of(day);
    date.map(|date| format!("{:04}-{:02}", date.year(), u8::from(date.month())))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_report_is_by_comes_back_as_it_was_written() {
        for text in [
            "client",
            "user",
            "label:cost_center",
            "model",
            "region",
            "service_tier",
            "day",
            "month",
        ] {
            let by: By = text.parse().expect("a dimension");
            assert_eq!(by.to_string(), text);
        }
        for wrong in ["", "clients", "label:", "label:Cost Center", "label"] {
            assert_eq!(wrong.parse::<By>(), Err(NotADimension), "{wrong}");
        }
    }

    #[test]
    fn keys_are_read_from_sums() {
        let sum = Sum {
            keys: vec![r#"{"team":"search"}"#.to_owned()],
            day: 20_485,
            ..Sum::default()
        };
        let key = |by: &str| by.parse::<By>().expect("a dimension").key(&sum);
        assert_eq!(key("label:team"), "search");
        assert_eq!(key("label:other"), "");
        assert_eq!(key("day"), "2026-02-01");
        assert_eq!(key("month"), "2026-02");
    }
}
