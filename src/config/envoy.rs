//! `envoy`, and all that the Envoy configuration takes from the rest of the file.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use super::spanned::Spanned;

use super::kubernetes::kubernetes;
use super::pools::host_and_port;
use super::problem::Problem;
use super::problems::Problems;
use super::service::service;
use super::tracing::tracing;
use super::written::{ClientCertificates, Envoy, File};
use super::{GrpcAddress, Listen};
use crate::access::{BodyLimits, Client, MAX_GROWTH_BYTES};
use crate::auth::Url;
use crate::envoy_config::{self, Address, Backend, SYSTEM_AUTHORITIES, Settings, TollgateAddress};
use crate::upstream::is_choice;

const DEFAULT_LISTEN: &str = "0.0.0.0:8443";
const DEFAULT_ADMIN: &str = "127.0.0.1:9901";
const DEFAULT_CERTIFICATE: &str = "/etc/envoy/tls/tls.crt";
const DEFAULT_KEY: &str = "/etc/envoy/tls/tls.key";
const DEFAULT_MAX_CONNECTIONS: u64 = 20_000;
/// Less, and Envoy refuses requests as soon as it has started.
const MIN_HEAP_BYTES: u64 = 64 * 1024 * 1024;
const DEFAULT_MAX_HEAP_BYTES: u64 = 1024 * 1024 * 1024;

/// What is written about Envoy, checked.
pub(super) struct Surface {
    listen: Address,
    admin: Address,
    tls: Option<envoy_config::Tls>,
    certificates: bool,
    trusted_hops: u32,
    allowed_origins: Vec<String>,
    max_connections: u64,
    max_heap_bytes: u64,
    keep_instance_headers: bool,
    version: Option<envoy_config::Version>,
    pooled: bool,
    tracing: Option<envoy_config::Tracing>,
    service: Option<envoy_config::Service>,
    kubernetes: Option<envoy_config::Kubernetes>,
    backends: Vec<Backend>,
}

impl Surface {
    pub(super) fn read(file: &File, directory: &Path, problems: &mut Problems) -> Self {
        let written = &file.envoy;
        let certificates = file.listen.client_certificates.as_ref();
        let certificates =
            certificates.is_some_and(|it| matches!(it.value, ClientCertificates::Xfcc));
        Self {
            listen: address(written.listen.as_ref(), DEFAULT_LISTEN, problems),
            admin: admin(written, problems),
            tls: tls(written, certificates, problems),
            certificates,
            trusted_hops: written.trusted_hops,
            allowed_origins: origins(&written.allowed_origins, problems),
            max_connections: at_least(
                written.max_connections.as_ref(),
                1,
                DEFAULT_MAX_CONNECTIONS,
                problems,
            ),
            max_heap_bytes: at_least(
                written.max_heap_bytes.as_ref(),
                MIN_HEAP_BYTES,
                DEFAULT_MAX_HEAP_BYTES,
                problems,
            ),
            keep_instance_headers: file.response_headers.keeps_instance(),
            version: version(written.version.as_ref(), problems),
            pooled: is_pooled(file),
            tracing: tracing(written.tracing.as_ref(), trusted_ca(file), problems),
            service: service(written.tollgate.as_ref(), problems),
            kubernetes: kubernetes(written.kubernetes.as_ref(), problems),
            backends: backends(file, directory),
        }
    }

    pub(super) fn settings(
        self,
        listen: &Listen,
        clients: &[Arc<Client>],
        limits: BodyLimits,
    ) -> Settings {
        let headers = clients.iter().filter_map(|it| it.options.user_header());
        let headers: BTreeSet<_> = headers.map(str::to_owned).collect();
        Settings {
            listen: self.listen,
            admin: self.admin,
            tls: self.tls,
            certificates: self.certificates,
            trusted_hops: self.trusted_hops,
            allowed_origins: self.allowed_origins,
            max_connections: self.max_connections,
            max_heap_bytes: self.max_heap_bytes,
            tollgate: match (self.service, &listen.grpc) {
                (Some(service), _) => Some(TollgateAddress::Service(service)),
                (None, GrpcAddress::Unix(path)) => Some(TollgateAddress::Pipe {
                    pipe: path.display().to_string(),
                }),
                (None, GrpcAddress::Tcp(address)) => Some(TollgateAddress::Socket(split(*address))),
                (None, GrpcAddress::Tls(_)) => None,
            },
            kubernetes: self.kubernetes,
            user_headers: headers.into_iter().collect(),
            body_buffer_bytes: limits.ordinary.saturating_add(MAX_GROWTH_BYTES),
            audio_body_buffer_bytes: limits.audio.saturating_add(MAX_GROWTH_BYTES),
            keep_instance_headers: self.keep_instance_headers,
            pooled: self.pooled,
            tracing: self.tracing,
            version: self.version,
            backends: self.backends,
        }
    }
}

fn split(address: SocketAddr) -> Address {
    Address {
        address: address.ip().to_string(),
        port: address.port(),
    }
}

