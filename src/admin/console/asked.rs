//! What of usage the page is asked to show: its query, within bounds.

use serde::Serialize;
use time::format_description::well_known::Iso8601;
use time::{Date, Duration, OffsetDateTime};

use crate::nearest::nearest;
use crate::percent;
use crate::usage::{By, Choice, Dimension, Period, Question};

/// Longest query that is read.
const MAX_QUERY_BYTES: usize = 2_048;
/// Most days of a report: enough for a quarter.
pub(super) const MAX_DAYS: i64 = 93;
/// Days that are shown where nobody says which.
const DEFAULT_DAYS: i64 = 7;

/// What usage can be shown by, besides labels.
const WORDS: [&str; 9] = [
    "client",
    "user",
    "key",
    "product",
    "model",
    "deployment",
    "operation",
    "backend",
    "region",
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    by: By,
    client: Option<String>,
    first: Date,
    last: Date,
}

/// The form as it is filled in.
#[derive(Serialize)]
pub(super) struct Form {
    by: String,
    words: Vec<String>,
    client: String,
    first: String,
    last: String,
}

impl Asked {
    /// Reads a query; `today` in UTC.
    ///
    /// # Errors
    /// What is wrong with it, for whoever has written it.
    pub(super) fn read(query: Option<&str>, today: Date) -> Result<Self, String> {
        let query = query.unwrap_or_default();
        if query.len() > MAX_QUERY_BYTES {
            return Err(format!("the query is longer than {MAX_QUERY_BYTES} bytes"));
        }
        let mut asked = Self {
            by: By::Dimension(Dimension::Client),
            client: None,
            first: today.saturating_sub(Duration::days(DEFAULT_DAYS - 1)),
            last: today,
        };
        for (name, value) in pairs(query)? {
            match (name.as_str(), value.as_str()) {
                (_, "") => {}
                ("by", word) => asked.by = by(word)?,
                ("client", _) => asked.client = Some(value),
                ("from", text) => asked.first = date(text)?,
                ("to", text) => asked.last = date(text)?,
                _ => return Err(format!("there is no `{name}`: by, client, from, to")),
            }
        }
        let days = (asked.last - asked.first).whole_days() + 1;
        match days {
            ..1 => Err("the first day is after the last".to_owned()),
            1..=MAX_DAYS => Ok(asked),
            _ => Err(format!(
                "a report has at most {MAX_DAYS} days: {days} are asked for"
            )),
        }
    }

    /// Usage over time.
    pub(super) fn over_time(&self) -> Question {
        Question::new(vec![By::Day], self.choices())
    }

    /// Usage by what is asked for.
    pub(super) fn by(&self) -> Question {
        Question::new(vec![self.by.clone()], self.choices())
    }

    /// Whether rows are as many as there are end users.
    pub(super) const fn is_by_user(&self) -> bool {
        matches!(self.by, By::Dimension(Dimension::User))
    }

    fn choices(&self) -> Option<Choice> {
        let value = self.client.clone()?;
        let what = By::Dimension(Dimension::Client);
        Some(Choice { what, value })
    }

    /// The days, with the first and the last.
    pub(super) fn period(&self) -> Period {
        let midnight = |date: Date| date.midnight().assume_utc().into();
        Period {
            from: Some(midnight(self.first)),
            to: self.last.next_day().map(midnight),
        }
    }

    /// The form with what is asked for; `labels` are the names that clients have.
    pub(super) fn form(&self, labels: impl IntoIterator<Item = String>) -> Form {
        let labels = labels.into_iter().map(|name| format!("label:{name}"));
        let mut words: Vec<_> = WORDS.map(str::to_owned).into_iter().chain(labels).collect();
        let by = self.by.to_string();
        if !words.contains(&by) {
            words.push(by.clone());
        }
        Form {
            by,
            words,
            client: self.client.clone().unwrap_or_default(),
            first: self.first.to_string(),
            last: self.last.to_string(),
        }
    }
}

