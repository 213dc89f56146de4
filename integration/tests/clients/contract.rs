//! What every client must be able to do, however it spells it.

use serde_json::Value;
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::fakes::azure::script::Fault;

use crate::program::{Program, Ran};

/// The names of a client's exceptions.
#[derive(Clone, Copy)]
pub(crate) struct Exceptions {
    /// For a deployment that it may not use: 403.
    pub(crate) refused: &'static str,
    /// For a backend that has had enough: 429.
    pub(crate) throttled: &'static str,
}

/// Those of the official SDKs, and of what passes them on.
pub(crate) const OPENAI: Exceptions = Exceptions {
    refused: "PermissionDeniedError",
    throttled: "RateLimitError",
};

/// Those of LangChain for Python, which are the SDK's with a type of its own.
pub(crate) const LANGCHAIN: Exceptions = Exceptions {
    refused: "OpenAIPermissionDeniedError",
    throttled: "OpenAIRateLimitError",
};

/// Those of Azure's own SDKs.
pub(crate) const AZURE_CORE: Exceptions = Exceptions {
    refused: "HttpResponseError",
    throttled: "HttpResponseError",
};

/// Runs all of it.
pub(crate) async fn keeps(program: &mut Program, way: &str, exceptions: Exceptions) {
    answers(program, way, "chat").await;
    streams(program, way, "stream").await;
    calls_a_tool(program, way, "tools").await;
    is_refused(program, way, exceptions.refused).await;
    is_throttled(program, way, exceptions.throttled).await;
    tries_again(program, way).await;
}

/// One request, one answer, whose tokens the client is told.
pub(crate) async fn answers(program: &mut Program, way: &str, case: &str) -> Value {
    let ran = program.run(way, case).await;
    let [bill] = &ran.bills[..] else {
        panic!("{way} {case}: not one request: {ran:?}");
    };
    assert_eq!(bill.status, 200, "{way} {case}: {ran:?}");
    assert!(!bill.stream, "{way} {case}: {ran:?}");
    has_text(&ran, "text");
    is_told(&ran, bill);
    ran.result
}

/// One request, one stream of several pieces.
pub(crate) async fn streams(program: &mut Program, way: &str, case: &str) {
    let ran = program.run(way, case).await;
    let [bill] = &ran.bills[..] else {
        panic!("{way} {case}: not one request: {ran:?}");
    };
    assert!(bill.stream, "{way} {case}: not a stream: {ran:?}");
    has_text(&ran, "text");
    let pieces = ran.result["pieces"].as_u64();
    assert!(pieces > Some(1), "{way} {case}: not in pieces: {ran:?}");
    is_told(&ran, bill);
}

/// A call of the tool, and an answer that follows on what the tool gave.
pub(crate) async fn calls_a_tool(program: &mut Program, way: &str, case: &str) -> Ran {
    let ran = program.run(way, case).await;
    assert_eq!(ran.result["call"], "get_weather", "{way} {case}: {ran:?}");
    let city = &ran.result["arguments"]["city"];
    assert_eq!(city, "Zürich", "{way} {case}: {ran:?}");
    has_text(&ran, "text");
    assert!(ran.bills.len() >= 2, "{way} {case}: {ran:?}");
    let failed = ran.bills.iter().find(|bill| bill.status != 200);
    assert!(failed.is_none(), "{way} {case}: {ran:?}");
    ran
}

/// A deployment that the client may not use: its own exception, and no request behind the gateway.
pub(crate) async fn is_refused(program: &mut Program, way: &str, exception: &str) {
    let ran = program.run(way, "refused").await;
    assert_eq!(ran.result["exception"], exception, "{way}: {ran:?}");
    assert_eq!(ran.result["status"], 403, "{way}: {ran:?}");
    assert!(ran.bills.is_empty(), "{way}: the backend was reached");
    let line = program.refusal().await;
    assert_eq!(line["reason"], "deployment_not_allowed", "{way}: {line}");
    let message = ran.result["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("may not use this deployment"),
        "{way}: why? {ran:?}"
    );
}

/// A backend that has had enough, for a client that does not try again.
pub(crate) async fn is_throttled(program: &mut Program, way: &str, exception: &str) {
    program.stack.azure.set_fault(Some(Fault::Status(429)));
    let ran = program.run(way, "throttled").await;
    program.stack.azure.set_fault(None);
    assert_eq!(ran.result["exception"], exception, "{way}: {ran:?}");
    assert_eq!(ran.result["status"], 429, "{way}: {ran:?}");
    let statuses = statuses(&ran);
    assert!(statuses.iter().all(|it| *it == 429), "{way}: {ran:?}");
    assert!(!statuses.is_empty(), "{way}: {ran:?}");
}

/// One 429, which says when to come again: the client does so by itself.
pub(crate) async fn tries_again(program: &mut Program, way: &str) {
    program.stack.azure.fail_next(&[Fault::Status(429)]);
    let ran = program.run(way, "retried").await;
    has_text(&ran, "text");
    assert_eq!(statuses(&ran), [429, 200], "{way}: {ran:?}");
}

/// Vectors, and the tokens that they cost.
pub(crate) async fn embeds(program: &mut Program, way: &str, case: &str) {
    let ran = program.run(way, case).await;
    let dimensions = ran.result["dimensions"].as_array();
    let dimensions = dimensions.unwrap_or_else(|| panic!("{way}: {ran:?}"));
    assert!(!dimensions.is_empty(), "{way} {case}: {ran:?}");
    for length in dimensions {
        assert_eq!(length, 3072, "{way} {case}: {ran:?}");
    }
    let [bill] = &ran.bills[..] else {
        panic!("{way} {case}: not one request: {ran:?}");
    };
    assert!(bill.tokens.prompt > 0, "{way} {case}: {ran:?}");
    is_told(&ran, bill);
}

/// A form with a file, which comes through whole.
pub(crate) async fn hears(program: &mut Program, way: &str) {
    let ran = program.run(way, "transcription").await;
    has_text(&ran, "text");
    let [bill] = &ran.bills[..] else {
        panic!("{way}: not one request: {ran:?}");
    };
    assert_eq!(bill.units.audio_ms, 1204, "{way}: bytes of the file");
}

pub(crate) fn has_text(ran: &Ran, name: &str) {
    let text = ran.result[name].as_str().unwrap_or_default();
    assert!(!text.is_empty(), "no {name}: {ran:?}");
}

/// Asserts that the client was told what was billed, if it tells anything.
fn is_told(ran: &Ran, bill: &Entry) {
    let usage = &ran.result["usage"];
    if usage.is_object() {
        assert_eq!(usage["input_tokens"], bill.tokens.prompt, "{ran:?}");
        assert_eq!(usage["output_tokens"], bill.tokens.completion, "{ran:?}");
    }
}

fn statuses(ran: &Ran) -> Vec<u16> {
    ran.bills.iter().map(|bill| bill.status).collect()
}
