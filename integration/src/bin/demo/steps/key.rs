//! A client gets a key, and everything starts.

use std::time::Instant;

use tollgate_integration::stack::Failure;

use crate::gateway::Gateway;
use crate::key::{COMMAND, DemoKey};
use crate::screen::Screen;

/// Makes the keys of two clients and starts the gateway with their digests.
pub async fn step(screen: &mut Screen) -> Result<Gateway, Failure> {
    screen.step("A client gets a key. tollgate keeps only its digest");
    let (key, search_key) = (DemoKey::generate().await?, DemoKey::generate().await?);
    screen.command(COMMAND);
    screen.answer(&key.printed);
    screen.check(
        "the line for tollgate.yaml has a digest, and not the key",
        !key.yaml.contains(&key.text),
    );

    screen.say("\nThe last line goes into tollgate.yaml, here next to a second client's:");
    let started = Instant::now();
    let gateway = Gateway::start(key, search_key).await?;
    screen.command("cat tollgate.yaml");
    screen.answer(&gateway.config()?.trim_end());
    let seconds = started.elapsed().as_secs_f64();
    screen.check(&format!("everything runs, after {seconds:.1} s"), true);

    screen.say("\nThe commands below use these:");
    screen.answer(&gateway.variables());
    Ok(gateway)
}
