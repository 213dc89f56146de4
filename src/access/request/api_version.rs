//! The shapes of the API and its dated versions.

/// Which of Azure's two API shapes the path has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiShape {
    /// `/openai/…?api-version=YYYY-MM-DD`
    Dated,
    /// `/openai/v1/…`
    V1,
}

/// A dated version of the API, such as `2024-10-21` or `2025-03-01-preview`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(String);

impl ApiVersion {
    /// Takes a date, a date with `-preview`, or one of the names that Azure gives.
    pub fn parse(value: &str) -> Option<Self> {
        let date = value.strip_suffix("-preview").unwrap_or(value);
        let shaped = date.len() == 10
            && date.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let named = matches!(value, "preview" | "latest" | "v1");
        (shaped || named).then(|| Self(value.to_owned()))
    }

    /// The version, as the query writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this version is at least as new as a date `YYYY-MM-DD`; named versions are.
    pub fn is_at_least(&self, date: &str) -> bool {
        self.0.as_str() >= date
    }
}
