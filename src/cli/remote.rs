//! Commands to the running service, over its control socket.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::config::control_socket;

/// Longer than the service waits for its database.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_ADDRESS: &str = "unix:/run/tollgate-control/control.sock";

/// Where the running service takes commands.
#[derive(Args)]
pub(super) struct Control {
    /// The service's `listen.control`; TOLLGATE_CONTROL if absent, or else
    /// unix:/run/tollgate-control/control.sock.
    #[arg(long = "control", value_name = "ADDRESS", conflicts_with = "config")]
    address: Option<String>,
    /// The configuration of the service, of which only `listen.control` is read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Control {
    /// The one that a configuration names.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            address: Some(format!("unix:{}", path.display())),
            config: None,
        }
    }

    /// Where that is.
    ///
    /// # Errors
    /// What is wrong with the configuration that says it.
    pub(super) fn address(&self) -> Result<String, String> {
        match (&self.address, &self.config) {
            (Some(address), _) => Ok(address.clone()),
            (None, Some(file)) => {
                let socket = control_socket(file).map_err(|error| error.to_string())?;
                Ok(format!("unix:{}", socket.display()))
            }
            (None, None) => Ok(
                std::env::var("TOLLGATE_CONTROL").unwrap_or_else(|_| DEFAULT_ADDRESS.to_owned())
            ),
        }
    }

    /// A connection to the service.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub(super) async fn connect(&self) -> Result<Channel, String> {
        let address = &self.address()?;
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
            "no tollgate is listening for commands at {address}. Is it running here, with this `listen.control` in its tollgate.yaml? --config, --control or TOLLGATE_CONTROL names another one"
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
