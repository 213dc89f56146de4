//! Fetches documents from URLs that others choose: with bounds on address, time and size.
//!
//! The one fetcher of the service: the documents of issuers and revocation lists come through it, each
//! under rules of its own. Redirects are not followed and no proxy of the environment is used.

mod address;
mod answer;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode};

pub use answer::Answer;
pub use reqwest::Url;

use crate::access::Network;

/// Largest document that is read unless the rules say otherwise, in bytes.
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest that a fetch may take unless the rules say otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a document was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Another scheme than https, or http where it is allowed; or a user name in the URL.
    #[error("{0} may not be fetched: only https, without a user name")]
    Scheme(Url),
    /// An address that is private, link-local or a metadata endpoint.
    #[error("{0} may not be fetched: its address is not allowed{hint}", hint = .1.hint())]
    Address(Url, Reach),
    /// The connection, TLS or the body failed.
    #[error("{0} could not be fetched: {1}")]
    Transport(Url, String),
    /// Another status than 200; redirects are not followed.
    #[error("{0} answered {1}")]
    Status(Url, StatusCode),
    /// A document that is too large.
    #[error("{0} is larger than {1} bytes")]
    TooLarge(Url, usize),
}

/// Why there is no fetcher.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// The file with authorities can't be read.
    #[error("the certificates in {} can't be read: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It has no certificates, or TLS can't be set up.
    #[error("{}", causes(.0))]
    Tls(#[from] reqwest::Error),
    /// The file has no certificate.
    #[error("there is no certificate in PEM in {}", .0.display())]
    NoCertificate(PathBuf),
}

/// Which addresses a fetcher may connect to. Metadata and link-local addresses it never may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public ones and those in these ranges, written out or behind a name.
    Public(Vec<Network>),
    /// Whatever the operator has written out, and behind a name all but this machine's own: for
    /// sources that live in private networks.
    Private,
    /// The same, and this machine's own: for what the operator names where it is asked.
    Anywhere,
}

impl Reach {
    /// Whether an address that a name leads to may be connected to.
    fn allows(&self, address: IpAddr) -> bool {
        match self {
            Self::Public(allowed) => address::is_allowed(address, allowed),
            Self::Private => address::is_elsewhere(address),
            Self::Anywhere => !address::is_never_allowed(address),
        }
    }

    /// Whether an address that is written in the URL may be.
    fn allows_literal(&self, address: IpAddr) -> bool {
        match self {
            Self::Public(_) => self.allows(address),
            Self::Private | Self::Anywhere => !address::is_never_allowed(address),
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Public(_) => ": it is not public, and not in `allow_addresses`",
            Self::Private | Self::Anywhere => "",
        }
    }
}

/// What a fetcher may do.
#[derive(Clone, Debug)]
pub struct FetchRules {
    /// Plain HTTP, too.
    pub allow_http: bool,
    /// Where it may connect to.
    pub reach: Reach,
    /// Largest document, in bytes.
    pub max_bytes: usize,
    /// Longest that one fetch may take.
    pub timeout: Duration,
}

impl Default for FetchRules {
    /// Documents of issuers: https, public addresses, 1 MiB, 10 s.
    fn default() -> Self {
        Self {
            allow_http: false,
            reach: Reach::Public(Vec::new()),
            max_bytes: MAX_DOCUMENT_BYTES,
            timeout: REQUEST_TIMEOUT,
        }
    }
}

impl FetchRules {
    fn failed(&self, url: &Url, error: reqwest::Error) -> FetchError {
        match is_refused(&error) {
            true => FetchError::Address(url.clone(), self.reach.clone()),
            false => FetchError::Transport(url.clone(), causes(&error.without_url())),
        }
    }
}

/// A document that is being fetched.
pub struct Document {
    url: Url,
    response: Response,
    /// How many have come.
    bytes: usize,
    rules: Arc<FetchRules>,
}

impl Document {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`FetchError::Transport`], also where less came than was announced; [`FetchError::TooLarge`].
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        let chunk = self.response.chunk().await;
        let chunk = chunk.map_err(|error| self.rules.failed(&self.url, error))?;
        let chunk = chunk.map(Vec::from);
        let length = chunk.as_ref().map_or(0, Vec::len);
        self.bytes = self.bytes.saturating_add(length);
        match self.bytes > self.rules.max_bytes {
            true => Err(FetchError::TooLarge(self.url.clone(), self.rules.max_bytes)),
            false => Ok(chunk),
        }
    }
}

