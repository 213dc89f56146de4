//! The floor of the bench: an ext_authz and ext_proc service that lets everything pass at once.

use std::path::PathBuf;

use clap::Parser;
use tollgate_integration::stack::decisions::{PassAll, serve};

/// Serves on a unix socket until it is killed.
#[derive(Parser)]
struct Arguments {
    /// Path of the unix socket; must not exist.
    #[arg(long)]
    socket: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    serve(&arguments.socket, PassAll, std::future::pending())?.await?;
    Ok(())
}
