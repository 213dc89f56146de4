//! What makes `tollgate serve` fail on this machine: folders, sockets, addresses, the data directory, the audit log's
//! file.
//!
//! Nothing is made or changed. What a service that runs here already holds is its own, and in nobody's way; and
//! what only another user may do can be right all the same: that is a warning.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use reqwest::StatusCode;

use super::super::health::{answer, page};
use crate::config::{Config, Finding, GrpcAddress, Places, Severity};
use crate::control::check_folder;
use crate::doctor::{can_append_to, can_make_files_in, is_writable};

/// More than the version has.
const MAX_VERSION_BYTES: usize = 1024;
const OTHER_MACHINE: &str = "`--file-only` looks at the file alone, as in CI";

/// What would make `serve` fail.
pub(super) fn examine(config: &Config, path: &Path) -> Vec<Finding> {
    let mut machine = Machine {
        places: Places::read(path),
        is_running: is_running(config.listen.admin),
        findings: Vec::new(),
    };
    machine.admin(config.listen.admin);
    machine.grpc(&config.listen.grpc);
    if let Some(socket) = &config.listen.control {
        machine.control(socket, config.listen.grpc.path());
    }
    if let Some(directory) = &config.data_directory {
        machine.data_directory(directory);
    }
    if let Some(audit) = &config.shown.audit {
        machine.log("the audit log", ["audit", "file"], &audit.path);
    }
    if let Some(content) = &config.shown.content {
        let at = ["content_log", "file"];
        machine.log("the content log", at, &content.path);
    }
    machine.findings
}

struct Machine {
    places: Places,
    /// The service answers at its address.
    is_running: bool,
    findings: Vec<Finding>,
}

impl Machine {
    fn admin(&mut self, wanted: SocketAddr) {
        let at = ["listen", "admin"];
        if !self.is_running
            && let Err(error) = TcpListener::bind(wanted)
        {
            self.found(&at, &error, format!("can't listen on {wanted}: {error}"));
        }
    }

    fn grpc(&mut self, address: &GrpcAddress) {
        let at = ["listen", "grpc"];
        match address {
            GrpcAddress::Tcp(address) | GrpcAddress::Tls(address) => {
                if !self.is_running
                    && let Err(error) = TcpListener::bind(address)
                {
                    self.found(&at, &error, format!("can't listen on {address}: {error}"));
                }
            }
            GrpcAddress::Unix(socket) => {
                let folder = folder_of(socket);
                let shown = folder.display();
                match can_make_files_in(folder).map_err(io::Error::from) {
                    Ok(()) => self.socket(&at, socket),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.found(&at, &error, format!("the folder {shown} is missing"));
                    }
                    Err(error) => {
                        let message =
                            format!("no socket can be made in the folder {shown}: {error}");
                        self.found(&at, &error, message);
                    }
                }
            }
        }
    }

    /// A socket that is there already: one that nobody listens on is replaced.
    fn socket(&mut self, at: &[&str], socket: &Path) {
        let shown = socket.display();
        let Ok(found) = std::fs::symlink_metadata(socket) else {
            return;
        };
        if !found.file_type().is_socket() {
            let message = format!("{shown} exists and is not a socket");
            self.add(Severity::Error, at, message);
        } else if !self.is_running && UnixStream::connect(socket).is_ok() {
            // An address that the system chooses can't be asked whose it is.
            let message = format!(
                "another process is listening on {shown}, unless it is the running service"
            );
            self.add(Severity::Warning, at, message);
        }
    }

    fn control(&mut self, socket: &Path, envoys: Option<&Path>) {
        let at = ["listen", "control"];
        let Err(message) = check_folder(socket, envoys) else {
            return self.socket(&at, socket);
        };
        let owner = std::fs::metadata(folder_of(socket)).map(|it| it.uid());
        let own = rustix::process::geteuid().as_raw();
        let severity = match owner {
            Ok(owner) if owner != own => Severity::Warning,
            _ => Severity::Error,
        };
        let message = message.trim_start_matches("listen.control: ");
        self.add(severity, &at, message.to_owned());
    }

    fn data_directory(&mut self, directory: &Path) {
        if let Err(error) = is_writable(directory).map_err(io::Error::from) {
            let message = format!("{} can't be written to: {error}", directory.display());
            self.found(&["data_directory"], &error, message);
        }
    }

    fn log(&mut self, what: &str, at: [&str; 2], file: &Path) {
        let shown = file.display();
        if std::fs::metadata(file).is_ok_and(|it| it.file_type().is_socket()) {
            let message = format!("{shown} is a socket, and not a file");
            self.add(Severity::Error, &at, message);
        } else if let Err(error) = can_append_to(file).map_err(io::Error::from) {
            let message = format!("{what} can't be written to {shown}: {error}");
            self.found(&at, &error, message);
        }
    }

    /// What fails for this user alone is a warning.
    fn found(&mut self, at: &[&str], error: &io::Error, message: String) {
        let severity = match error.kind() {
            io::ErrorKind::PermissionDenied => Severity::Warning,
            _ => Severity::Error,
        };
        self.add(severity, at, message);
    }

    fn add(&mut self, severity: Severity, at: &[&str], message: String) {
        let who = match severity {
            Severity::Error => "`serve` would not start here: ",
            Severity::Warning => "`serve` would not start here as this user: ",
        };
        let finding = self.places.finding(at, format!("{who}{message}"));
        self.findings.push(Finding {
            severity,
            help: Some(OTHER_MACHINE.to_owned()),
            ..finding
        });
    }
}

/// Whether tollgate answers at the address of health and metrics.
fn is_running(admin: SocketAddr) -> bool {
    if admin.port() == 0 {
        return false;
    }
    let answered = page(admin, "version").and_then(|url| answer(&url, MAX_VERSION_BYTES));
    answered.is_ok_and(|(status, text)| status == StatusCode::OK && is_version(&text))
}

/// `1.2.3`, which few other services answer there.
fn is_version(text: &str) -> bool {
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.trim().splitn(3, '.');
    parts.by_ref().take(2).all(is_number) && parts.next().is_some()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
