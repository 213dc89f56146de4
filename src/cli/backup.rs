//! `tollgate ledger backup`: copies of what is in the data directory, while the service runs.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output;
use super::say;
use crate::config::Config;
use crate::control::KEYS;
use crate::database::{Database, DatabaseUrl, Synchronous};
use crate::usage::{LEDGER, UsageStore};

#[derive(Subcommand)]
pub(super) enum LedgerCommand {
    /// Copy the usage ledger and the issued keys of the data directory, while the service runs.
    ///
    /// Files get the mode 0600 and are examined; one that is there already is never written over. To restore, stop the
    /// service and put them in place of the ones in the data directory (docs/operations.md).
    Backup(BackupArguments),
}

#[derive(Args)]
pub(super) struct BackupArguments {
    /// The configuration: its `data_directory` is copied.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// The data directory, without a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data_directory: Option<PathBuf>,
    /// Where the copies go; it is made if it is missing.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

pub(super) fn run(command: &LedgerCommand) -> Result<ExitCode, String> {
    let LedgerCommand::Backup(arguments) = command;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(backup(arguments))
        .map(|()| ExitCode::SUCCESS)
}

async fn backup(arguments: &BackupArguments) -> Result<(), String> {
    let (directory, shares) = match &arguments.data_directory {
        Some(directory) => (directory.clone(), false),
        None => {
            let config = Config::load(&arguments.config).map_err(|error| error.to_string())?;
            let name = arguments.config.display();
            let none = || format!("{name} has no `data_directory`: there is nothing to copy");
            let directory = config.data_directory.clone().ok_or_else(none)?;
            (directory, config.database.is_some())
        }
    };
    let sources = [LEDGER, KEYS].map(|it| (it.file_name, directory.join(it.file_name)));
    let there: Vec<_> = sources.iter().filter(|(_, file)| file.exists()).collect();
    if there.is_empty() {
        let shown = directory.display();
        return Err(format!(
            "{shown} has neither usage.db nor keys.db: name the service's `data_directory`"
        ));
    }
    let to = &arguments.to;
    prepare(to).map_err(|error| format!("{}: {error}", to.display()))?;
    for (name, _) in &there {
        let copy = to.join(name);
        if copy.exists() {
            let shown = copy.display();
            return Err(format!("{shown} is there already: name another folder"));
        }
    }
    catch_up(&directory).await?;
    for (name, file) in there {
        let copy = to.join(name);
        let copied = Database::copy(file, &copy).await;
        let bytes = copied.map_err(|error| error.to_string())?;
        say(
            &mut output::stdout(),
            &format!("{}: {bytes} bytes\n", copy.display()),
        );
    }
    if shares {
        say(
            &mut io::stderr(),
            "what replicas share is in PostgreSQL: back it up with pg_dump\n",
        );
    }
    Ok(())
}

/// What a killed service has left in its log belongs to the copy, too.
async fn catch_up(directory: &Path) -> Result<(), String> {
    let url = DatabaseUrl::in_directory(directory, LEDGER, Synchronous::Full);
    if !directory.join(LEDGER.file_name).exists() {
        return Ok(());
    }
    let failed = |error: crate::database::DatabaseError| error.to_string();
    let store = UsageStore::open(&url).await.map_err(failed)?;
    let caught_up = store.catch_up().await;
    store.close().await;
    caught_up.map_err(failed)
}

fn prepare(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)
}