fn address(written: Option<&Spanned<String>>, default: &str, problems: &mut Problems) -> Address {
    let text = written.map_or(default, |it| it.value.as_str());
    let parsed = text.parse().map(split);
    parsed.unwrap_or_else(|_| {
        let message = format!("not an IP address with a port: write `{default}`");
        if let Some(written) = written {
            problems.push(Problem::at(written.referenced, message));
        }
        Address {
            address: String::new(),
            port: 0,
        }
    })
}

fn admin(written: &Envoy, problems: &mut Problems) -> Address {
    if let Some(admin) = &written.admin
        && let Ok(address) = admin.value.parse::<SocketAddr>()
        && !address.ip().is_loopback()
    {
        let message = "Envoy's admin endpoint must be a loopback address";
        let why = "whoever reaches it can stop Envoy and read its configuration";
        problems.push(Problem::at(admin.referenced, message).help(why));
    }
    let (admin, listen) = (written.admin.as_ref(), written.listen.as_ref());
    let own = admin.map_or(DEFAULT_ADMIN, |it| &it.value);
    let taken = listen.map_or(DEFAULT_LISTEN, |it| &it.value);
    if let Some(place) = admin.or(listen).filter(|_| is_same_port(own, taken)) {
        let message = format!("`admin: {own}` and `listen: {taken}` are one port");
        problems.push(Problem::at(place.referenced, message));
    }
    address(admin, DEFAULT_ADMIN, problems)
}

/// Whether two listeners would be in each other's way; port 0 is any that is free.
fn is_same_port(one: &str, other: &str) -> bool {
    let parsed = |text: &str| text.parse::<SocketAddr>().ok();
    let (Some(one), Some(other)) = (parsed(one), parsed(other)) else {
        return false;
    };
    let is_same_address = one.ip() == other.ip() || other.ip().is_unspecified();
    is_same_address && one.port() == other.port() && one.port() != 0
}

fn version(
    written: Option<&Spanned<String>>,
    problems: &mut Problems,
) -> Option<envoy_config::Version> {
    let written = written?;
    let version = envoy_config::Version::parse(&written.value);
    version
        .inspect_err(|why| problems.push(Problem::at(written.referenced, why.clone())))
        .ok()
}

fn tls(written: &Envoy, certificates: bool, problems: &mut Problems) -> Option<envoy_config::Tls> {
    if let Some(plaintext) = written.plaintext.as_ref().filter(|it| it.value) {
        if certificates {
            let message = "`client_certificates: xfcc` needs TLS at Envoy";
            let why = "without it a caller could write the header of a client certificate itself";
            problems.push(Problem::at(plaintext.referenced, message).help(why));
        }
        if let Some(tls) = &written.tls {
            let message = "`plaintext: true` has no certificate: remove `tls`, or `plaintext`";
            problems.push(Problem::at(tls.referenced, message));
        }
        return None;
    }
    let files = written.tls.as_ref().map(|it| &it.value);
    Some(envoy_config::Tls {
        certificate: files
            .map_or(DEFAULT_CERTIFICATE, |it| &it.certificate)
            .to_owned(),
        key: files.map_or(DEFAULT_KEY, |it| &it.key).to_owned(),
    })
}

/// Origins as browsers send them: scheme, host, and the port if it is not the scheme's own.
fn origins(written: &[Spanned<String>], problems: &mut Problems) -> Vec<String> {
    for origin in written {
        let is_one = Url::parse(&origin.value).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.origin().ascii_serialization() == origin.value
        });
        if !is_one {
            let message = format!("`{}` is not an origin", origin.value);
            let help = "write it as browsers do, such as https://app.example.com: no path, no slash at the end, no `*`";
            problems.push(Problem::at(origin.referenced, message).help(help));
        }
    }
    written.iter().map(|it| it.value.clone()).collect()
}

fn at_least(
    written: Option<&Spanned<u64>>,
    least: u64,
    default: u64,
    problems: &mut Problems,
) -> u64 {
    let Some(written) = written else {
        return default;
    };
    if written.value < least {
        let message = format!("must be at least {least}");
        problems.push(Problem::at(written.referenced, message));
    }
    written.value
}

fn is_pooled(file: &File) -> bool {
    is_choice(file.backends.value.len(), file.pools.len())
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

fn trusted_ca(file: &File) -> &str {
    let written = file.envoy.trusted_ca.as_ref();
    written.map_or(SYSTEM_AUTHORITIES, |it| it.value.as_str())
}

fn backends(file: &File, directory: &Path) -> Vec<Backend> {
    let trusted_ca = trusted_ca(file);
    let pooled = is_pooled(file);
    let backend = |written: &super::written::Backend| {
        let (host, port) = host_and_port(written).unzip();
        let own = written.ca_file.as_ref();
        Backend {
            name: written.name.value.clone(),
            cluster: Backend::cluster_of(&written.name.value, pooled),
            is_address: host.as_deref().is_some_and(is_address),
            host,
            port: port.unwrap_or_default(),
            trusted_ca: own.map_or(trusted_ca.to_owned(), |file| {
                // However the path of tollgate.yaml is written, Envoy may be started elsewhere.
                let path = directory.join(&file.value);
                let absolute = std::path::absolute(&path).unwrap_or(path);
                absolute.display().to_string()
            }),
        }
    };
    file.backends.value.iter().map(backend).collect()
}

#[cfg(test)]
mod tests;
