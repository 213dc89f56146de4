//! `tollgate key`

use std::io;
use std::process::ExitCode;

use clap::Subcommand;

use super::say;
use crate::auth::{Key, KeyDigest, KeySlot};

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key: prints it once, and the line for the configuration.
    Generate {
        /// Which of the client's two keys it is.
        #[arg(long, value_enum, default_value = "primary")]
        slot: Slot,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Slot {
    Primary,
    Secondary,
}

impl From<Slot> for KeySlot {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::Primary => Self::Primary,
            Slot::Secondary => Self::Secondary,
        }
    }
}

/// The key goes to standard output's first line; all else is a YAML comment or the YAML line, so
/// that the output can be cut either way.
pub(super) fn run(command: &KeyCommand) -> Result<ExitCode, String> {
    let KeyCommand::Generate { slot } = command;
    let slot = match KeySlot::from(*slot) {
        KeySlot::Primary => "primary",
        KeySlot::Secondary => "secondary",
    };
    let key =
        Key::generate().map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let digest = KeyDigest::of_presented(key.expose()).map_err(|error| error.to_string())?;
    let text = zeroize::Zeroizing::new(format!(
        "{}\n\
         # Above is the key of the client. It is shown only now: hand it over, and keep no copy.\n\
         # Below is the line for the client's `credentials` in tollgate.yaml. Key id: {}\n\
         - {{ key: {{ sha256: \"{}\", slot: {slot} }} }}\n",
        key.expose(),
        key.id(),
        digest.to_hex(),
    ));
    say(&mut io::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}
