//! `tollgate limits`: what is used of each limit, from the running service.

mod shown;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tokio_stream::StreamExt;

use super::remote::{Control, said};
use super::say;
use crate::control::limits_message::{away, subject_standings};
use crate::control::v1;
use crate::control::v1::limits_client::LimitsClient;
use shown::Listed;
pub(super) use shown::remark;

#[derive(Args)]
pub(super) struct LimitsArguments {
    /// What the requests of one client must pass, and what its users have used.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// How many users to show at most: those that have used the largest part of a limit.
    #[arg(long, value_name = "COUNT", default_value_t = 100, requires = "client",
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    users: u32,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    control: Control,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(super) fn run(arguments: &LimitsArguments) -> Result<ExitCode, String> {
    let listed = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(list(arguments))?;
    let text = match arguments.format {
        Format::Table => shown::table(&listed),
        Format::Json => shown::json(&listed)?,
    };
    say(&mut super::output::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}

async fn list(arguments: &LimitsArguments) -> Result<Listed, String> {
    let asked = v1::ListLimitsRequest {
        client: arguments.client.clone().unwrap_or_default(),
        max_users: arguments.users,
    };
    let mut service = LimitsClient::new(arguments.control.connect().await?);
    let mut stream = service.list_limits(asked).await.map_err(said)?.into_inner();
    let mut listed = Listed::default();
    while let Some(next) = stream.next().await {
        let next = next.map_err(said)?;
        if let Some(limits) = next.limits {
            let other = || {
                "the running service says something that this tollgate does not know: it is of another version"
                    .to_owned()
            };
            listed
                .limits
                .push(subject_standings(limits).ok_or_else(other)?);
        }
        listed.currency = next.currency;
        listed.time_zone = next.time_zone;
        listed.users_left_out = next.users_left_out;
        listed.away = next.away.map(away);
    }
    Ok(listed)
}
