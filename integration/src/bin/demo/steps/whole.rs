//! A chat completion, answered whole.

use tollgate_integration::stack::{CHAT_PATH, Failure};

use crate::call::Call;
use crate::gateway::Gateway;
use crate::json::text;
use crate::screen::Screen;

const BODY: &str = r#"{"messages":[{"role":"user","content":"Say hello to the world."}]}"#;

/// Asks, and gets the answer of the fake Azure OpenAI.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("A chat completion with that key");
    let call = Call::post(CHAT_PATH, BODY)
        .header_as("api-key", "$KEY", &gateway.key.text)
        .header("x-fake-output-tokens", "24");
    let answer = gateway.ask(screen, &call).await?;
    screen.note("(x-fake-… asks the fake for something: here for an answer of 24 tokens.)");
    screen.expect("status", answer.status, 200);
    let tokens = &answer.body["usage"]["completion_tokens"];
    screen.expect("output tokens", text(tokens).as_str(), "24");
    let requests = gateway.stack.azure.requests();
    let sent = requests
        .last()
        .and_then(|request| request.header("authorization"));
    let is_swapped = sent.is_some_and(|sent| !sent.contains(&gateway.key.text));
    screen.check(
        "Azure OpenAI saw the gateway's identity and not the key",
        is_swapped,
    );
    Ok(())
}
