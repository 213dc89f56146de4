//! `tollgate key`

mod generate;
mod remote;
mod shown;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::remote::Control;
use crate::auth::KeySlot;

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key for the configuration: prints it once, and the line for the file.
    Generate {
        /// Which of the client's two keys it is.
        #[arg(long, value_enum, default_value = "primary")]
        slot: Slot,
    },
    /// Issue a key while the service runs: prints it once.
    Issue(Issue),
    /// Replace a key, which stays valid for a while: prints the new one once.
    Rotate(Rotate),
    /// Revoke a key permanently.
    Revoke(One),
    /// Suspend a key until it is resumed.
    Suspend(One),
    /// Resume a suspended key.
    Resume(One),
    /// List the issued keys.
    List {
        /// Those of one client.
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        control: Control,
    },
}

/// A key that is to be made.
#[derive(Args)]
pub(super) struct Issue {
    /// The client's id in the configuration.
    #[arg(long, value_name = "ID")]
    client: String,
    /// Which of the client's two keys it is.
    #[arg(long, value_enum, default_value = "primary")]
    slot: Slot,
    /// Valid from this time on: 2027-01-01, or 2027-01-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Valid until just before this time.
    #[arg(long, value_name = "TIME")]
    not_after: Option<String>,
    #[command(flatten)]
    control: Control,
}

/// A key that is to be replaced.
#[derive(Args)]
pub(super) struct Rotate {
    /// The id of the key to replace.
    #[arg(value_name = "KEY_ID")]
    id: String,
    /// How long the old key stays valid: 24h, 30m, 0s.
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    grace: String,
    /// The new key is valid until just before this time.
    #[arg(long, value_name = "TIME")]
    not_after: Option<String>,
    #[command(flatten)]
    control: Control,
}

/// A key that is to be changed.
#[derive(Args)]
pub(super) struct One {
    /// The key's id: the ten letters after `tgk_`.
    #[arg(value_name = "KEY_ID")]
    id: String,
    #[command(flatten)]
    control: Control,
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

pub(super) fn run(command: KeyCommand) -> Result<ExitCode, String> {
    match command {
        KeyCommand::Generate { slot } => generate::run(slot.into()),
        other => remote::run(other),
    }
}
