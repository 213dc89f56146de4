//! What systemd is told of a service of the type `notify`
//! (<https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>).

use sd_notify::NotifyState;

/// It listens: what is ordered after it may start. Whether it can serve requests by now is what `/readyz` says, since
/// systemd would end what waits for Entra ID for too long.
pub(super) fn listening() {
    tell(NotifyState::Ready);
}

/// It ends, and may take its time.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Nothing where no supervisor asks for it.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd can't be told: is NOTIFY_SOCKET right?");
    }
}
