//! What a caller has: HTTP clients that trust the test's authority, and raw bytes over TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::Failure;
use super::wait::DEADLINE;

/// The name that the gateway's test certificate is for.
pub const GATEWAY_HOST: &str = "localhost";

/// The callers' side of one gateway.
#[derive(Clone, Debug)]
pub struct Callers {
    address: SocketAddr,
    authority_pem: String,
    base_url: String,
    http1: reqwest::Client,
    http2: reqwest::Client,
    tls: Arc<ClientConfig>,
}

impl Callers {
    /// Callers of the gateway at `address`, who trust the authority of this PEM.
    pub fn new(address: SocketAddr, authority_pem: &str) -> Result<Self, Failure> {
        let failed = |error| Failure::new("no HTTP client", error);
        let root = reqwest::Certificate::from_pem(authority_pem.as_bytes()).map_err(failed)?;
        let client = || {
            reqwest::Client::builder()
                .tls_certs_only([root.clone()])
                .resolve(GATEWAY_HOST, address)
                .redirect(reqwest::redirect::Policy::none())
                .timeout(DEADLINE)
        };
        Ok(Self {
            address,
            authority_pem: authority_pem.to_owned(),
            base_url: format!("https://{GATEWAY_HOST}:{}", address.port()),
            http1: client().http1_only().build().map_err(failed)?,
            http2: client().http2_prior_knowledge().build().map_err(failed)?,
            tls: tls_config(authority_pem)?,
        })
    }

    /// An HTTP/1.1 client with a certificate: PEM of the chain, leaf first, and of the key.
    pub fn with_certificate(&self, chain: &str, key: &str) -> Result<reqwest::Client, Failure> {
        let failed = |error| Failure::new("no HTTP client", error);
        let root = reqwest::Certificate::from_pem(self.authority_pem.as_bytes()).map_err(failed)?;
        let identity = reqwest::Identity::from_pem(format!("{chain}\n{key}").as_bytes());
        reqwest::Client::builder()
            .tls_certs_only([root])
            .identity(identity.map_err(failed)?)
            .resolve(GATEWAY_HOST, self.address)
            .timeout(DEADLINE)
            .http1_only()
            .build()
            .map_err(failed)
    }

    /// TLS with a certificate, for raw bytes; one configuration resumes its sessions.
    pub fn tls_with_certificate(
        &self,
        chain: &str,
        key: &str,
    ) -> Result<Arc<ClientConfig>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new("a client certificate", error);
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority_pem.as_bytes());
        roots
            .add(root.map_err(|error| failed(&error))?)
            .map_err(|error| failed(&error))?;
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(
                chain.map_err(|error| failed(&error))?,
                key.map_err(|error| failed(&error))?,
            )
            .map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A TLS connection of another configuration.
    pub async fn connect_as(
        &self,
        tls: &Arc<ClientConfig>,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| Failure::new(self.address, error))?;
        let name = ServerName::try_from(GATEWAY_HOST)
            .map_err(|error| Failure::new(GATEWAY_HOST, error))?;
        TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await
            .map_err(|error| Failure::new("TLS handshake", error))
    }

    /// A client that speaks HTTP/1.1.
    pub fn http1(&self) -> &reqwest::Client {
        &self.http1
    }

    /// A client that speaks HTTP/2.
    pub fn http2(&self) -> &reqwest::Client {
        &self.http2
    }

    /// The URL of a path on the gateway.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// A TLS connection with HTTP/1.1, for bytes that no HTTP client would send.
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>, Failure> {
        self.connect_as(&self.tls).await
    }

    /// A TLS connection with HTTP/2, for frames that no HTTP client would send.
    pub async fn connect_http2(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let mut tls = ClientConfig::clone(&self.tls);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        self.connect_as(&Arc::new(tls)).await
    }

    /// Sends `bytes` as they are, and reads until the gateway closes: end them with
    /// `connection: close`.
    pub async fn send_raw(&self, bytes: impl AsRef<[u8]>) -> Result<RawResponse, Failure> {
        let mut stream = self.connect().await?;
        let failed = |error| Failure::new("raw request", error);
        stream.write_all(bytes.as_ref()).await.map_err(failed)?;
        let mut answer = Vec::new();
        // A gateway that hangs up without a TLS close_notify has still answered.
        let _ = timeout(DEADLINE, stream.read_to_end(&mut answer))
            .await
            .map_err(|late| Failure::new("no end of the answer", late))?;
        RawResponse::parse(&answer)
    }
}

/// An answer as it came over the connection.
#[derive(Clone, Debug)]
pub struct RawResponse {
    /// The status code.
    pub status: u16,
    /// The header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What follows the headers, chunk sizes and all.
    pub body: String,
}

impl RawResponse {
    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let text = String::from_utf8_lossy(bytes);
        let malformed = || Failure::new("not an HTTP response", format_args!("{text:?}"));
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Ok(Self {
            status: status
                .and_then(|code| code.parse().ok())
                .ok_or_else(malformed)?,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        })
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn tls_config(authority_pem: &str) -> Result<Arc<ClientConfig>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("the test's authority", error);
    let certificate =
        CertificateDer::from_pem_slice(authority_pem.as_bytes()).map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|error| failed(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
