//! `tollgate log-level`: what the running service logs.

use std::process::ExitCode;

use clap::Args;

use super::output;
use super::remote::{Control, said};
use super::say;
use crate::control::v1;
use crate::control::v1::log_client::LogClient;

#[derive(Args)]
pub(super) struct LogLevelArguments {
    /// What to log from now on, as in TOLLGATE_LOG: a level (off, error, warn, info, debug, trace), or levels of parts,
    /// such as info,tollgate::auth=debug. Without it, what is logged now.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    #[command(flatten)]
    control: Control,
}

pub(super) fn run(arguments: &LogLevelArguments) -> Result<ExitCode, String> {
    let said = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(ask(arguments))?;
    let text = match arguments.filter {
        None => format!("{}\n", said.filter),
        Some(_) => format!("{} (before: {})\n", said.filter, said.previous),
    };
    say(&mut output::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}

async fn ask(arguments: &LogLevelArguments) -> Result<v1::FilterResponse, String> {
    let filter = arguments.filter.clone();
    let mut service = LogClient::new(arguments.control.connect().await?);
    let answer = service.filter(v1::FilterRequest { filter }).await;
    Ok(answer.map_err(said)?.into_inner())
}