/// Fetches documents.
#[derive(Clone)]
pub struct Fetcher {
    client: Client,
    rules: Arc<FetchRules>,
}

impl Fetcher {
    /// A fetcher that trusts the system's authorities, or only those of a PEM file.
    ///
    /// # Errors
    /// [`FetcherError`] where the file can't be used.
    pub fn new(rules: FetchRules, authorities: Option<&Path>) -> Result<Self, FetcherError> {
        let rules = Arc::new(rules);
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(rules.timeout)
            // A refresh is minutes after the last one: a kept connection would only be stale.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(AllowedAddresses(Arc::clone(&rules))));
        if let Some(path) = authorities {
            let unreadable = |error| FetcherError::File {
                path: path.to_owned(),
                error,
            };
            let bytes = std::fs::read(path).map_err(unreadable)?;
            let roots = Certificate::from_pem_bundle(&bytes)?;
            if roots.is_empty() {
                return Err(FetcherError::NoCertificate(path.to_owned()));
            }
            builder = builder.tls_certs_only(roots);
        }
        Ok(Self {
            client: builder.build()?,
            rules,
        })
    }

    /// Fetches a document.
    ///
    /// # Errors
    /// [`FetchError`]
    pub async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        self.fetch(url, None).await
    }

    /// Fetches a document that needs authorization. The header goes to this address only: redirects
    /// are not followed.
    ///
    /// # Errors
    /// [`FetchError`]
    pub async fn get_as(
        &self,
        url: &Url,
        authorization: HeaderValue,
    ) -> Result<Vec<u8>, FetchError> {
        self.fetch(url, Some(authorization)).await
    }

    async fn fetch(
        &self,
        url: &Url,
        authorization: Option<HeaderValue>,
    ) -> Result<Vec<u8>, FetchError> {
        let mut document = self.open(url, authorization).await?;
        let mut body = Vec::new();
        while let Some(chunk) = document.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Begins to fetch a document, to be read piece by piece.
    ///
    /// # Errors
    /// [`FetchError`]
    pub async fn open(
        &self,
        url: &Url,
        authorization: Option<HeaderValue>,
    ) -> Result<Document, FetchError> {
        self.check(url)?;
        let mut request = self.client.get(url.clone());
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await;
        let response = response.map_err(|error| self.rules.failed(url, error))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(url.clone(), response.status()));
        }
        Ok(Document {
            url: url.clone(),
            response,
            bytes: 0,
            rules: Arc::clone(&self.rules),
        })
    }

    /// What can be said before the name is resolved; an address that is written out never is.
    ///
    /// # Errors
    /// [`FetchError::Scheme`], [`FetchError::Address`]
    pub fn check(&self, url: &Url) -> Result<(), FetchError> {
        let is_scheme_good =
            url.scheme() == "https" || (url.scheme() == "http" && self.rules.allow_http);
        if !is_scheme_good || !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Scheme(url.clone()));
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse::<IpAddr>() {
            Ok(address) if !self.rules.reach.allows_literal(address) => {
                Err(FetchError::Address(url.clone(), self.rules.reach.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// DNS without the addresses that we may not connect to. The connection goes to what was checked
/// here: a name that changes its mind in between gains nothing.
struct AllowedAddresses(Arc<FetchRules>);

/// Every address of a name is one that we may not connect to.
#[derive(Debug, thiserror::Error)]
#[error("no address of the name is allowed")]
struct NotAllowed;

impl Resolve for AllowedAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| rules.reach.allows(at.ip())).collect();
            match allowed.is_empty() {
                true => Err(NotAllowed.into()),
                false => {
                    let addresses: Addrs = Box::new(allowed.into_iter());
                    Ok(addresses)
                }
            }
        })
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    sources(error).any(|cause| cause.is::<NotAllowed>())
}

/// An error with its causes, which reqwest does not write.
fn causes(error: &reqwest::Error) -> String {
    let all: Vec<_> = sources(error).map(ToString::to_string).collect();
    all.join(": ")
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests;
