//! Who is refused, and why.

use tollgate_integration::stack::{CHAT_PATH, Failure};

use crate::call::Call;
use crate::gateway::Gateway;
use crate::json::text;
use crate::screen::Screen;

/// A deployment that exists, and that no client of the demo may use.
const OTHER_CHAT_PATH: &str =
    "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21";
const HELLO: &str = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;

/// No key, and a key with a slip.
pub async fn wrong_keys(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("Without a key, or with a mistyped one, the answer is 401");
    let none = Call::post(CHAT_PATH, HELLO);
    refused(screen, gateway, &none, 401, "missing_credential").await?;
    let slip = gateway.key.mistyped();
    let mistyped = Call::post(CHAT_PATH, HELLO).header("api-key", &slip);
    refused(screen, gateway, &mistyped, 401, "invalid_api_key").await
}

/// A deployment, and an operation, that the client's product does not have.
pub async fn wrong_models(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("A model or an API that the client may not use: 403");
    let other_model = Call::post(OTHER_CHAT_PATH, HELLO);
    let other_model = other_model.header_as("api-key", "$KEY", &gateway.key.text);
    refused(screen, gateway, &other_model, 403, "deployment_not_allowed").await?;
    screen.say("\nThe client search may only make embeddings:");
    let chat = Call::post(CHAT_PATH, HELLO);
    let chat = chat.header_as("api-key", "$SEARCH_KEY", &gateway.search_key.text);
    refused(screen, gateway, &chat, 403, "operation_not_allowed").await
}

async fn refused(
    screen: &mut Screen,
    gateway: &mut Gateway,
    call: &Call,
    status: u16,
    code: &str,
) -> Result<(), Failure> {
    let answer = gateway.ask(screen, call).await?;
    screen.expect("status", answer.status, status);
    screen.expect(
        "error code",
        text(&answer.body["error"]["code"]),
        code.to_owned(),
    );
    Ok(())
}
