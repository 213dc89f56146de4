//! The stream of a chat: the prompt's filter results, a role for each choice, the text in pieces, an
//! ending for each choice, the usage if it was asked for, and `[DONE]`.

use super::super::answer::{Answer, Ending, Piece, Shown};
use super::super::filter;
use super::super::plan::{Beat, Plan};
use super::super::turn::{ERROR_EVENT, SYSTEM_FINGERPRINT, Turn, finish_reason};
use super::super::usage::ChatUsage;
use super::super::wire::Event;
use super::chunk::{Arguments, CallPart, CallStart, Choice, Chunk, Delta, Function, Offsets};
use serde_json::value::RawValue;

/// The asynchronous filter annotates the text in stretches of so many events.
const EVENTS_PER_ANNOTATION: usize = 8;

/// The stream of a chat.
pub fn plan(turn: &Turn) -> Plan {
    let stream = Stream(turn);
    let mut beats = vec![Beat::free(stream.prompt_filter())];
    for index in 0..turn.answers.len() {
        beats.push(Beat::free(stream.role(index)));
    }
    if let Some(first) = beats.get_mut(1) {
        first.tokens = turn.reasoning();
    }
    let longest = turn.answers.iter().map(|one| one.pieces.len()).max();
    let mut annotated = vec![0; turn.answers.len()];
    for position in 0..longest.unwrap_or(0) {
        for (index, answer) in turn.answers.iter().enumerate() {
            let Some(piece) = answer.pieces.get(position) else {
                continue;
            };
            beats.push(Beat::generated(stream.piece(index, piece), piece.tokens));
            if turn.async_filter && (position + 1).is_multiple_of(EVENTS_PER_ANNOTATION) {
                beats.push(stream.annotation(index, answer, position + 1, &mut annotated));
            }
        }
    }
    beats.extend(stream.end(&mut annotated));
    Plan {
        beats,
        abort: turn.ending() == Ending::Dropped,
    }
}

struct Stream<'a>(&'a Turn);

impl Stream<'_> {
    fn prompt_filter(&self) -> Event {
        event(&Chunk {
            choices: &[],
            created: 0,
            id: "",
            model: "",
            object: "",
            prompt_filter_results: Some(&filter::PROMPT),
            service_tier: None,
            system_fingerprint: None,
            usage: None,
        })
    }

    fn chunk(&self, choices: &[Choice<'_>], usage: Option<ChatUsage>) -> Event {
        event(&Chunk {
            choices,
            created: self.0.created,
            id: &self.0.id,
            model: &self.0.model,
            object: "chat.completion.chunk",
            prompt_filter_results: None,
            service_tier: self.0.service_tier.as_deref(),
            system_fingerprint: Some(SYSTEM_FINGERPRINT),
            usage: self.0.include_usage.then_some(usage),
        })
    }

    fn delta(
        &self,
        index: usize,
        filter: &RawValue,
        delta: Delta<'_>,
        finish_reason: Option<&'static str>,
    ) -> Event {
        let choice = Choice::Delta {
            content_filter_results: filter,
            delta,
            finish_reason,
            index,
            logprobs: None,
        };
        self.chunk(&[choice], None)
    }

    fn role(&self, index: usize) -> Event {
        let role = Delta::Role {
            content: "",
            refusal: None,
            role: "assistant",
        };
        self.delta(index, &filter::NONE, role, None)
    }

    fn piece(&self, index: usize, piece: &Piece) -> Event {
        let checked = !self.0.async_filter && matches!(piece.shown, Shown::Text(_));
        let filter: &RawValue = if checked {
            &filter::SAFE
        } else {
            &filter::NONE
        };
        let delta = match &piece.shown {
            Shown::Text(text) => Delta::Content { content: text },
            Shown::Call { id, name } => Delta::Call {
                tool_calls: [CallStart {
                    function: Function {
                        arguments: "",
                        name,
                    },
                    id,
                    index: 0,
                    r#type: "function",
                }],
            },
            Shown::Arguments(part) => Delta::Arguments {
                tool_calls: [CallPart {
                    function: Arguments { arguments: part },
                    index: 0,
                }],
            },
        };
        self.delta(index, filter, delta, None)
    }

    /// The filter's word on what was shown since its last one.
    fn annotation(
        &self,
        index: usize,
        answer: &Answer,
        shown: usize,
        annotated: &mut [usize],
    ) -> Beat {
        let characters = answer.pieces.iter().take(shown).map(|piece| {
            let Shown::Text(text) = &piece.shown else {
                return 0;
            };
            text.chars().count()
        });
        let end_offset = characters.sum();
        let start_offset = std::mem::replace(&mut annotated[index], end_offset);
        let choice = Choice::Annotation {
            content_filter_offsets: Offsets {
                check_offset: end_offset,
                end_offset,
                start_offset,
            },
            content_filter_results: &filter::SAFE,
            finish_reason: None,
            index,
        };
        Beat::free(event(&Chunk {
            choices: &[choice],
            created: 0,
            id: "",
            model: "",
            object: "",
            prompt_filter_results: None,
            service_tier: None,
            system_fingerprint: None,
            usage: self.0.include_usage.then_some(None),
        }))
    }

    fn end(&self, annotated: &mut [usize]) -> Vec<Beat> {
        match self.0.ending() {
            Ending::Dropped => return Vec::new(),
            Ending::Failed => return vec![Beat::free(Event::data(ERROR_EVENT))],
            Ending::Stop | Ending::Length | Ending::ToolCalls | Ending::Filtered => {}
        }
        let mut beats = Vec::new();
        for (index, answer) in self.0.answers.iter().enumerate() {
            let filtered = answer.ending == Ending::Filtered;
            let filter: &RawValue = if filtered {
                &filter::FILTERED
            } else {
                &filter::NONE
            };
            let reason = finish_reason(answer.ending);
            beats.push(Beat::free(self.delta(
                index,
                filter,
                Delta::Empty {},
                reason,
            )));
            if self.0.async_filter && !filtered {
                beats.push(self.annotation(index, answer, answer.pieces.len(), annotated));
            }
        }
        // A cut by the filter has no usage, asked or not.
        let tells = self.0.include_usage && self.0.tells_usage;
        if tells && self.0.ending() != Ending::Filtered {
            beats.push(Beat::free(self.chunk(&[], Some(self.0.tokens.into()))));
        }
        beats.push(Beat::free(Event::done()));
        beats
    }
}

fn event(chunk: &Chunk<'_>) -> Event {
    Event::data(serde_json::to_string(chunk).expect("a chunk is plain data"))
}
