//! Limits: what a request may use is set aside before it goes out, and settled with what it did use.
//!
//! This room knows no requests: it counts amounts for subjects, within rules.

mod account;
mod accounts;
mod alarm;
mod amounts;
mod asking;
mod book;
mod calendar;
mod counter;
mod demand;
mod exceeded;
mod expected;
mod gate;
mod given_back;
mod moment;
mod queue;
mod rate_limits;
mod rule;
mod settings;
mod shared;
mod subject;
mod window;

pub use alarm::{Alarm, Thresholds};
pub use amounts::Amounts;
pub use book::Reservation;
pub use calendar::{Calendar, NoTimeZone};
pub use demand::Demand;
pub use exceeded::{Exceeded, Until};
pub use expected::{Likely, Seen};
pub use gate::{Attempt, Limits, Waiting};
pub use moment::Moment;
pub use rate_limits::{RateLimits, Resets, Standing};
pub use rule::{Measure, Meter, Period, Rule, Span};
pub use settings::{LimitSettings, Priority, Queueing, Reserves};
pub use shared::{
    Away, BadServerUrl, RenewedPassword, ServerUrl, Servers, SharedOptions, SharedState,
    WhenUnavailable, try_servers,
};
pub use subject::{Line, Names, Subject};

#[cfg(test)]
mod tests;
