//! The line of the audit log about costs that were computed anew: in the running service's log, or else on
//! standard output.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

use crate::cli::output;
use crate::cli::remote::{Control, said};
use crate::cli::say;
use crate::control::v1::audit_client::AuditClient;
use crate::control::{Recomputed, recomputed_request};
use crate::telemetry::recomputed_line;

/// Tells the service that has this control socket, or writes the line here where there is none.
pub(super) async fn tell(recomputed: &Recomputed, control: Option<&Control>) -> Result<(), String> {
    let why = match control {
        None => "the configuration has no `listen.control`".to_owned(),
        Some(control) => match send(recomputed, control).await {
            Ok(()) => return Ok(()),
            Err(why) => why,
        },
    };
    let line = recomputed_line(recomputed, &by(), SystemTime::now());
    say(
        &mut output::stdout(),
        &(line.map_err(|error| error.to_string())? + "\n"),
    );
    let note =
        format!("the line above is for the audit log, which the service could not write: {why}\n");
    say(&mut io::stderr(), &note);
    Ok(())
}

async fn send(recomputed: &Recomputed, control: &Control) -> Result<(), String> {
    let mut service = AuditClient::new(control.connect().await?);
    let told = service.recomputed(recomputed_request(recomputed)).await;
    told.map(|_| ()).map_err(said)
}

/// Whoever runs this, as the service says it of whoever asks it.
fn by() -> String {
    let own = std::fs::metadata("/proc/self").map(|it| it.uid());
    own.map_or_else(|_| "unknown".to_owned(), |uid| format!("uid:{uid}"))
}
