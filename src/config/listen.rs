//! Where the service listens: what is written, and what it means.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use super::spanned::Spanned;

use super::console::console;
use super::problem::Problem;
use super::problems::Problems;
use super::{GrpcAddress, Listen, written};

pub(super) fn listen(file: &written::File, problems: &mut Problems) -> Option<Listen> {
    let listen = &file.listen;
    let has_tls = listen.grpc_tls.is_some();
    let grpc = match listen.grpc.value.strip_prefix("unix:") {
        Some(_) if has_tls => {
            Err("a Unix socket has no TLS: write an address, or remove `grpc_tls`")
        }
        Some("") => Err("the path of the socket is missing after `unix:`"),
        Some(path) => Ok(GrpcAddress::Unix(PathBuf::from(path))),
        None => match listen.grpc.value.parse::<SocketAddr>() {
            Ok(address) if has_tls => Ok(GrpcAddress::Tls(address)),
            Ok(address) if address.ip().is_loopback() => Ok(GrpcAddress::Tcp(address)),
            Ok(_) => Err(
                "without `grpc_tls` the gRPC endpoint must be a Unix socket or a loopback address",
            ),
            Err(_) => Err("not an address: write `unix:/path/to/socket` or `127.0.0.1:9000`"),
        },
    };
    let grpc = grpc.map_err(|message| {
        let why = "anyone who reaches this endpoint can get the identity's token from it, so only the Envoy beside it may";
        problems.push(Problem::at(listen.grpc.referenced, message).help(why));
    });
    let admin = admin(&listen.admin).map_err(|problem| problems.push(*problem));
    let control = listen.control.as_ref().and_then(|written| {
        let path = control_socket(written, problems)?;
        if let Ok(GrpcAddress::Unix(socket)) = &grpc
            && folder(&path).starts_with(folder(socket))
        {
            let message = "the control socket must not be in the folder of `grpc`, or below it: Envoy has access to it";
            let help = "whoever controls Envoy could issue keys: write `unix:/run/tollgate-control/control.sock`, in a folder that nothing else uses";
            problems.push(Problem::at(written.referenced, message).help(help));
        }
        Some(path)
    });
    Some(Listen {
        grpc: grpc.ok()?,
        admin: admin.ok()?,
        console: console(&file.admin, problems),
        control,
    })
}

/// The folder of a socket, made absolute and without `..`; links are not followed.
fn folder(socket: &Path) -> PathBuf {
    let absolute = std::path::absolute(socket).unwrap_or_else(|_| socket.to_owned());
    let mut folder = PathBuf::new();
    for component in absolute.parent().into_iter().flat_map(Path::components) {
        match component {
            Component::ParentDir => {
                folder.pop();
            }
            other => folder.push(other),
        }
    }
    folder
}

/// The address of the HTTP side.
pub(super) fn admin(written: &Spanned<String>) -> Result<SocketAddr, Box<Problem>> {
    written.value.parse().map_err(|_| {
        let message = "not an IP address with a port: write `127.0.0.1:9090` or `0.0.0.0:9090`";
        Box::new(Problem::at(written.referenced, message))
    })
}

pub(super) fn control_socket(
    control: &Spanned<String>,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let path = control
        .value
        .strip_prefix("unix:")
        .filter(|it| !it.is_empty());
    if path.is_none() {
        let message = "the control socket must be a Unix socket: write `unix:/run/tollgate-control/control.sock`";
        let why = "who asks is known by their user on this machine; from elsewhere, use ssh or `kubectl exec`";
        problems.push(Problem::at(control.referenced, message).help(why));
    }
    path.map(PathBuf::from)
}

/// Commands about keys need somewhere to store them.
pub(super) fn check_control(file: &written::File, problems: &mut Problems) {
    if let Some(control) = &file.listen.control
        && file.data_directory.is_none()
        && file.database.is_none()
    {
        let message = "`control` issues keys, and there is nowhere to store them";
        let help = "write `data_directory: /var/lib/tollgate`, or `database: postgres://…` where replicas share it";
        problems.push(Problem::at(control.referenced, message).help(help));
    }
}
