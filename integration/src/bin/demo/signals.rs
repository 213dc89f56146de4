//! The ways in which somebody ends the demo.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tollgate_integration::stack::Failure;

/// Signals that end the demo, caught so that it can end what it has started.
pub struct Signals {
    interrupt: Signal,
    hangup: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| Failure::new("signals", error));
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            hangup: on(SignalKind::hangup())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    /// Waits for Ctrl-C, for the end of the terminal, or for a polite `kill`.
    pub async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
