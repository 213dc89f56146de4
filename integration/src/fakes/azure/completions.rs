//! Completions, the API before chat: the same events with `text` in place of `delta`.

use super::answer::{Answer, Ending, Shown};
use super::filter;
use super::plan::{Beat, Plan};
use super::turn::{ERROR_EVENT, Turn, finish_reason};
use super::usage::ChatUsage;
use super::wire::Event;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Body<'a> {
    choices: Vec<Choice<'a>>,
    created: u64,
    id: &'a str,
    model: &'a str,
    object: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_filter_results: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<ChatUsage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    content_filter_results: &'a RawValue,
    finish_reason: Option<&'static str>,
    index: usize,
    logprobs: Option<()>,
    text: String,
}

/// The stream of a completion.
pub fn plan(turn: &Turn) -> Plan {
    let mut first = body(turn, Vec::new(), turn.include_usage.then_some(None));
    first.prompt_filter_results = Some(&filter::PROMPT);
    let mut beats = vec![Beat {
        event: event(&first),
        tokens: turn.reasoning(),
    }];
    let pieces = turn.answers.iter().enumerate().flat_map(|(index, answer)| {
        let text_of = |shown: &Shown| match shown {
            Shown::Text(text) | Shown::Arguments(text) => text.clone(),
            Shown::Call { name, .. } => name.clone(),
        };
        let beat = move |piece: &super::answer::Piece| {
            let choice = choice(index, text_of(&piece.shown), Ending::Failed);
            Beat::generated(chunk(turn, choice), piece.tokens)
        };
        answer.pieces.iter().map(beat)
    });
    beats.extend(pieces);
    beats.extend(end(turn));
    Plan {
        beats,
        abort: turn.ending() == Ending::Dropped,
    }
}

fn end(turn: &Turn) -> Vec<Beat> {
    match turn.ending() {
        Ending::Dropped => return Vec::new(),
        Ending::Failed => return vec![Beat::free(Event::data(ERROR_EVENT))],
        Ending::Stop | Ending::Length | Ending::ToolCalls | Ending::Filtered => {}
    }
    let ends = turn.answers.iter().enumerate();
    let mut beats: Vec<Beat> = ends
        .map(|(index, answer)| choice(index, String::new(), answer.ending))
        .map(|choice| Beat::free(chunk(turn, choice)))
        .collect();
    if turn.include_usage && turn.tells_usage && turn.ending() != Ending::Filtered {
        let usage = body(turn, Vec::new(), Some(Some(turn.tokens.into())));
        beats.push(Beat::free(event(&usage)));
    }
    beats.push(Beat::free(Event::done()));
    beats
}

/// The completion as one JSON object.
pub fn json(turn: &Turn) -> String {
    let whole = |(index, answer): (usize, &Answer)| choice(index, answer.text(), answer.ending);
    let choices = turn.answers.iter().enumerate().map(whole).collect();
    let usage = turn.tells_usage.then(|| Some(turn.tokens.into()));
    let mut body = body(turn, choices, usage);
    body.prompt_filter_results = Some(&filter::PROMPT);
    serde_json::to_string(&body).expect("a completion is plain data")
}

fn chunk<'a>(turn: &'a Turn, choice: Choice<'a>) -> Event {
    event(&body(
        turn,
        vec![choice],
        turn.include_usage.then_some(None),
    ))
}

/// A choice that continues when `ending` has no reason to finish.
fn choice<'a>(index: usize, text: String, ending: Ending) -> Choice<'a> {
    let filtered = ending == Ending::Filtered;
    Choice {
        content_filter_results: if filtered {
            &filter::FILTERED
        } else {
            &filter::SAFE
        },
        finish_reason: finish_reason(ending),
        index,
        logprobs: None,
        text,
    }
}

fn body<'a>(
    turn: &'a Turn,
    choices: Vec<Choice<'a>>,
    usage: Option<Option<ChatUsage>>,
) -> Body<'a> {
    Body {
        choices,
        created: turn.created,
        id: &turn.id,
        model: &turn.model,
        object: "text_completion",
        prompt_filter_results: None,
        usage,
    }
}

fn event(body: &Body<'_>) -> Event {
    Event::data(serde_json::to_string(body).expect("a completion is plain data"))
}
