//! A caller of another identity provider, without a key.

use serde_json::json;
use tollgate_integration::stack::{CHAT_PATH, Failure, poll_for};

use crate::call::Call;
use crate::gateway::{APPLICATION, AUDIENCE, Gateway};
use crate::screen::Screen;

const HELLO: &str = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;

/// A token of the issuer, and one for somebody else.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("A caller signs in with its own identity provider: no key at all");
    wait_for_keys(gateway).await?;
    let token = |audience: &str| {
        let mut claims = gateway.issuer.claims();
        claims["aud"] = json!(audience);
        claims["azp"] = json!(APPLICATION);
        gateway.signer.sign(&claims)
    };
    let (good, other) = (token(AUDIENCE), token("api://another"));
    for (shown, token, status) in [("$TOKEN", good, 200), ("$OTHER_TOKEN", other, 401)] {
        let call = Call::post(CHAT_PATH, HELLO);
        let call = call.header_as(
            "authorization",
            &format!("Bearer {shown}"),
            &format!("Bearer {token}"),
        );
        let answer = gateway.ask(screen, &call).await?;
        screen.expect("status", answer.status, status);
    }
    Ok(())
}

/// They are fetched when the service starts.
async fn wait_for_keys(gateway: &Gateway) -> Result<(), Failure> {
    poll_for("the issuer's keys", async || {
        let metrics = gateway.stack.tollgate().metrics().await.ok()?;
        let mut lines = metrics.lines();
        let line = lines.find(|it| it.starts_with("tollgate_issuer_keys{"))?;
        (!line.ends_with(" 0")).then_some(())
    })
    .await
}
