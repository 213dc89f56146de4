//! The command line.

mod alarms;
mod backends;
mod backup;
mod check;
mod console;
mod control;
mod doctor;
mod envoy;
mod examples;
mod explain;
mod generation;
mod health;
mod key;
mod ledger;
mod limits;
mod log_level;
mod manual;
mod output;
mod plain;
mod quotas;
mod reload;
mod remote;
mod sending;
mod serve;
mod supervisor;
mod tables;
mod terminated;
mod usage;
mod writers;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::telemetry::LogFormat;

/// The version, and the commit where it is known.
const VERSION: &str = env!("TOLLGATE_VERSION");

/// Puts authentication, authorisation and token accounting in front of Azure OpenAI, alongside Envoy.
#[derive(Parser)]
#[command(name = "tollgate", version = VERSION, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve {
        /// The configuration.
        #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
        config: PathBuf,
        /// How the log on standard error looks.
        #[arg(long, value_enum, default_value = "json")]
        log_format: LogFormat,
    },
    /// Validate a configuration: says everything that is wrong with it, each with its line and what to do.
    Check(check::CheckArguments),
    /// Write the Envoy configuration that fits a tollgate.yaml.
    Envoy(envoy::EnvoyArguments),
    /// Try for real what the configuration says, and say what to do where it does not work.
    Doctor(doctor::DoctorArguments),
    /// Show the state of each backend, as the running service knows it.
    Backends(backends::BackendsArguments),
    /// Ask the running service whether it can serve requests: exits with 0 only if it can.
    Health(health::HealthArguments),
    /// Explain how a request is decided, step by step, without secrets.
    Explain(explain::ExplainArguments),
    /// Keys for clients: made for the configuration, or issued and revoked while the service runs.
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// What is used of each limit, what is left, and when it renews: from the running service.
    Limits(limits::LimitsArguments),
    /// The usage ledger's files.
    Ledger {
        #[command(subcommand)]
        command: backup::LedgerCommand,
    },
    /// What the running service logs, and to change it.
    LogLevel(log_level::LogLevelArguments),
    /// Who used what, when, and for how much.
    Usage(Box<usage::UsageArguments>),
    /// Print the JSON Schema of tollgate.yaml, with which editors complete and check it.
    Schema,
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write a manual page for each command into a folder.
    Man {
        /// The folder, which is made if it is missing.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match arguments.command {
        Command::Serve { config, log_format } => serve::run(&config, log_format),
        Command::Check(arguments) => check::run(&arguments),
        Command::Envoy(arguments) => envoy::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Backends(arguments) => backends::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Key { command } => key::run(command),
        Command::Limits(arguments) => limits::run(&arguments),
        Command::Ledger { command } => backup::run(&command),
        Command::LogLevel(arguments) => log_level::run(&arguments),
        Command::Usage(arguments) => usage::run(*arguments),
        Command::Schema => manual::schema(),
        Command::Completions { shell } => manual::completions(command(), shell),
        Command::Man { folder } => manual::pages(command(), &folder),
    };
    outcome.unwrap_or_else(|message| {
        say(&mut io::stderr(), &format!("tollgate: {message}\n"));
        ExitCode::FAILURE
    })
}

/// The command line, with examples of each command.
fn command() -> clap::Command {
    examples::add(Arguments::command())
}

/// Writes for a person, and nothing that a terminal would obey; if nobody reads, there is nobody to tell.
fn say(output: &mut impl Write, text: &str) {
    let _ = output.write_all(plain::printable_lines(text).as_bytes());
}

#[cfg(test)]
mod tests;
