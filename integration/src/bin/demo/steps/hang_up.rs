//! A client that hangs up is charged all the same.

use tollgate_integration::stack::{CHAT_PATH, Failure, poll_for};

use crate::call::Call;
use crate::events::Events;
use crate::gateway::Gateway;
use crate::json;
use crate::screen::Screen;

const BODY: &str =
    r#"{"messages":[{"role":"user","content":"Tell me a long story."}],"stream":true}"#;
/// After so many events the client goes: two lines each.
const SEEN_EVENTS: usize = 10;
const HEAD: &str = "head -n 20";

/// Begins a long stream, goes away, and looks at what was charged.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("A client that hangs up in mid-stream is charged with an estimate");
    let call = Call::post(CHAT_PATH, BODY)
        .header_as("api-key", "$KEY", &gateway.key.text)
        .header("x-fake-output-tokens", "500")
        .header("x-fake-token-delay-ms", "20")
        .piped(HEAD);
    let (response, request_id) = gateway.begin(screen, &call).await?;
    screen.expect("status", response.status().as_u16(), 200);
    let mut events = Events::of(response);
    let (mut text, mut tokens) = (String::new(), 0);
    for _ in 0..SEEN_EVENTS {
        let event = events.next().await?.ok_or_else(too_short)?;
        text.push_str(&event.content());
        tokens += u64::from(!event.content().is_empty());
    }
    drop(events);
    screen.answer(&format_args!("{text} (and here the client is gone)"));

    screen.say("\nThe audit log, tollgate's standard output, has the record:");
    let record = poll_for("the record of the broken stream", async || {
        let records = gateway.usage_records();
        records
            .into_iter()
            .find(|it| it["request_id"] == request_id.as_str())
    })
    .await?;
    screen.answer(&record);
    screen.expect(
        "source",
        json::text(&record["source"]).as_str(),
        "estimated",
    );
    screen.check(
        &format!("not less was charged than the {tokens} tokens that the client has seen"),
        record["output_tokens"].as_u64() >= Some(tokens),
    );
    Ok(())
}

fn too_short() -> Failure {
    Failure::from("the stream ended before its client went".to_owned())
}
