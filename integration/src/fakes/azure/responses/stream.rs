//! The events of a response that is streamed, each with its name and its number. There is no
//! `[DONE]`: the last event carries the whole response.

use super::super::answer::{Answer, Ending, Shown};
use super::super::ledger::Tokens;
use super::super::plan::{Beat, Plan};
use super::super::turn::Turn;
use super::super::wire::Event;
use super::shape::{Item, Part, Response, Status, item_id};
use super::store::ResponseStore;
use serde::Serialize;
use serde_json::json;

/// The stream of a response; what it will have said is kept already.
pub fn plan(turn: &Turn, store: &ResponseStore) -> Plan {
    let response = Response::ended(turn);
    store.keep(&response, turn);
    let mut events = Events {
        turn,
        output_index: 0,
        beats: Vec::new(),
    };
    events.begin(&response);
    if let Some(answer) = turn.answer() {
        if answer.speaks() {
            events.message(answer);
        }
        events.call(answer);
    }
    events.end(&response);
    let mut beats = events.beats;
    if response.background {
        // It goes on, and is paid for, whoever listens.
        beats
            .iter_mut()
            .for_each(|beat| beat.tokens = Tokens::default());
        let said = beats.iter().map(|beat| beat.event.clone()).collect();
        store.keep_events(&turn.id, said);
    }
    Plan {
        beats,
        abort: turn.ending() == Ending::Dropped,
    }
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    r#type: &'a str,
    sequence_number: usize,
    #[serde(flatten)]
    rest: T,
}

#[derive(Serialize)]
struct Whole<'a> {
    response: &'a Response,
}

#[derive(Serialize)]
struct OfItem<'a> {
    output_index: usize,
    item: &'a Item,
}

#[derive(Serialize)]
struct Indexes<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
}

#[derive(Serialize)]
struct OfPart<'a> {
    #[serde(flatten)]
    indexes: Indexes<'a>,
    part: Part,
}

#[derive(Serialize)]
struct OfText<'a> {
    #[serde(flatten)]
    indexes: Indexes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    logprobs: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct OfArguments<'a> {
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
}

struct Events<'a> {
    turn: &'a Turn,
    output_index: usize,
    beats: Vec<Beat>,
}

impl Events<'_> {
    fn push(&mut self, name: &'static str, completion: u64, rest: impl Serialize) {
        let envelope = Envelope {
            r#type: name,
            sequence_number: self.beats.len(),
            rest,
        };
        let data = serde_json::to_string(&envelope).expect("an event is plain data");
        let event = Event {
            name: Some(name),
            data,
        };
        self.beats.push(Beat::generated(event, completion));
    }

    fn item(&mut self, name: &'static str, item: &Item) {
        let output_index = self.output_index;
        self.push(name, 0, OfItem { output_index, item });
    }

    fn begin(&mut self, response: &Response) {
        let begun = &response.begun(Status::InProgress);
        self.push("response.created", 0, Whole { response: begun });
        self.push("response.in_progress", 0, Whole { response: begun });
        let reasoning = self.turn.reasoning();
        if reasoning != Tokens::default() {
            let item = Item::reasoning(self.turn);
            self.item("response.output_item.added", &item);
            self.item("response.output_item.done", &item);
            if let Some(done) = self.beats.last_mut() {
                done.tokens = reasoning;
            }
            self.output_index += 1;
        }
        if let (Some(begun), Some(done)) = (
            Item::code(self.turn, Status::InProgress),
            Item::code(self.turn, Status::Completed),
        ) {
            self.item("response.output_item.added", &begun);
            self.item("response.output_item.done", &done);
            self.output_index += 1;
        }
    }

    fn message(&mut self, answer: &Answer) {
        let id = &item_id("msg_", &self.turn.id);
        let indexes = |output_index| Indexes {
            item_id: id,
            output_index,
            content_index: 0,
        };
        let index = self.output_index;
        let empty = Item::message(&self.turn.id, None, Status::InProgress);
        self.item("response.output_item.added", &empty);
        let part = |text: String| OfPart {
            indexes: indexes(index),
            part: Part::text(text),
        };
        self.push("response.content_part.added", 0, part(String::new()));
        let of_text = |delta, text| OfText {
            indexes: indexes(index),
            delta,
            logprobs: [],
            text,
        };
        for piece in &answer.pieces {
            if let Shown::Text(text) = &piece.shown {
                let delta = of_text(Some(text), None);
                self.push("response.output_text.delta", piece.tokens, delta);
            }
        }
        if breaks_off(answer) {
            return;
        }
        let text = answer.text();
        self.push("response.output_text.done", 0, of_text(None, Some(&text)));
        self.push("response.content_part.done", 0, part(text.clone()));
        let whole = Item::message(&self.turn.id, Some(text), status(answer));
        self.item("response.output_item.done", &whole);
        self.output_index += 1;
    }

    fn call(&mut self, answer: &Answer) {
        let Some(begun) = Item::call(&self.turn.id, answer, Status::InProgress) else {
            return;
        };
        self.item("response.output_item.added", &begun);
        let id = &item_id("fc_", &self.turn.id);
        let output_index = self.output_index;
        let of_arguments = |delta, arguments| OfArguments {
            item_id: id,
            output_index,
            delta,
            arguments,
        };
        for piece in &answer.pieces {
            match &piece.shown {
                Shown::Text(_) => {}
                // The name was generated for the event before.
                Shown::Call { .. } => {
                    if let Some(added) = self.beats.last_mut() {
                        added.tokens.completion += piece.tokens;
                    }
                }
                Shown::Arguments(part) => {
                    let name = "response.function_call_arguments.delta";
                    self.push(name, piece.tokens, of_arguments(Some(part), None));
                }
            }
        }
        if breaks_off(answer) {
            return;
        }
        if let (Some((_, _, arguments)), Some(item)) = (
            answer.call(),
            Item::call(&self.turn.id, answer, status(answer)),
        ) {
            let name = "response.function_call_arguments.done";
            self.push(name, 0, of_arguments(None, Some(&arguments)));
            self.item("response.output_item.done", &item);
        }
    }

    fn end(&mut self, response: &Response) {
        let name = match response.status {
            Status::Incomplete => "response.incomplete",
            Status::Failed => "response.failed",
            Status::Queued | Status::InProgress | Status::Completed | Status::Cancelled => {
                "response.completed"
            }
        };
        match self.turn.ending() {
            Ending::Dropped => return,
            Ending::Failed => {
                let message =
                    "The server had an error while processing your request. Sorry about that!";
                let error = json!({"code": "server_error", "message": message, "param": null});
                self.push("error", 0, error);
            }
            Ending::Stop | Ending::Length | Ending::ToolCalls | Ending::Filtered => {}
        }
        self.push(name, 0, Whole { response });
    }
}

/// Whether the answer ends in the middle of an item.
fn breaks_off(answer: &Answer) -> bool {
    matches!(answer.ending, Ending::Dropped | Ending::Failed)
}

fn status(answer: &Answer) -> Status {
    match answer.ending {
        Ending::Length | Ending::Filtered => Status::Incomplete,
        Ending::Stop | Ending::ToolCalls | Ending::Failed | Ending::Dropped => Status::Completed,
    }
}
