//! `make bench`: what tollgate costs, next to Envoy alone and to a service that does nothing.

mod backend;
mod load;
mod measure;
mod process;
mod rounds;
mod setup;
mod table;
mod workload;

use std::process::ExitCode;

use clap::Parser;

/// Compares Envoy alone, Envoy with a no-op service and Envoy with tollgate, with and without a ledger,
/// under the same load.
/// Writes nothing but a table on standard output. Needs a release build and wrk.
#[derive(Parser)]
struct Arguments {
    /// Time under load, all runs together.
    #[arg(long, default_value_t = 288)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("a debug build says nothing about speed (run: make bench)");
        return ExitCode::FAILURE;
    }
    match rounds::run(Arguments::parse().seconds).await {
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
