//! Where an issuer's keys come from, and what may be fetched for it.

use std::path::Path;
use std::sync::Arc;

use crate::config::spanned::Spanned;

use crate::access::NetworkError;
use crate::auth::{
    DiscoverySource, FetchRules, Fetcher, FileSource, KeySource, Reach, TENANT_PLACEHOLDER, Url,
    UrlSource,
};
use crate::config::problem::Problem;
use crate::config::problems::Problems;
use crate::config::written::Issuer;

/// What OpenID Connect Discovery appends to an issuer (section 4).
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// The tenant in the URL of a multi-tenant issuer's discovery document.
const ANY_TENANT: &str = "organizations";

impl Issuer {
    /// Where the keys come from: a file, a URL, or discovery.
    pub(super) fn source(
        &self,
        directory: &Path,
        problems: &mut Problems,
    ) -> Option<Arc<dyn KeySource>> {
        match (&self.jwks_file, &self.jwks_uri, &self.discovery) {
            (Some(file), None, None) => {
                let source = FileSource::new(directory.join(&file.value));
                source
                    .read()
                    .map_err(|error| problems.push(Problem::at(file.referenced, error.to_string())))
                    .ok()?;
                Some(Arc::new(source))
            }
            (None, Some(uri), None) => {
                let fetcher = self.fetcher(directory, problems)?;
                let url = url(&fetcher, &uri.value, uri, problems)?;
                Some(Arc::new(UrlSource::new(fetcher, url)))
            }
            (None, None, discovery) => {
                let fetcher = self.fetcher(directory, problems)?;
                let any = self.issuer.value.replace(TENANT_PLACEHOLDER, ANY_TENANT);
                let default = format!("{}{DISCOVERY_PATH}", any.trim_end_matches('/'));
                let (document, at) = match discovery {
                    Some(document) => (&document.value, document),
                    None => (&default, &self.issuer),
                };
                let document = url(&fetcher, document, at, problems)?;
                let issuer = self.issuer.value.clone();
                Some(Arc::new(DiscoverySource::new(fetcher, document, issuer)))
            }
            _ => {
                let message = "at most one of `discovery`, `jwks_uri` and `jwks_file` may be set";
                problems.push(Problem::at(self.name.referenced, message));
                None
            }
        }
    }

    fn fetcher(&self, directory: &Path, problems: &mut Problems) -> Option<Fetcher> {
        let mut allowed = Vec::new();
        for range in &self.allow_addresses {
            match range.value.parse() {
                Ok(range) => allowed.push(range),
                Err(error) => {
                    let error: NetworkError = error;
                    problems.push(Problem::at(range.referenced, error.to_string()));
                }
            }
        }
        let rules = FetchRules {
            allow_http: self.allow_http,
            reach: Reach::Public(allowed),
            ..FetchRules::default()
        };
        let file = self
            .ca_file
            .as_ref()
            .map(|file| directory.join(&file.value));
        let at = self
            .ca_file
            .as_ref()
            .map_or(self.name.referenced, |it| it.referenced);
        Fetcher::new(rules, file.as_deref())
            .map_err(|error| problems.push(Problem::at(at, error.to_string())))
            .ok()
    }
}

fn url(
    fetcher: &Fetcher,
    written: &str,
    at: &Spanned<String>,
    problems: &mut Problems,
) -> Option<Url> {
    let refused = match Url::parse(written) {
        Ok(url) => match fetcher.check(&url) {
            Ok(()) => return Some(url),
            Err(error) => error.to_string(),
        },
        Err(_) => format!("`{written}` is not a valid URL"),
    };
    problems.push(Problem::at(at.referenced, refused));
    None
}
