//! A stream, seen as it comes.

use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_integration::stack::{CHAT_PATH, Failure};

use crate::call::Call;
use crate::events::Events;
use crate::gateway::Gateway;
use crate::screen::Screen;

const BODY: &str =
    r#"{"messages":[{"role":"user","content":"Say hello to the world."}],"stream":true}"#;
const TOKENS: u32 = 12;
/// Slow enough to be watched.
const TOKEN_DELAY: Duration = Duration::from_millis(80);

/// Streams an answer. The client has not asked for usage: the gateway has, and keeps it to itself.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("The same as a stream: passed on event by event, and counted");
    let call = Call::post(CHAT_PATH, BODY)
        .header_as("api-key", "$KEY", &gateway.key.text)
        .header("x-fake-output-tokens", &TOKENS.to_string())
        .header(
            "x-fake-token-delay-ms",
            &TOKEN_DELAY.as_millis().to_string(),
        );
    let (response, _) = gateway.begin(screen, &call).await?;
    screen.expect("status", response.status().as_u16(), 200);

    let mut events = Events::of(response);
    let (mut seen, mut text) = (Vec::new(), String::new());
    let started = Instant::now();
    while let Some(event) = events.next().await? {
        screen.event(started.elapsed(), &event);
        text.push_str(&event.content());
        seen.push((started.elapsed(), event));
    }
    screen.note("(Cut to fit; the content filter's results are shown as …)");
    screen.answer(&format_args!("The text: {text}"));

    let last = seen.last().map_or("none", |(_, event)| event.text());
    screen.expect("the last event", last, "data: [DONE]");
    let first = seen.first().map_or(Duration::MAX, |(at, _)| *at);
    let is_live = started.elapsed().saturating_sub(first) > TOKEN_DELAY * TOKENS / 2;
    screen.check(
        "the events came one by one, and not together at the end",
        is_live,
    );
    let has_usage = |event: &Value| event["usage"].is_object();
    let told = seen
        .iter()
        .filter_map(|(_, event)| event.json())
        .any(|it| has_usage(&it));
    screen.check(
        "no event of usage, which the client has not asked for",
        !told,
    );
    let requests = gateway.stack.azure.requests();
    let sent = requests
        .last()
        .and_then(|it| serde_json::from_slice::<Value>(&it.body).ok());
    let asked = sent.is_some_and(|sent| sent["stream_options"]["include_usage"] == true);
    screen.check(
        "the gateway had asked for it: it counts what Azure OpenAI reports",
        asked,
    );
    Ok(())
}