/// The day that it is now, in UTC.
pub(super) fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

fn by(word: &str) -> Result<By, String> {
    if word.starts_with("label:") || WORDS.contains(&word) {
        return word.parse().map_err(|error| format!("by: {error}"));
    }
    Err(match nearest(word, WORDS) {
        Some(meant) => format!("by: did you mean `{meant}`?"),
        None => format!("by: write one of: {}, label:NAME", WORDS.join(", ")),
    })
}

fn date(text: &str) -> Result<Date, String> {
    let date = Date::parse(text, &Iso8601::DATE);
    date.map_err(|_| "a day is written such as 2026-01-31".to_owned())
}

/// The members of a form (<https://url.spec.whatwg.org/#urlencoded-parsing>), without what is not text.
fn pairs(query: &str) -> Result<Vec<(String, String)>, String> {
    let text = |encoded: &str| {
        let spaced = encoded.replace('+', " ");
        let bytes = percent::decode(&spaced).map(|it| it.into_owned());
        bytes.and_then(|it| String::from_utf8(it).ok())
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        text(name).zip(text(value))
    };
    let pairs = query.split('&').filter(|it| !it.is_empty());
    pairs
        .map(|it| pair(it).ok_or_else(|| "the query is not valid".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use time::Month;

    use super::*;

    fn today() -> Date {
        Date::from_calendar_date(2026, Month::November, 28).expect("a date")
    }

    #[test]
    fn without_a_query_it_is_the_last_week_by_client() {
        let asked = Asked::read(None, today()).expect("good");
        let form = asked.form(["team".to_owned()]);
        assert_eq!(
            (form.first.as_str(), form.last.as_str()),
            ("2026-11-22", "2026-11-28")
        );
        assert_eq!(form.by, "client");
        assert!(form.words.contains(&"label:team".to_owned()));
        assert_eq!(
            asked,
            Asked::read(Some("by=&client=&from="), today()).expect("good")
        );
    }

    #[test]
    fn a_query_is_decoded_as_a_form_is() {
        let query = "by=label%3Ateam&client=a+b%26&from=2026-01-01&to=2026-01-31";
        let asked = Asked::read(Some(query), today()).expect("good");
        assert_eq!(asked.by, By::Label("team".to_owned()));
        assert_eq!(asked.client.as_deref(), Some("a b&"));
        let period = asked.period();
        let days = period.to.zip(period.from).expect("both");
        let days = days.0.duration_since(days.1).expect("in order");
        assert_eq!(days.as_secs(), 31 * 86_400, "the last day is in it");
        assert_eq!(asked.over_time().wanted().count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "[ -~]{0,200}", rest in ".{0,50}") {
            for query in [query.clone(), format!("client={rest}&by={query}")] {
                if let Ok(asked) = Asked::read(Some(&query), today()) {
                    let period = asked.period();
                    assert!(period.from < period.to, "{query}");
                }
            }
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_reason() {
        let long = format!("client={}", "x".repeat(MAX_QUERY_BYTES));
        for (query, said) in [
            ("by=xyz", "by: write one of: client, user"),
            ("by=label:", "by: not a label's name"),
            ("by=modle", "did you mean `model`?"),
            ("by=day", "by: "),
            ("by=month", "by: "),
            ("from=soon", "a day is written"),
            ("from=2026-01-01", "at most 93 days: 332 are asked for"),
            ("from=2026-11-29", "the first day is after the last"),
            ("from=0001-01-01&to=9999-12-31", "at most 93 days"),
            ("client=%zz", "the query is not valid"),
            ("client=%ff", "the query is not valid"),
            ("days=3", "there is no `days`"),
            (long.as_str(), "longer than 2048 bytes"),
        ] {
            let error = Asked::read(Some(query), today()).expect_err(query);
            assert!(error.contains(said), "{query}: {error}");
        }
    }
}
