//! How much a request may use, or has used.

use super::rule::Measure;

/// What one request adds to the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Requests: one, or none where it never went out.
    pub requests: u64,
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Cost, in billionths of the currency of the prices.
    pub cost: u64,
}

impl Amounts {
    /// How much of one measure.
    pub fn of(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Requests => self.requests,
            Measure::InputTokens => self.input,
            Measure::OutputTokens => self.output,
            Measure::TotalTokens => self.input.saturating_add(self.output),
            Measure::Cost => self.cost,
            Measure::ConcurrentRequests => 1,
        }
    }
}
