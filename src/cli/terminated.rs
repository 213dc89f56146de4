//! When a command that goes on and on is to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::{CancellationToken, DropGuard};

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

/// Whether somebody wants a command to end, for one that looks between two steps.
pub(super) struct Interrupted {
    told: CancellationToken,
    _watching: DropGuard,
}

impl Interrupted {
    /// Watches from now on, instead of being ended at once.
    pub(super) fn watch() -> Result<Self, String> {
        let mut terminated = Terminated::new()?;
        let (told, over) = (CancellationToken::new(), CancellationToken::new());
        let (tell, ends) = (told.clone(), over.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = terminated.wait() => tell.cancel(),
                () = ends.cancelled() => {}
            }
        });
        Ok(Self {
            told,
            _watching: over.drop_guard(),
        })
    }

    /// Whether they do.
    pub(super) fn is_so(&self) -> bool {
        self.told.is_cancelled()
    }
}
