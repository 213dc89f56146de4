//! What a client's requests to a deployment are likely to use, learned from what they have used.

use std::sync::Arc;

use quick_cache::sync::Cache;

/// Pairs of a client and a deployment that are remembered.
const MAX_PAIRS: usize = 20_000;
/// Tokens of an answer of which nothing is known.
const FIRST_OUTPUT: u64 = 512;
/// Tokens for 1,024 bytes of a body of which nothing is known: one for four bytes.
const FIRST_INPUT_RATE: u64 = 256;
/// More tokens than bytes are not in a body.
const MAX_INPUT_RATE: u64 = 1024;
/// A request that costs more teaches no more, in billionths of the currency.
const MAX_COST: u64 = 1_000_000_000_000;
/// A new figure counts for an eighth.
const WEIGHT: u64 = 8;
/// Figures are kept as multiples of this, so that small ones move too.
const SCALE: u64 = 16;

/// What was learned.
#[derive(Debug)]
pub(super) struct Expected(Cache<Pair, Learned>);

/// A client and a deployment.
pub(super) type Pair = (Arc<str>, Arc<str>);

#[derive(Clone, Copy, Debug)]
struct Learned {
    /// Tokens of an answer: the mean, and the mean distance from it.
    output: u64,
    spread: u64,
    /// Tokens of a prompt for 1,024 bytes.
    input_rate: u64,
    /// What a request has cost.
    cost: u64,
}

/// What a request is likely to use.
#[derive(Clone, Copy, Debug)]
pub struct Likely {
    input_rate: u64,
    /// Tokens of one answer: more than most have.
    pub output: u64,
    /// What it costs, in billionths of the currency: twice the mean.
    pub cost: u64,
}

impl Likely {
    /// Tokens of a prompt with so many bytes.
    pub fn input(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.input_rate).div_ceil(1024)
    }
}

/// What an answer had.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Bytes of the prompt.
    pub bytes: u64,
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of each answer.
    pub output_each: u64,
    /// What it cost, in billionths of the currency.
    pub cost: u64,
}

impl Default for Expected {
    fn default() -> Self {
        Self(Cache::new(MAX_PAIRS))
    }
}

impl Expected {
    /// What is likely by what was learned.
    pub(super) fn of(&self, pair: &Pair) -> Likely {
        match self.0.get(pair) {
            Some(known) => Likely {
                input_rate: known.input_rate / SCALE,
                output: (known.output + 2 * known.spread).div_ceil(SCALE),
                cost: 2 * known.cost / SCALE,
            },
            None => Likely {
                input_rate: FIRST_INPUT_RATE,
                output: FIRST_OUTPUT,
                cost: 0,
            },
        }
    }

    /// Learns from an answer.
    pub(super) fn learn(&self, pair: Pair, seen: Seen) {
        let rate = seen.input.saturating_mul(1024).checked_div(seen.bytes);
        let rate = rate.unwrap_or(FIRST_INPUT_RATE).min(MAX_INPUT_RATE) * SCALE;
        let output = seen.output_each.min(u64::from(u32::MAX)) * SCALE;
        let cost = seen.cost.min(MAX_COST) * SCALE;
        let learned = match self.0.get(&pair) {
            None => Learned {
                output,
                spread: output / 4,
                input_rate: rate,
                cost,
            },
            Some(known) => Learned {
                output: towards(known.output, output),
                spread: towards(known.spread, output.abs_diff(known.output)),
                input_rate: towards(known.input_rate, rate),
                cost: towards(known.cost, cost),
            },
        };
        self.0.insert(pair, learned);
    }
}

const fn towards(known: u64, new: u64) -> u64 {
    match new >= known {
        true => known + (new - known) / WEIGHT,
        false => known - (known - new) / WEIGHT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: u64, input: u64, output_each: u64) -> Seen {
        Seen {
            bytes,
            input,
            output_each,
            cost: output_each.saturating_mul(2),
        }
    }

    fn pair() -> Pair {
        ("app".into(), "gpt-4o".into())
    }

    #[test]
    fn what_is_not_known_is_guessed() {
        let expected = Expected::default();
        assert_eq!(expected.of(&pair()).output, 512);
        assert_eq!(expected.of(&pair()).input(1_000), 250);
    }

    #[test]
    fn answers_like_the_last_ones_are_expected() {
        let expected = Expected::default();
        for _ in 0..100 {
            expected.learn(pair(), seen(2_000, 400, 60));
        }
        assert!((60..=62).contains(&expected.of(&pair()).output));
        assert_eq!(expected.of(&pair()).input(1_000), 200);
        assert_eq!(expected.of(&pair()).cost, 2 * 120, "twice what they cost");
        // Answers of other lengths, and it is more cautious.
        for at in 0..100 {
            expected.learn(pair(), seen(2_000, 400, if at % 2 == 0 { 20 } else { 100 }));
        }
        assert!((100..=180).contains(&expected.of(&pair()).output));
        let other = ("other".into(), "gpt-4o".into());
        assert_eq!(expected.of(&other).output, 512, "each client's own");
    }

    #[test]
    fn hostile_figures_stay_in_bounds() {
        let expected = Expected::default();
        expected.learn(pair(), seen(0, u64::MAX, u64::MAX));
        expected.learn(pair(), seen(1, u64::MAX, u64::MAX));
        assert!(expected.of(&pair()).output <= u64::from(u32::MAX) * 2);
        assert_eq!(
            expected.of(&pair()).input(u64::MAX),
            u64::MAX.div_ceil(1024)
        );
    }
}
