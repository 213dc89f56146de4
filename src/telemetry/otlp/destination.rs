//! Where a signal goes, as `OTEL_EXPORTER_OTLP_*` say it
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, ClientTlsConfig};

use super::environment::{Environment, Set};
use super::list;
use super::signal::Signal;
use crate::auth::Url;
use crate::loopback::is_loopback;

const DEFAULT_TIMEOUT_MS: u64 = 10_000;
const GRPC: &str = "http://localhost:4317";
const HTTP: &str = "http://localhost:4318";

/// How a signal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) enum Protocol {
    Grpc,
    HttpProtobuf,
}

/// A collector.
pub(in crate::telemetry) struct Destination {
    pub(in crate::telemetry) signal: Signal,
    pub(in crate::telemetry) protocol: Protocol,
    /// With the path, where it is sent over HTTP.
    pub(in crate::telemetry) endpoint: Url,
    /// Secrets, as a rule.
    pub(in crate::telemetry) headers: HeaderMap,
    pub(in crate::telemetry) timeout: Duration,
    pub(in crate::telemetry) compresses: bool,
    /// PEM of the authorities that may have signed its certificate; `None`: those of the system.
    pub(in crate::telemetry) authorities: Option<Vec<u8>>,
    /// What tollgate shows the collector that it is.
    pub(in crate::telemetry) identity: Option<Identity>,
}

/// A certificate and its key, both PEM.
pub(in crate::telemetry) struct Identity {
    pub(in crate::telemetry) certificate: Vec<u8>,
    pub(in crate::telemetry) key: Vec<u8>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {:?}", self.signal.as_str(), self.protocol)
    }
}

impl Destination {
    /// Where a signal goes; `None` where nobody asks for it.
    pub(in crate::telemetry) fn read(
        environment: &Environment,
        signal: Signal,
    ) -> Result<Option<Self>, String> {
        if !environment.asks_for(signal)? {
            return Ok(None);
        }
        let protocol = protocol(environment, signal)?;
        let endpoint = endpoint(environment, signal, protocol)?;
        let destination = Self {
            signal,
            protocol,
            headers: headers(environment, signal)?,
            timeout: timeout(environment, signal)?,
            compresses: compression(environment, signal)?,
            authorities: authorities(environment, signal)?,
            identity: identity(environment, signal)?,
            endpoint,
        };
        Ok(Some(destination))
    }

    /// The collector is this machine.
    pub(in crate::telemetry) fn is_near(&self) -> bool {
        self.endpoint.host_str().is_some_and(is_loopback)
    }

    /// Headers go to another machine in the clear.
    pub(in crate::telemetry) fn shows_headers(&self) -> bool {
        self.endpoint.scheme() == "http" && !self.is_near() && !self.headers.is_empty()
    }

    /// Says where it goes: not the path, which may have a secret in it.
    pub(in crate::telemetry) fn announce(&self) {
        let signal = self.signal.as_str();
        let collector = self.endpoint.origin().ascii_serialization();
        tracing::info!(signal, collector, protocol = ?self.protocol, "telemetry is sent");
        if self.shows_headers() {
            let advice = "use https, or a collector on this machine";
            tracing::warn!(
                signal,
                advice,
                "OTEL_EXPORTER_OTLP_HEADERS are sent in the clear"
            );
        }
    }

    /// The headers, as gRPC has them.
    pub(in crate::telemetry) fn metadata(&self) -> MetadataMap {
        MetadataMap::from_headers(self.headers.clone())
    }

    /// TLS, where the collector is reached with it.
    pub(in crate::telemetry) fn tls(&self) -> Option<ClientTlsConfig> {
        if self.endpoint.scheme() != "https" {
            return None;
        }
        let tls = match &self.authorities {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        Some(match &self.identity {
            Some(Identity { certificate, key }) => {
                tls.identity(tonic::transport::Identity::from_pem(certificate, key))
            }
            None => tls,
        })
    }
}

fn protocol(environment: &Environment, signal: Signal) -> Result<Protocol, String> {
    let Some(set) = environment.of_exporter(signal, "PROTOCOL")? else {
        return Ok(Protocol::HttpProtobuf);
    };
    match set.value.trim() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        _ => Err(set.wrong("is not a protocol that tollgate has: write grpc or http/protobuf")),
    }
}

