//! What describes tollgate to other programs: `schema` for editors, `completions` for shells, `man` for manuals.

use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_complete::{Shell, generate};

use super::output;
use super::say;
use crate::config;

/// The JSON Schema of tollgate.yaml.
pub(super) fn schema() -> Result<ExitCode, String> {
    let schema = serde_json::to_string_pretty(&config::schema());
    let text = schema.map_err(|error| error.to_string())?;
    say(&mut output::stdout(), &format!("{text}\n"));
    Ok(ExitCode::SUCCESS)
}

/// The completions of a shell.
pub(super) fn completions(mut command: Command, shell: Shell) -> Result<ExitCode, String> {
    let mut text = Vec::new();
    generate(shell, &mut command, "tollgate", &mut text);
    say(&mut output::stdout(), &String::from_utf8_lossy(&text));
    Ok(ExitCode::SUCCESS)
}

/// A page for each command.
pub(super) fn pages(command: Command, folder: &Path) -> Result<ExitCode, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}
