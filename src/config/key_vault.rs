//! Trust anchors in Azure Key Vault: what is written, and what it means.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_saphyr::Location;

use super::problem::Problem;
use super::problems::Problems;
use super::surroundings::Surroundings;
use super::written::KeyVault;
use super::{IdentityConfig, duration};
use crate::auth::certificate::AnchorSource;
use crate::auth::{FetchRules, Fetcher, Reach, Url};
use crate::upstream::{AzureTokenSource, KeyVaultSource, VaultObject};

/// The domains of Azure's clouds that vaults are in. The scope of a token for them is the domain itself
/// (<https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers>).
const DOMAINS: [&str; 3] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
];
/// How often a vault is asked.
const DEFAULT_REFRESH: Duration = Duration::from_secs(3600);
const MIN_REFRESH: Duration = Duration::from_millis(100);
/// Longest name of an object
/// (<https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning>).
const MAX_NAME_CHARS: usize = 127;

impl KeyVault {
    /// What asks the vault; `None` where something is wrong.
    pub(super) fn source(
        &self,
        at: Location,
        around: Surroundings<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn AnchorSource>> {
        let object = self.object(at, problems);
        let refresh = self.refresh(problems);
        let vault = self.vault(problems);
        let fetcher = self.fetcher(at, around.directory, problems);
        let (vault, scope) = vault?;
        let tokens = AzureTokenSource::new(IdentityConfig {
            source: around.identity?.source.clone(),
            scope,
        });
        let source = KeyVaultSource::new(&vault, object?, refresh, tokens, fetcher?);
        Some(Arc::new(source))
    }

    fn object(&self, at: Location, problems: &mut Problems) -> Option<VaultObject> {
        let (name, object): (_, fn(String) -> VaultObject) = match (&self.certificate, &self.secret)
        {
            (Some(name), None) => (name, VaultObject::Certificate),
            (None, Some(name)) => (name, VaultObject::Secret),
            _ => {
                let message = "name exactly one object of the vault, a `certificate` or a `secret`";
                problems.push(Problem::at(at, message));
                return None;
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_name = (1..=MAX_NAME_CHARS).contains(&name.value.len());
        if !is_name || !name.value.chars().all(plain) {
            let message = format!("`{}` is not a valid name of a vault object", name.value);
            let help = format!("use letters, digits and `-`, at most {MAX_NAME_CHARS} characters");
            problems.push(Problem::at(name.referenced, message).help(help));
            return None;
        }
        Some(object(name.value.clone()))
    }

    fn refresh(&self, problems: &mut Problems) -> Duration {
        let Some(text) = &self.refresh else {
            return DEFAULT_REFRESH;
        };
        match duration::parse(&text.value) {
            Some(time) if time >= MIN_REFRESH => time,
            _ => {
                let message = "must be a duration of at least 100ms";
                problems.push(Problem::at(text.referenced, message));
                DEFAULT_REFRESH
            }
        }
    }

    /// The vault's address and the scope of a token for it.
    fn vault(&self, problems: &mut Problems) -> Option<(Url, String)> {
        let found = Url::parse(&self.vault.value).ok().and_then(|url| {
            let is_plain = url.scheme() == "https"
                && url.username().is_empty()
                && url.password().is_none()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none();
            let domain = self.domain(&url).filter(|_| is_plain)?;
            Some((url, format!("https://{domain}/.default")))
        });
        if found.is_none() {
            let message = format!("`{}` is not a valid vault URL", self.vault.value);
            let help = "write `https://NAME.vault.azure.net`, or the domain of another of Azure's clouds; name any other host in `allow_hosts` too";
            problems.push(Problem::at(self.vault.referenced, message).help(help));
        }
        found
    }

    /// The domain of Azure's that a vault is in. A host that the operator allows counts as one of the
    /// public cloud's.
    fn domain(&self, url: &Url) -> Option<&'static str> {
        let host = url.host_str()?;
        let own = DOMAINS.into_iter().find(|domain| {
            let name = host
                .strip_suffix(domain)
                .and_then(|it| it.strip_suffix('.'));
            name.is_some_and(|name| !name.is_empty() && !name.contains('.'))
        });
        let written = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let is_allowed = self.allow_hosts.contains(&written);
        own.filter(|_| url.port().is_none())
            .or(is_allowed.then_some("vault.azure.net"))
    }

    fn fetcher(&self, at: Location, directory: &Path, problems: &mut Problems) -> Option<Fetcher> {
        let rules = FetchRules {
            // Private endpoints: the vault's name leads into the operator's own network.
            reach: Reach::Private,
            ..FetchRules::default()
        };
        let file = self.ca_file.as_ref();
        let path = file.map(|file| directory.join(&file.value));
        let at = file.map_or(at, |file| file.referenced);
        Fetcher::new(rules, path.as_deref())
            .map_err(|error| problems.push(Problem::at(at, error.to_string())))
            .ok()
    }
}

#[cfg(test)]
mod tests;
