//! When a command that goes on and on is to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, as Kubernetes and systemd send it, or SIGINT from a terminal.
pub(super) struct Terminated {
    terminate: Signal,
    interrupt: Signal,
}

impl Terminated {
    pub(super) fn new() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| error.to_string());
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
