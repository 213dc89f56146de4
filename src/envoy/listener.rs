//! Where Envoy connects.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::connection::Accepted;
use crate::config::GrpcAddress;

/// This user, and the group of the folder, which is how Envoy gets in where that has the setgid bit; nobody
/// else: the endpoint hands out the identity's token.
const SOCKET_MODE: u32 = 0o660;

/// The listening socket of the gRPC endpoint.
pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
    /// With TLS, by what the configuration says just then.
    Tls(TcpListener),
}

impl Listener {
    /// Listens, or says why it can't.
    pub(crate) async fn bind(address: &GrpcAddress) -> Result<Self, String> {
        let failed = |error: io::Error| format!("listen.grpc: can't listen on {address}: {error}");
        match address {
            GrpcAddress::Unix(path) => {
                let listener = bind_unix(path, SOCKET_MODE).await.map_err(failed)?;
                Ok(Self::Unix(listener))
            }
            GrpcAddress::Tcp(address) => {
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                Ok(Self::Tcp(listener))
            }
            GrpcAddress::Tls(address) => {
                let listener = TcpListener::bind(address).await.map_err(failed)?;
                Ok(Self::Tls(listener))
            }
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted::Unix(stream.into_std()?))
            }
            Self::Tcp(listener) => accept(listener).await.map(Accepted::Tcp),
            Self::Tls(listener) => accept(listener).await.map(Accepted::Tls),
        }
    }
}

async fn accept(listener: &TcpListener) -> io::Result<std::net::TcpStream> {
    let (stream, _) = listener.accept().await?;
    // Messages are small and each one waits for its answer (RFC 896's delay).
    stream.set_nodelay(true)?;
    stream.into_std()
}

/// Listens on a Unix socket that only those may open that `mode` says.
pub(crate) async fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    remove_stale(path).await?;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
    Ok(listener)
}

/// Removes the socket of a process that no longer runs; one that answers is left alone.
async fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::other("the path exists and is not a socket"))
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => Err(io::Error::other("another process is listening there")),
            Err(_) => std::fs::remove_file(path),
        },
    }
}
