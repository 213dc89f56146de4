//! Reasoning that nobody saw: a model that reasons says nothing until it has, and an answer that breaks off
//! does not say how much it was. It is estimated from the time before the first text, at the rate that
//! the deployment's reported answers had.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

/// Deployments whose rate is remembered.
const MAX_DEPLOYMENTS: usize = 1000;
/// Of how much reasoning a rate is made: what is older counts for half, again and again.
const MEMORY: Duration = Duration::from_secs(600);
/// What a model is taken to reason that has not been measured yet, in tokens a second. Azure's targets
/// for its reasoning models are 50 to 100
/// (<https://learn.microsoft.com/azure/foundry/openai/concepts/priority-processing>).
const UNMEASURED: Rate = Rate {
    tokens: 100,
    time: Duration::from_secs(1),
};
/// Models that reason, by what is in their names; o1, o3 and o4 by a word of it.
const REASONING: [&str; 3] = ["gpt-5", "gpt-oss", "deepseek-r1"];
const REASONING_WORDS: [&str; 3] = ["o1", "o3", "o4"];
/// Models that do not, by what is in their names.
const NOT_REASONING: [&str; 9] = [
    "gpt-5-chat",
    "gpt-4",
    "gpt-35",
    "gpt-3.5",
    "davinci",
    "babbage",
    "llama",
    "mistral",
    "embedding",
];

/// Tokens in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    tokens: u64,
    time: Duration,
}

impl Rate {
    /// The tokens of a time.
    pub fn over(self, time: Duration) -> u64 {
        let product = u128::from(self.tokens).saturating_mul(time.as_micros());
        let tokens = product.checked_div(self.time.as_micros()).unwrap_or(0);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    fn and(self, later: Self) -> Self {
        let sum = Self {
            tokens: self.tokens.saturating_add(later.tokens),
            time: self.time.saturating_add(later.time),
        };
        match sum.time > MEMORY {
            true => Self {
                tokens: sum.tokens / 2,
                time: sum.time / 2,
            },
            false => sum,
        }
    }
}

/// A streamed answer whose usage was reported.
#[derive(Clone, Copy, Debug)]
pub struct Thought {
    /// Tokens that each choice reasoned with.
    pub tokens: u64,
    /// From the request's arrival to the first text.
    pub time: Duration,
    /// The request said itself how much is to be reasoned.
    pub effort_was_asked_for: bool,
}

/// The rates of the deployments, as they are measured.
#[derive(Debug)]
pub struct ReasoningRates(Cache<Arc<str>, Rate>);

impl Default for ReasoningRates {
    fn default() -> Self {
        Self(Cache::new(MAX_DEPLOYMENTS))
    }
}

impl ReasoningRates {
    /// Learns from an answer.
    pub fn note(&self, deployment: &Arc<str>, thought: Thought) {
        let known = self.0.get(deployment);
        let rate = match (known, thought.tokens) {
            // Of a model that reasons sometimes only the reasoning counts, and whoever asks for none
            // does not speak for others.
            (Some(_), 0) => return,
            (None, 0) if thought.effort_was_asked_for => return,
            (None, 0) => Rate::default(),
            (known, tokens) => {
                let time = thought.time;
                known.unwrap_or_default().and(Rate { tokens, time })
            }
        };
        self.0.insert(Arc::clone(deployment), rate);
    }

    /// The rate of a deployment. What has not been measured is judged by the name of its model, and reasons
    /// unless it is known not to.
    pub fn of(&self, deployment: &str, model: Option<&str>) -> Rate {
        let name = model.unwrap_or(deployment);
        let is_in = |names: &[&str]| names.iter().any(|part| name.contains(part));
        let mut words = name.split(['-', '_', '.']);
        match self.0.get(deployment) {
            Some(rate) if rate.tokens > 0 => rate,
            _ if is_in(&NOT_REASONING) => Rate::default(),
            _ if is_in(&REASONING) || words.any(|it| REASONING_WORDS.contains(&it)) => UNMEASURED,
            Some(none) => none,
            None => UNMEASURED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thought(tokens: u64, ms: u64) -> Thought {
        Thought {
            tokens,
            time: Duration::from_millis(ms),
            effort_was_asked_for: false,
        }
    }

    fn in_a_second(rates: &ReasoningRates, deployment: &str, model: Option<&str>) -> u64 {
        rates.of(deployment, model).over(Duration::from_secs(1))
    }

    #[test]
    fn a_rate_is_what_reported_answers_had() {
        let (rates, name) = (ReasoningRates::default(), Arc::from("thinker"));
        rates.note(&name, thought(600, 10_000));
        rates.note(&name, thought(300, 5000));
        assert_eq!(in_a_second(&rates, "thinker", Some("o3")), 60);
        assert_eq!(in_a_second(&rates, "other", Some("o3")), 100);
        rates.note(&name, thought(0, 60_000));
        assert_eq!(
            in_a_second(&rates, "thinker", Some("o3")),
            60,
            "not diluted"
        );
        assert_eq!(rates.of("thinker", None).over(Duration::MAX), u64::MAX);
    }

    #[test]
    fn what_was_measured_lately_counts_for_more() {
        let (rates, name) = (ReasoningRates::default(), Arc::from("thinker"));
        for _ in 0..100 {
            rates.note(&name, thought(2000, 100_000));
        }
        assert_eq!(in_a_second(&rates, "thinker", None), 20);
        for _ in 0..100 {
            rates.note(&name, thought(8000, 100_000));
        }
        assert_eq!(in_a_second(&rates, "thinker", None), 80);
    }

    #[test]
    fn what_was_not_measured_is_judged_by_its_name() {
        let rates = ReasoningRates::default();
        for (deployment, model, expected) in [
            ("chat", Some("gpt-4o-2024-08-06"), 0),
            ("chat", Some("gpt-5-chat-latest"), 0),
            ("chat", Some("gpt-5-mini-2025-08-07"), 100),
            ("o4-mini", None, 100),
            ("gpt-4.1", None, 0),
            ("a-name-of-ours", None, 100),
        ] {
            assert_eq!(
                in_a_second(&rates, deployment, model),
                expected,
                "{deployment}"
            );
        }
    }

    #[test]
    fn a_model_of_another_name_is_seen_not_to_reason() {
        let (rates, name) = (ReasoningRates::default(), Arc::from("ours"));
        let asked = Thought {
            effort_was_asked_for: true,
            ..thought(0, 500)
        };
        rates.note(&name, asked);
        assert_eq!(
            in_a_second(&rates, "ours", None),
            100,
            "nobody turns it off"
        );
        rates.note(&name, thought(0, 500));
        assert_eq!(in_a_second(&rates, "ours", None), 0);
        assert_eq!(in_a_second(&rates, "ours", Some("o3")), 100);
        rates.note(&name, thought(50, 1000));
        assert_eq!(in_a_second(&rates, "ours", None), 50);
    }

    #[test]
    fn a_bounded_number_of_deployments_is_remembered() {
        let rates = ReasoningRates::default();
        for number in 0..10 * MAX_DEPLOYMENTS {
            rates.note(&format!("d{number}").into(), thought(10, 1000));
        }
        assert!(rates.0.len() <= MAX_DEPLOYMENTS);
    }
}
