//! A limit as a rule: how much of what, in which span.

use std::fmt;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Requests that go to a backend.
    Requests,
    /// Tokens of prompts.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Both.
    TotalTokens,
    /// Cost, in billionths of the currency of the prices.
    Cost,
    /// Requests that are under way.
    ConcurrentRequests,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Requests,
        Self::InputTokens,
        Self::OutputTokens,
        Self::TotalTokens,
        Self::Cost,
        Self::ConcurrentRequests,
    ];

    /// Its name in metrics, events and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::TotalTokens => "tokens",
            Self::Cost => "cost",
            Self::ConcurrentRequests => "concurrent_requests",
        }
    }

    /// As in a sentence for a person.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::TotalTokens => "tokens",
            Self::Cost => "cost",
            Self::ConcurrentRequests => "concurrent requests",
        }
    }

    /// Whether it counts tokens.
    pub const fn is_tokens(self) -> bool {
        matches!(
            self,
            Self::InputTokens | Self::OutputTokens | Self::TotalTokens
        )
    }
}

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// In what a limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Span {
    /// At any moment.
    AtOnce,
    /// In any second.
    Second,
    /// In any minute.
    Minute,
    /// In a period of the calendar: a quota.
    Period(Period),
}

impl Span {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AtOnce,
        Self::Second,
        Self::Minute,
        Self::Period(Period::Hour),
        Self::Period(Period::Day),
        Self::Period(Period::Week),
        Self::Period(Period::Month),
        Self::Period(Period::Year),
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Period(period) => period.as_str(),
        }
    }

    /// How long a span is that moves with the clock.
    pub(super) const fn window_ms(self) -> Option<u64> {
        match self {
            Self::Second => Some(1_000),
            Self::Minute => Some(60_000),
            Self::AtOnce | Self::Period(_) => None,
        }
    }
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Meter {
    /// What.
    pub measure: Measure,
    /// In which span.
    pub span: Span,
}

impl Meter {
    /// With the currency, where it is money: `cost per month, EUR`.
    pub fn with_currency(self, currency: &str) -> String {
        match self.measure {
            Measure::Cost => format!("{self}, {currency}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Meter {
    /// `tokens per minute`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measure = self.measure.words();
        match self.span {
            Span::AtOnce => f.write_str(measure),
            span => write!(f, "{measure} per {}", span.as_str()),
        }
    }
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is limited.
    pub meter: Meter,
    /// To how much.
    pub most: u64,
}

impl Rule {
    /// The most for those who may use so many percent of it.
    pub fn most_of(&self, percent: u8) -> u64 {
        let part = u128::from(self.most) * u128::from(percent.min(100)) / 100;
        u64::try_from(part).unwrap_or(self.most)
    }
}
