//! `make bench`: what tollgate costs, next to Envoy alone and to a service that does nothing.

mod attack;
mod backend;
mod hostile;
mod load;
mod measure;
mod process;
mod rounds;
mod setup;
mod table;
mod workload;

use std::net::SocketAddr;
use std::process::ExitCode;

use attack::Attack;
use clap::{Parser, Subcommand};
use setup::Chain;
use tollgate_integration::stack::Failure;
use workload::Workload;

/// Compares Envoy alone, Envoy with a no-op service and Envoy with tollgate, with and without a ledger,
/// under the same load.
/// Writes nothing but a table on standard output. Needs a release build and wrk.
#[derive(Parser)]
struct Arguments {
    /// Time under load, all runs of the comparison together; 0 leaves it out.
    #[arg(long, default_value_t = 360)]
    seconds: u64,
    /// What is compared, separated by commas; all of them unless said.
    #[arg(long, value_delimiter = ',', default_values_t = Chain::ALL, value_enum)]
    chains: Vec<Chain>,
    /// What is asked for, separated by commas; all of them unless said.
    #[arg(long, value_delimiter = ',', default_values_t = Workload::ALL, value_enum)]
    workloads: Vec<Workload>,
    /// Time under load of the hostile mix, all runs together; 0 leaves it out.
    #[arg(long, default_value_t = 72)]
    hostile_seconds: u64,
    /// The attacks of the hostile mix, separated by commas; all of them unless said.
    #[arg(long, value_delimiter = ',', default_values_t = Attack::ALL, value_enum)]
    attacks: Vec<Attack>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the hostile mix starts as a process of its own.
#[derive(Subcommand)]
enum Part {
    /// Attacks a gateway with a key, until it is stopped.
    #[command(hide = true)]
    Attack {
        attack: Attack,
        gateway: SocketAddr,
        key: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("a debug build says nothing about speed (run: make bench)");
        return ExitCode::FAILURE;
    }
    match run(&Arguments::parse()).await {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<String, Failure> {
    if let Some(Part::Attack {
        attack,
        gateway,
        key,
    }) = &arguments.part
    {
        attack.run(*gateway, key).await;
        return Ok(String::new());
    }
    let mut report = match arguments.seconds {
        0 => String::new(),
        seconds => rounds::run(seconds, &arguments.chains, &arguments.workloads).await?,
    };
    if arguments.hostile_seconds > 0 {
        report.push_str(&hostile::run(arguments.hostile_seconds, &arguments.attacks).await?);
    }
    Ok(report)
}
