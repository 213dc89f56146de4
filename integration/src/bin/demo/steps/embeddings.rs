//! The v1 path, as the plain OpenAI client uses it.

use tollgate_integration::stack::Failure;

use crate::call::Call;
use crate::gateway::Gateway;
use crate::screen::Screen;

const BODY: &str =
    r#"{"model":"text-embedding-3-large","input":["A toll gate","at a bridge"],"dimensions":4}"#;

/// Makes embeddings: the deployment is in the body, the key in the place of OpenAI's own.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("Another client, on the path of the plain OpenAI SDK: embeddings");
    let authorization = format!("Bearer {}", gateway.search_key.text);
    let call = Call::post("/openai/v1/embeddings", BODY).header_as(
        "authorization",
        "Bearer $SEARCH_KEY",
        &authorization,
    );
    let answer = gateway.ask(screen, &call).await?;
    screen.expect("status", answer.status, 200);
    let vectors = answer.body["data"].as_array().map_or(0, Vec::len);
    screen.expect("vectors", vectors, 2);
    Ok(())
}