/// Over HTTP each signal has a path of its own below the URL for all of them; a URL of its own is taken as it is.
fn endpoint(environment: &Environment, signal: Signal, protocol: Protocol) -> Result<Url, String> {
    let own = environment.get(&format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.infix()))?;
    let (set, is_own) = match own {
        Some(own) => (Some(own), true),
        None => (environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")?, false),
    };
    let default = || Set {
        name: "the endpoint".to_owned(),
        value: match protocol {
            Protocol::Grpc => GRPC,
            Protocol::HttpProtobuf => HTTP,
        }
        .to_owned(),
    };
    let set = set.unwrap_or_else(default);
    let mut url = url(&set)?;
    if protocol == Protocol::HttpProtobuf && !is_own {
        let path = url.path().trim_end_matches('/');
        let path = format!("{path}/{}", signal.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// A path or a query may have a token in it: what is wrong is said without the URL.
fn url(set: &Set) -> Result<Url, String> {
    let malformed = || set.wrong_secret("not a URL: write http://HOST:PORT or https://HOST:PORT");
    let url = Url::parse(set.value.trim()).map_err(|_| malformed())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(malformed());
    }
    if !url.username().is_empty() || url.password().is_some() {
        let what =
            "the URL must have no user and no password in it: use OTEL_EXPORTER_OTLP_HEADERS";
        return Err(set.wrong_secret(what));
    }
    Ok(url)
}

fn headers(environment: &Environment, signal: Signal) -> Result<HeaderMap, String> {
    let Some(set) = environment.of_exporter(signal, "HEADERS")? else {
        return Ok(HeaderMap::new());
    };
    let members = list::members(&set.value).map_err(|what| set.wrong_secret(what))?;
    let mut headers = HeaderMap::new();
    for (name, value) in members {
        let name = HeaderName::try_from(name)
            .map_err(|_| set.wrong_secret("a member whose key is not the name of a header"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            set.wrong_secret(format_args!("a header can't hold the value of {name}"))
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn timeout(environment: &Environment, signal: Signal) -> Result<Duration, String> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_TIMEOUT", signal.infix());
    match environment.get(&own)? {
        Some(_) => environment.milliseconds(&own, DEFAULT_TIMEOUT_MS),
        None => environment.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", DEFAULT_TIMEOUT_MS),
    }
}

fn compression(environment: &Environment, signal: Signal) -> Result<bool, String> {
    let Some(set) = environment.of_exporter(signal, "COMPRESSION")? else {
        return Ok(false);
    };
    match set.value.trim() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err(set.wrong("is not a compression that tollgate has: write gzip or none")),
    }
}

fn file(set: &Set) -> Result<Vec<u8>, String> {
    std::fs::read(&set.value).map_err(|error| set.wrong(format_args!("can't be read: {error}")))
}

fn certificates(set: &Set) -> Result<Vec<u8>, String> {
    let text = file(set)?;
    let mut certificates = CertificateDer::pem_slice_iter(&text);
    match certificates.next() {
        Some(Ok(_)) if certificates.all(|it| it.is_ok()) => Ok(text),
        _ => Err(set.wrong("has no certificate, or one that is not valid PEM")),
    }
}

/// What it says is never shown.
fn private_key(set: &Set) -> Result<Vec<u8>, String> {
    let text = file(set)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(set.wrong("has no private key in PEM that can be read")),
    }
}

fn authorities(environment: &Environment, signal: Signal) -> Result<Option<Vec<u8>>, String> {
    let set = environment.of_exporter(signal, "CERTIFICATE")?;
    set.map(|set| certificates(&set)).transpose()
}

fn identity(environment: &Environment, signal: Signal) -> Result<Option<Identity>, String> {
    let certificate = environment.of_exporter(signal, "CLIENT_CERTIFICATE")?;
    let key = environment.of_exporter(signal, "CLIENT_KEY")?;
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(Identity {
            certificate: certificates(&certificate)?,
            key: private_key(&key)?,
        })),
        (Some(set), None) | (None, Some(set)) => Err(set.wrong(
            "needs both OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY",
        )),
    }
}

#[cfg(test)]
mod tests;
