//! `tollgate key`

mod generate;
mod listed;
mod remote;
mod shown;

use std::future::Future;
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
    /// Give keys to another client, after a client was renamed in the configuration.
    Move(Move),
    /// List the issued keys, with their last use.
    List(List),
    /// List the keys that are good and that nobody uses, those of the configuration, too.
    ///
    /// Exits with 0 where there are none, with 3 where there are some, and with 1 where that is not known.
    Unused(Unused),
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
    /// The new key is valid until just before this time; otherwise until the old one would have been.
    #[arg(long, value_name = "TIME")]
    not_after: Option<String>,
    /// The new key has no end, whatever the old one's is.
    #[arg(long, conflicts_with = "not_after")]
    without_end: bool,
    #[command(flatten)]
    control: Control,
}

/// Keys that go to another client.
#[derive(Args)]
pub(super) struct Move {
    /// One key, by its id; or else all keys of --from.
    #[arg(
        value_name = "KEY_ID",
        conflicts_with = "from",
        required_unless_present = "from"
    )]
    id: Option<String>,
    /// The client whose keys are moved, by the id that it had.
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// The client of the configuration that has them from now on.
    #[arg(long, value_name = "ID")]
    to: String,
    #[command(flatten)]
    control: Control,
}

/// Which keys are listed.
#[derive(Args)]
pub(super) struct List {
    /// Those of one client.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// The keys of the configuration, too.
    #[arg(long)]
    configured: bool,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    control: Control,
}

/// Which keys are looked at.
#[derive(Args)]
pub(super) struct Unused {
    /// Neither used nor issued for so long: 30d, 12h.
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    since: String,
    /// Those of one client.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
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
        KeyCommand::List(asked) => on_runtime(listed::list(asked)),
        KeyCommand::Unused(asked) => on_runtime(listed::unused(asked)),
        other => on_runtime(remote::run(other)),
    }
}

fn on_runtime(work: impl Future<Output = Result<ExitCode, String>>) -> Result<ExitCode, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(work)
}
