//! How fast deployments reason, learnt from answers that said it, for those that did not come to it.

use std::time::Duration;

use super::outgoing::{Answered, Outgoing};
use crate::access::{Endpoint, Operation};
use crate::usage::{ReasoningRates, Thinking, Thought, TokenCounts};

/// One answer, when it has ended.
pub(super) struct Answer<'a> {
    pub(super) outgoing: &'a Outgoing,
    pub(super) answered: Option<Answered>,
    /// The model, where the answer named one.
    pub(super) model: Option<&'a str>,
    /// From the request's arrival to the first text.
    pub(super) until_text: Option<Duration>,
}

impl Answer<'_> {
    /// Whether a model may have reasoned before it said anything: it has begun to answer.
    fn may_have_thought(&self) -> bool {
        let is_text = matches!(
            self.outgoing.admitted.decision.target.endpoint,
            Endpoint::Create {
                operation: Operation::ChatCompletions | Operation::Responses,
                ..
            }
        );
        let is_good = |it: Answered| (200..300).contains(&it.status);
        is_text && self.answered.is_some_and(is_good)
    }

    /// Learns from what the service reported.
    pub(super) fn teach(&self, rates: &ReasoningRates, counts: &TokenCounts) {
        if let (true, Some(time), Some(deployment)) = (
            self.may_have_thought() && self.outgoing.stream,
            self.until_text,
            &self.outgoing.deployment,
        ) {
            let thought = Thought {
                tokens: counts.reasoning / self.outgoing.choices.max(1),
                time,
                effort_was_asked_for: counts.reasoning == 0
                    && self.outgoing.prompt.may_say_effort(),
            };
            rates.note(&deployment.to_shared(), thought);
        }
    }

    /// What was not seen of an answer that said no usage.
    pub(super) fn thinking(&self, rates: &ReasoningRates) -> Option<Thinking> {
        let deployment = self.outgoing.deployment.as_ref()?;
        let stream = self.outgoing.stream;
        let until_text = self.until_text.filter(|_| stream);
        let options = &self.outgoing.admitted.decision.caller.client.options;
        self.may_have_thought().then(|| Thinking {
            rate: rates.of(deployment.as_str(), self.model),
            time: until_text.unwrap_or_else(|| self.outgoing.admitted.at.elapsed()),
            includes_text: !stream,
            choices: self.outgoing.choices.max(1),
            limit: options.max_output_tokens,
        })
    }
}
