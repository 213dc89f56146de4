//! Where key sets come from: OpenID Connect discovery, a URL, or a file.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::refresh::Fetching;
use super::{KeySet, KeySource, RefreshError};
use crate::auth::fetch::{Fetcher, Url};
use crate::auth::json::object;

/// A key set at a URL.
pub struct UrlSource {
    fetcher: Fetcher,
    url: Url,
}

impl UrlSource {
    /// The key set at this URL.
    pub fn new(fetcher: Fetcher, url: Url) -> Self {
        Self { fetcher, url }
    }
}

impl KeySource for UrlSource {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(async { Ok(KeySet::parse(&self.fetcher.get(&self.url).await?)?) })
    }

    fn origin(&self) -> String {
        format!("jwks_uri {}", self.url)
    }
}

/// The key set that an issuer's discovery document names
/// (<https://openid.net/specs/openid-connect-discovery-1_0.html>).
pub struct DiscoverySource {
    fetcher: Fetcher,
    document: Url,
    issuer: String,
}

impl DiscoverySource {
    /// The document at this URL, which must be of this issuer (section 4.3): else one issuer could
    /// hand us the keys of another.
    pub fn new(fetcher: Fetcher, document: Url, issuer: String) -> Self {
        Self {
            fetcher,
            document,
            issuer,
        }
    }

    async fn key_set(&self) -> Result<KeySet, RefreshError> {
        let body = self.fetcher.get(&self.document).await?;
        let document =
            object(&body).map_err(|_| RefreshError::Discovery("is not a JSON object"))?;
        if document.get("issuer").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(RefreshError::Discovery("is for another issuer"));
        }
        let address = document.get("jwks_uri").and_then(Value::as_str);
        let address = address.ok_or(RefreshError::Discovery("has no `jwks_uri`"))?;
        let address = Url::parse(address)
            .map_err(|_| RefreshError::Discovery("has a `jwks_uri` that is not a URL"))?;
        Ok(KeySet::parse(&self.fetcher.get(&address).await?)?)
    }
}

impl KeySource for DiscoverySource {
    fn fetch(&self) -> Fetching<'_> {
        Box::pin(self.key_set())
    }

    fn origin(&self) -> String {
        format!("discovery {} of {}", self.document, self.issuer)
    }
}

/// A key set in a file, read again like one from the network.
pub struct FileSource(Arc<PathBuf>);

impl FileSource {
    /// The key set in this file.
    pub fn new(path: PathBuf) -> Self {
        Self(Arc::new(path))
    }

    /// Reads the file now.
    ///
    /// # Errors
    /// [`RefreshError`] where it can't be read or is not a key set.
    pub fn read(&self) -> Result<KeySet, RefreshError> {
        Ok(KeySet::parse(&std::fs::read(self.0.as_path())?)?)
    }
}

impl KeySource for FileSource {
    fn fetch(&self) -> Fetching<'_> {
        let file = Self(Arc::clone(&self.0));
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || file.read()).await;
            read.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
        })
    }

    fn origin(&self) -> String {
        format!("jwks_file {}", self.0.display())
    }
}
