//! A caller that shows a certificate in TLS, and has neither key nor token.

use serde_json::Value;
use tollgate_integration::stack::{CHAT_PATH, Failure, poll_for};

use crate::call::Call;
use crate::gateway::Gateway;
use crate::screen::Screen;

const HELLO: &str = r#"{"messages":[{"role":"user","content":"Hi"}]}"#;
/// What the audit log says of it that matters here.
const SHOWN: [&str; 3] = ["reason", "serial", "subject"];

/// A good certificate and a revoked one, and whose the latter was.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("A device shows its certificate: no key, no token");
    let devices = [
        (gateway.devices.good.clone(), 200),
        (gateway.devices.revoked.clone(), 401),
    ];
    for (device, status) in devices {
        let call = Call::post(CHAT_PATH, HELLO).with_certificate_of(&device);
        let answer = gateway.ask(screen, &call).await?;
        screen.expect("status", answer.status, status);
    }
    screen.say("\nThe caller learns no more. The audit log says whose it was:");
    let refused = gateway.refused;
    let line = poll_for("the refusal in the audit log", async || {
        gateway.refusals().get(refused.checked_sub(1)?).cloned()
    })
    .await?;
    let shown = SHOWN.map(|name| (name.to_owned(), line[name].clone()));
    screen.answer(&Value::Object(shown.into_iter().collect()));
    screen.check(
        "it is the revoked certificate of robot 8",
        line["reason"] == "certificate_revoked" && line["subject"] == "CN=robot 8",
    );
    Ok(())
}
