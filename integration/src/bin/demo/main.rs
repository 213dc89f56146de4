//! `make demo`: a tour of the gateway, with the real Envoy and the real tollgate in front of a fake
//! Azure OpenAI. It ends well only if each step showed what it should.

mod call;
mod devices;
mod events;
mod gateway;
mod json;
mod keep;
mod key;
mod screen;
mod signals;
mod steps;
mod tool;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::time::timeout;
use tollgate_integration::stack::Failure;

use self::gateway::Gateway;
use self::screen::Screen;
use self::signals::Signals;

/// The start and all steps take two seconds on a machine that has nothing else to do.
const TOUR_DEADLINE: Duration = Duration::from_secs(30);
/// What a shell gives to a program that Ctrl-C ended: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Walks through what tollgate does: a real Envoy, a real tollgate, a fake Azure OpenAI, and each
/// request as one could type it. Leaves nothing behind.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Leave everything running after the tour, with commands to try, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut screen = Screen::new();
    // Owned out here, so that what runs is ended in order however the rest ends.
    let mut gateway = None;
    let outcome = run(&arguments, &mut screen, &mut gateway).await;
    if let Some(gateway) = gateway {
        gateway.stop().await;
    }
    outcome.unwrap_or_else(|failure| {
        eprintln!("demo: {failure}");
        ExitCode::FAILURE
    })
}

async fn run(
    arguments: &Arguments,
    screen: &mut Screen,
    gateway: &mut Option<Gateway>,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let toured = tokio::select! {
        toured = timeout(TOUR_DEADLINE, steps::tour(screen, gateway)) => toured,
        () = signals.any() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let toured = toured
        .unwrap_or_else(|_| Err(format!("the tour took longer than {TOUR_DEADLINE:?}").into()));
    let Some(gateway) = gateway else {
        return toured.map(|()| ExitCode::SUCCESS);
    };
    if let Err(failure) = toured {
        screen.fail(&failure);
    }
    if !screen.has_passed() {
        gateway.show_logs(screen);
    }
    screen.verdict();
    if arguments.keep {
        keep::until_signal(screen, gateway, &mut signals).await;
    }
    Ok(match screen.has_passed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
