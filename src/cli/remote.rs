//! Commands to the running service, over its control socket.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Longer than the service waits for its database.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the running service takes commands.
#[derive(Args)]
pub(super) struct Control {
    /// The service's `listen.control`.
    #[arg(
        long = "control",
        value_name = "ADDRESS",
        env = "TOLLGATE_CONTROL",
        default_value = "unix:/run/tollgate-control/control.sock"
    )]
    pub(super) address: String,
}

impl Control {
    /// The one that a configuration names.
    pub(super) fn at(path: &Path) -> Self {
        let address = format!("unix:{}", path.display());
        Self { address }
    }

    /// A connection to the service.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub(super) async fn connect(&self) -> Result<Channel, String> {
        let address = &self.address;
        let path = address
            .strip_prefix("unix:")
            .filter(|path| !path.is_empty())
            .ok_or_else(|| {
                format!(
                    "`{address}` is not a control socket: write `unix:/run/tollgate-control/control.sock`"
                )
            })?;
        // Tried first by itself: gRPC would not say why it can't connect.
        UnixStream::connect(path).map_err(|error| unreachable(address, &error))?;
        let endpoint = Endpoint::from_shared(address.clone()).map_err(|error| error.to_string())?;
        let channel = endpoint.timeout(ANSWER_TIMEOUT).connect().await;
        channel.map_err(|error| format!("{address}: {error}"))
    }
}

fn unreachable(address: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
            "no tollgate is listening for commands at {address}. Is it running here, with this `listen.control` in its tollgate.yaml? --control or TOLLGATE_CONTROL names another one"
        ),
        ErrorKind::PermissionDenied => format!(
            "this user may not open {address}: run this as the user that tollgate runs as, or as root"
        ),
        _ => format!("{address} can't be opened: {error}"),
    }
}

/// What the service said, for a person.
pub(super) fn said(status: Status) -> String {
    match (status.code(), status.message()) {
        (Code::Unimplemented, _) => {
            "the running service does not know this command: it is of another version".to_owned()
        }
        (code, "") => format!("the service refused without a reason ({code})"),
        (_, message) => message.to_owned(),
    }
}
