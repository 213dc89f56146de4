//! What can be asked of the limits of the running service: plain types.

use std::sync::Arc;

use crate::access::{ClientId, Operation};
use crate::limits::{Amounts, Away, Exceeded, Standing, Subject};

/// What the running service knows of limits.
pub trait LimitBook: Send + Sync {
    /// What is used of all limits, or of those that a client's requests must pass and of its users'; `None`
    /// where there is no such client.
    fn list(&self, client: Option<&ClientId>, max_users: usize) -> Option<ListedLimits>;

    /// What a request would set aside, and which limit would refuse it; `None` where there is no such client.
    fn foresee(&self, intent: &Intent) -> Option<Foreseen>;
}

/// Whose limits, and what is used of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectStandings {
    /// Whose.
    pub subject: Subject,
    /// Its limits.
    pub standings: Vec<Standing>,
}

/// What is used of limits.
#[derive(Clone, Debug, Default)]
pub struct ListedLimits {
    /// Those of all first, those of users last.
    pub subjects: Vec<SubjectStandings>,
    /// Users that were left out.
    pub users_left_out: usize,
    /// The currency of costs, where there is one.
    pub currency: Option<Arc<str>>,
    /// The time zone of quotas.
    pub time_zone: String,
    /// The servers that replicas count together in, while they do not answer.
    pub away: Option<Away>,
}

/// A request, by what its limits depend on.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Who asks.
    pub client: Arc<str>,
    /// What grants it.
    pub product: Option<Arc<str>>,
    /// What it is for.
    pub deployment: Option<Arc<str>>,
    /// For whom the client asks.
    pub user: Option<Arc<str>>,
    /// What it asks for.
    pub operation: Operation,
    /// `None`: it has no body, or it is not known.
    pub body: Option<IntendedBody>,
}

/// A body, by what decides how much is set aside.
#[derive(Clone, Debug, Default)]
pub struct IntendedBody {
    /// The part of it that is text.
    pub text_bytes: u64,
    /// Answers that are asked for.
    pub choices: u64,
    /// Tokens that all answers may have, where somebody has said so.
    pub output_at_most: Option<u64>,
    /// The service tier that is asked for.
    pub service_tier: Option<String>,
}

/// What would become of a request.
#[derive(Clone, Debug, Default)]
pub struct Foreseen {
    /// What it would set aside.
    pub amounts: Amounts,
    /// The limits that it must pass, as far as its client may use them.
    pub limits: Vec<SubjectStandings>,
    /// The limit that would refuse it.
    pub exceeded: Option<Box<Exceeded>>,
    /// The servers that replicas count together in, while they do not answer.
    pub away: Option<Away>,
}
