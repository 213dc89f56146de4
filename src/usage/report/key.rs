//! What a report can be by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use time::{Date, Duration, OffsetDateTime};

use crate::access::is_label_name;
use crate::nearest::nearest;
use crate::usage::store::{Dimension, Sum};

/// What stands before the name of a label.
const LABEL: &str = "label:";

/// What a report is by, or what of it is chosen by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADimension {
    /// Like no word.
    #[error("write one of: client, user, key, label:NAME, {rest}", rest = By::REST.join(", "))]
    Unknown,
    /// Like a word that there is.
    #[error("did you mean `{0}`?")]
    Like(&'static str),
    /// A label with a name that no label has.
    #[error(
        "not a label's name: write label:NAME, with lower-case letters, digits and `_`, a letter first"
    )]
    Label,
}

impl FromStr for By {
    type Err = NotADimension;

    fn from_str(text: &str) -> Result<Self, NotADimension> {
        if let Some(name) = text.strip_prefix(LABEL) {
            let label = is_label_name(name).then(|| Self::Label(name.to_owned()));
            return label.ok_or(NotADimension::Label);
        }
        let named = Self::WORDS.into_iter().find(|(word, _)| *word == text);
        let named = named.map(|(_, by)| by);
        named.ok_or_else(|| match nearest(text, Self::WORDS.map(|(word, _)| word)) {
            Some(word) => NotADimension::Like(word),
            None => NotADimension::Unknown,
        })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Label(name) => return write!(f, "{LABEL}{name}"),
            Self::Day => "day",
            Self::Month => "month",
            Self::Dimension(dimension) => dimension.name(),
        })
    }
}

impl By {
    /// The words besides the first few and the labels.
    const REST: [&str; 10] = [
        "product",
        "operation",
        "deployment",
        "model",
        "backend",
        "region",
        "source",
        "service_tier",
        "day",
        "month",
    ];

    /// Every word, and what it stands for.
    const WORDS: [(&str, Self); 13] = [
        ("client", Self::Dimension(Dimension::Client)),
        ("user", Self::Dimension(Dimension::User)),
        ("key", Self::Dimension(Dimension::Key)),
        ("product", Self::Dimension(Dimension::Product)),
        ("operation", Self::Dimension(Dimension::Operation)),
        ("deployment", Self::Dimension(Dimension::Deployment)),
        ("model", Self::Dimension(Dimension::Model)),
        ("backend", Self::Dimension(Dimension::Backend)),
        ("region", Self::Dimension(Dimension::Region)),
        ("source", Self::Dimension(Dimension::Source)),
        ("service_tier", Self::Dimension(Dimension::ServiceTier)),
        ("day", Self::Day),
        ("month", Self::Month),
    ];

    /// The column that the sums must be by; none for time.
    pub const fn dimension(&self) -> Option<Dimension> {
        match self {
            Self::Dimension(dimension) => Some(*dimension),
            Self::Label(_) => Some(Dimension::Labels),
            Self::Day | Self::Month => None,
        }
    }

    /// Whether it is time.
    pub const fn is_time(&self) -> bool {
        matches!(self, Self::Day | Self::Month)
    }

    /// Its value in a sum over these columns: empty where the records have none.
    pub(super) fn value(&self, sum: &Sum, columns: &[Dimension]) -> String {
        let column = |wanted: Dimension| {
            let at = columns.iter().position(|it| *it == wanted);
            at.and_then(|at| sum.keys.get(at)).map(String::as_str)
        };
        match self {
            Self::Dimension(dimension) => column(*dimension).unwrap_or_default().to_owned(),
            Self::Label(name) => {
                let labels = column(Dimension::Labels).unwrap_or_default();
                labels_of(labels).remove(name).unwrap_or_default()
            }
            Self::Day => date_of(sum.day)
                .map(|it| it.to_string())
                .unwrap_or_default(),
            Self::Month => month_of(sum.day),
        }
    }
}

/// The labels of a JSON object.
pub fn labels_of(json: &str) -> BTreeMap<String, String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The date of a day since 1970.
pub(super) fn date_of(day: i64) -> Option<Date> {
    OffsetDateTime::UNIX_EPOCH
        .date()
        .checked_add(Duration::days(day))
}

/// `2026-01`, of a day since 1970.
pub fn month_of(day: i64) -> String {
    let date = date_of(day);
    date.map(|date| format!("{:04}-{:02}", date.year(), u8::from(date.month())))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_report_is_by_comes_back_as_it_was_written() {
        let words = By::WORDS.map(|(word, _)| word);
        for text in words.into_iter().chain(["label:cost_center"]) {
            let by: By = text.parse().expect("a dimension");
            assert_eq!(by.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_one_or_with_all() {
        for (wrong, said) in [
            ("clients", "did you mean `client`?"),
            ("tier", "write one of: client"),
            ("Model", "did you mean `model`?"),
            ("labels:team", "write one of"),
            ("moon", "did you mean `month`?"),
            ("", "label:NAME"),
            ("label:", "not a label's name"),
            ("label:Cost Center", "not a label's name"),
        ] {
            let error = wrong.parse::<By>().expect_err(wrong).to_string();
            assert!(error.contains(said), "{wrong}: {error}");
        }
        let all = NotADimension::Unknown.to_string();
        for (word, _) in By::WORDS {
            assert!(all.contains(word), "{word}: {all}");
        }
    }

    #[test]
    fn values_are_read_from_sums() {
        let sum = Sum {
            keys: vec!["app".to_owned(), r#"{"team":"search"}"#.to_owned()],
            day: 20_485,
            ..Sum::default()
        };
        let columns = [Dimension::Client, Dimension::Labels];
        let value = |by: &str| {
            let by: By = by.parse().expect("a dimension");
            by.value(&sum, &columns)
        };
        assert_eq!(value("client"), "app");
        assert_eq!(value("label:team"), "search");
        assert_eq!(value("label:other"), "");
        assert_eq!(value("user"), "");
        assert_eq!(value("day"), "2026-02-01");
        assert_eq!(value("month"), "2026-02");
    }
}
