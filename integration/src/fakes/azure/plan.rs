//! A stream before it is sent: which event, when, and what it costs. A plan is pure data; playing it
//! puts each event's tokens on the bill at the moment when the event is generated.

use super::ledger::{Bill, Outcome, Tokens};
use super::script::{Fault, LineEnding, Script};
use super::wire::{Event, Wire};
use crate::fakes::body::Step;
use std::collections::VecDeque;
use std::time::Duration;

/// Longer than anybody waits.
const STALL: Duration = Duration::from_secs(3600);

/// One event, and the tokens that were generated for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What is sent.
    pub event: Event,
    /// What it costs.
    pub tokens: Tokens,
}

impl Beat {
    /// An event that costs nothing.
    pub fn free(event: Event) -> Self {
        Self {
            event,
            tokens: Tokens::default(),
        }
    }

    /// An event that shows so many generated tokens.
    pub fn generated(event: Event, completion: u64) -> Self {
        let tokens = Tokens {
            completion,
            ..Tokens::default()
        };
        Self { event, tokens }
    }
}

/// A whole stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The events in their order.
    pub beats: Vec<Beat>,
    /// Whether the connection breaks at the end.
    pub abort: bool,
}

/// How fast a plan is played.
#[derive(Debug, Clone, Copy)]
struct Pace {
    per_event: Duration,
    per_token: Duration,
}

impl Pace {
    fn of(self, beat: &Beat) -> Duration {
        let tokens = u32::try_from(beat.tokens.completion).unwrap_or(u32::MAX);
        self.per_event + self.per_token.saturating_mul(tokens)
    }
}

/// Plays a plan: the steps of a response's body.
#[derive(Debug)]
pub struct Player {
    beats: VecDeque<Beat>,
    /// Waits for its pause to end.
    next: Option<Beat>,
    ready: VecDeque<Step>,
    pace: Pace,
    coalesce: bool,
    line_ending: LineEnding,
    wire: Wire,
    abort: bool,
    trailer: bool,
    stall: bool,
    ended: bool,
    bill: Bill,
}

impl Player {
    /// Plays `plan` as `script` says, and puts it on `bill`.
    pub fn new(plan: Plan, script: &Script, bill: Bill) -> Self {
        let stall = script.fault == Some(Fault::StallBeforeUsage);
        let mut beats = VecDeque::from(plan.beats);
        beats.retain(|beat| !(stall && beat.event.ends_the_stream()));
        Self {
            beats,
            next: None,
            ready: VecDeque::new(),
            pace: Pace {
                per_event: script.event_delay,
                per_token: script.token_delay,
            },
            coalesce: script.coalesce,
            line_ending: script.line_ending,
            wire: Wire::new(script, script.gzip),
            abort: plan.abort,
            trailer: script.trailer,
            stall,
            ended: false,
            bill,
        }
    }

    fn generate(&mut self, beat: &Beat) -> String {
        self.bill.add(beat.tokens);
        beat.event.render(self.line_ending)
    }

    /// The steps of the next beat: first its pause, then its bytes.
    fn advance(&mut self) {
        if self.coalesce {
            let beats = std::mem::take(&mut self.beats);
            let text: String = beats.iter().map(|beat| self.generate(beat)).collect();
            self.ready.extend(self.wire.send(&text));
        } else if let Some(beat) = self.next.take() {
            let text = self.generate(&beat);
            self.ready.extend(self.wire.send(&text));
        } else if let Some(beat) = self.beats.pop_front() {
            let pause = self.pace.of(&beat);
            self.next = Some(beat);
            if !pause.is_zero() {
                self.ready.push_back(Step::Wait(pause));
                return;
            }
            return self.advance();
        }
        if self.beats.is_empty() && self.next.is_none() {
            self.end();
        }
    }

    /// Settles when the last bytes are handed over: who has read to the end finds the ledger settled.
    fn end(&mut self) {
        self.ended = true;
        if self.stall {
            self.ready.push_back(Step::Wait(STALL));
        } else if self.abort {
            self.bill.settle(Outcome::Cut);
            self.ready.extend(Step::LINGERING_ABORT);
        } else {
            self.ready.extend(self.wire.finish());
            self.ready.extend(self.trailer.then_some(Step::Trailer));
            self.bill.settle(Outcome::Finished);
        }
    }
}

impl Iterator for Player {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.ready.is_empty() && !self.ended {
            self.advance();
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Ledger;
    use super::*;
    use std::sync::Arc;

    fn plan(abort: bool) -> Plan {
        let beat = |data: &str, tokens| Beat::generated(Event::data(data), tokens);
        Plan {
            beats: vec![beat("a", 1), beat("b", 2), beat("[DONE]", 0)],
            abort,
        }
    }

    fn billed(ledger: &Ledger) -> Vec<(u64, Outcome)> {
        let entries = ledger.entries();
        let billed = entries
            .iter()
            .map(|one| (one.tokens.completion, one.outcome));
        billed.collect()
    }

    #[test]
    fn tokens_are_billed_as_they_are_generated() {
        let ledger = Arc::new(Ledger::default());
        let script = Script {
            token_delay: Duration::from_millis(3),
            ..Script::default()
        };
        let mut player = Player::new(plan(false), &script, ledger.open(None));
        assert_eq!(player.next(), Some(Step::Wait(Duration::from_millis(3))));
        assert_eq!(player.next(), Some(Step::Write("data: a\n\n".into())));
        assert_eq!(player.next(), Some(Step::Flush));
        assert_eq!(player.next(), Some(Step::Wait(Duration::from_millis(6))));
        drop(player);
        assert_eq!(
            billed(&ledger),
            [(1, Outcome::ClientGone)],
            "what was not generated yet is not billed"
        );
    }

    #[test]
    fn a_plan_that_is_played_to_the_end_is_settled() {
        let ledger = Arc::new(Ledger::default());
        let steps: Vec<Step> =
            Player::new(plan(false), &Script::default(), ledger.open(None)).collect();
        assert_eq!(steps.len(), 6, "three writes, each flushed: {steps:?}");
        assert_eq!(billed(&ledger), [(3, Outcome::Finished)]);
    }

    #[test]
    fn a_plan_may_end_in_an_abort() {
        let ledger = Arc::new(Ledger::default());
        let player = Player::new(plan(true), &Script::default(), ledger.open(None));
        assert_eq!(player.last(), Some(Step::Abort));
        assert_eq!(billed(&ledger), [(3, Outcome::Cut)]);
    }

    #[test]
    fn coalesced_events_are_one_write() {
        let ledger = Arc::new(Ledger::default());
        let script = Script {
            coalesce: true,
            ..Script::default()
        };
        let mut player = Player::new(plan(false), &script, ledger.open(None));
        let whole = "data: a\n\ndata: b\n\ndata: [DONE]\n\n";
        assert_eq!(player.next(), Some(Step::Write(whole.into())));
        assert_eq!(billed(&ledger), [(3, Outcome::Finished)]);
    }
}
