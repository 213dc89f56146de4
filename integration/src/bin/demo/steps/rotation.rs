//! A key that is issued, replaced and revoked while the service runs.

use tollgate_integration::stack::{CHAT_PATH, Failure};

use crate::call::Call;
use crate::gateway::Gateway;
use crate::screen::Screen;
use crate::tool;

const HELLO: &str = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;

/// Both keys work in the grace period; a revoked one does not.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("A key is issued, replaced and revoked while everything runs");
    let words = [
        "key",
        "issue",
        "--client",
        "mobile-app",
        "--slot",
        "secondary",
    ];
    let (old, id) = key(&tool::run(screen, gateway, &words).await?);
    let words = ["key", "rotate", id.as_str(), "--grace", "1h"];
    let (new, new_id) = key(&tool::run(screen, gateway, &words).await?);
    screen.say("\nBoth work for an hour:");
    for key in [&old, &new] {
        asks(screen, gateway, key, 200).await?;
    }
    let words = ["key", "revoke", new_id.as_str()];
    tool::run(screen, gateway, &words).await?;
    asks(screen, gateway, &new, 401).await
}

async fn asks(
    screen: &mut Screen,
    gateway: &mut Gateway,
    key: &str,
    status: u16,
) -> Result<(), Failure> {
    let call = Call::post(CHAT_PATH, HELLO).header("api-key", key);
    let answer = gateway.ask(screen, &call).await?;
    screen.expect("status", answer.status, status);
    Ok(())
}

/// The key, which is printed once, and its id: the part between the underscores.
fn key(printed: &str) -> (String, String) {
    let line = printed.lines().find(|it| it.starts_with("tgk_"));
    let key = line.unwrap_or_default().trim().to_owned();
    let id = key.split('_').nth(1).unwrap_or_default().to_owned();
    (key, id)
}
