//! Issuers: what is written, and what it means.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_saphyr::Spanned;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::duration;
use super::file::Credential;
use super::problem::Problem;
use super::validate::{Problems, check_id, not_empty, twice};
use crate::access::{Client, NetworkError, Requirements};
use crate::auth::{
    self, Algorithm, ClaimMapping, ClaimPath, DefaultClient, Directory, DiscoverySource,
    FetchRules, Fetcher, FileSource, IssuerRules, KeySource, KeyStore, RefreshError, RequiredClaim,
    TENANT_PLACEHOLDER, Tokens, Url, UrlSource, keep_fresh,
};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// More is no leeway: it would make expired tokens good.
const MAX_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_REFRESH: Duration = Duration::from_secs(600);
const MIN_REFRESH: Duration = Duration::from_secs(1);
const DEFAULT_KEEP_KEYS: Duration = Duration::from_secs(24 * 3600);
/// What OpenID Connect Discovery appends to an issuer (section 4).
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// The tenant in the URL of a multi-tenant issuer's discovery document.
const ANY_TENANT: &str = "organizations";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    name: Spanned<String>,
    issuer: Spanned<String>,
    #[serde(default)]
    tenants: Vec<Spanned<String>>,
    audiences: Spanned<Vec<Spanned<String>>>,
    discovery: Option<Spanned<String>>,
    jwks_uri: Option<Spanned<String>>,
    jwks_file: Option<Spanned<PathBuf>>,
    algorithms: Option<Spanned<Vec<Algorithm>>>,
    #[serde(default)]
    token_types: Vec<String>,
    #[serde(default)]
    required_claims: BTreeMap<String, OneOrMany>,
    leeway: Option<Spanned<String>>,
    max_age: Option<Spanned<String>>,
    refresh: Option<Spanned<String>>,
    keep_keys: Option<Spanned<String>>,
    #[serde(default)]
    claims: Mapping,
    default_client: Option<WrittenDefault>,
    #[serde(default)]
    allow_http: bool,
    #[serde(default)]
    allow_addresses: Vec<Spanned<String>>,
    ca_file: Option<Spanned<PathBuf>>,
}

/// One name or several.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }

    fn path(self) -> ClaimPath {
        ClaimPath::new(self.into_list())
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mapping {
    client: Option<OneOrMany>,
    user: Option<OneOrMany>,
    scopes: Option<OneOrMany>,
    roles: Option<OneOrMany>,
    groups: Option<OneOrMany>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDefault {
    client: Spanned<String>,
    #[serde(default)]
    requires: Requires,
}

/// What a caller must have been granted.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requires {
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
}

impl Requires {
    pub(super) fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.roles.is_empty() && self.groups.is_empty()
    }

    pub(super) fn meaning(&self) -> Requirements {
        Requirements {
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
        }
    }
}

/// A client's credential: tokens of an issuer with these claims.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenCredential {
    issuer: Spanned<String>,
    client: Option<String>,
    #[serde(default)]
    claims: BTreeMap<String, String>,
}

/// What keeps one issuer's keys fresh.
pub struct KeyRefresh {
    /// The issuer's name.
    pub issuer: Arc<str>,
    /// Where the keys go.
    pub store: Arc<KeyStore>,
    /// Where they come from.
    pub source: Arc<dyn KeySource>,
    /// How often.
    pub interval: Duration,
}

impl KeyRefresh {
    /// Starts a task for each issuer.
    pub fn start(all: Vec<Self>, stop: &CancellationToken) -> impl Iterator<Item = JoinHandle<()>> {
        let stop = stop.clone();
        all.into_iter()
            .map(move |refresh| tokio::spawn(refresh.run(stop.clone())))
    }

    /// Fetches once, and no more.
    ///
    /// # Errors
    /// [`RefreshError`], where there are no keys.
    pub async fn fetch_once(&self) -> Result<(), RefreshError> {
        self.store.replace(self.source.fetch().await?);
        Ok(())
    }

    /// Refreshes until told to stop.
    async fn run(self, stop: CancellationToken) {
        let Self {
            issuer,
            store,
            source,
            interval,
        } = self;
        keep_fresh(&issuer, store, source, interval, stop).await;
    }
}

/// One issuer while clients are added to it.
struct Draft {
    name: Spanned<String>,
    issuer: Spanned<String>,
    rules: IssuerRules,
    client_claim: ClaimPath,
    directory: Directory,
    default: Option<(Spanned<String>, Requirements)>,
    refresh: KeyRefresh,
}

/// The issuers while the file is read.
pub(super) struct Issuers {
    drafts: Vec<Draft>,
    /// Also those with a problem of their own, so that clients that name them are not another one.
    names: HashSet<String>,
    defaults: HashSet<String>,
}

impl Issuers {
    pub(super) fn read(written: &[Issuer], directory: &Path, problems: &mut Problems) -> Self {
        let mut names = HashSet::new();
        let mut drafts = Vec::new();
        for issuer in written {
            check_id("issuer", &issuer.name, problems);
            if !names.insert(issuer.name.value.clone()) {
                problems.push(twice("issuer", &issuer.name));
            }
            drafts.extend(issuer.draft(directory, problems));
        }
        let default = |issuer: &Issuer| Some(issuer.default_client.as_ref()?.client.value.clone());
        Self {
            drafts,
            names,
            defaults: written.iter().filter_map(default).collect(),
        }
    }

    /// Whether a client is some issuer's default, and needs no credential of its own.
    pub(super) fn is_default(&self, client: &str) -> bool {
        self.defaults.contains(client)
    }

    /// Adds a client's tokens.
    pub(super) fn add_client(
        &mut self,
        credentials: &[Credential],
        client: &Arc<Client>,
        problems: &mut Problems,
    ) {
        for token in credentials.iter().filter_map(|it| it.token.as_ref()) {
            let name = &token.value.issuer;
            let named = |draft: &&mut Draft| draft.name.value == name.value;
            let Some(draft) = self.drafts.iter_mut().find(named) else {
                if !self.names.contains(&name.value) {
                    let message = format!("there is no issuer `{}`", name.value);
                    problems.push(Problem::at(name.referenced, message));
                }
                continue;
            };
            let own = &token.value;
            let written = own.claims.iter();
            let mut claims: BTreeMap<_, _> = written
                .map(|(name, value)| (ClaimPath::new([name.clone()]), value.clone()))
                .collect();
            if let Some(id) = &own.client {
                claims.insert(draft.client_claim.clone(), id.clone());
            }
            if claims.is_empty() || claims.values().any(String::is_empty) {
                let message = "`client` or `claims` must say which tokens are the client's";
                let help = "for every token of the issuer write `default_client` at the issuer";
                problems.push(Problem::at(token.referenced, message).help(help));
            } else if let Err(error) = draft.directory.add(&claims, Arc::clone(client)) {
                problems.push(Problem::at(token.referenced, error.to_string()));
            }
        }
    }

    /// Every issuer with its clients.
    pub(super) fn finish(
        self,
        clients: &[Arc<Client>],
        problems: &mut Problems,
    ) -> (Tokens, Vec<KeyRefresh>) {
        let (mut tokens, mut refreshes) = (Tokens::default(), Vec::new());
        for mut draft in self.drafts {
            if let Some((name, requires)) = draft.default {
                match clients.iter().find(|it| it.id.as_str() == name.value) {
                    Some(client) => draft.directory.set_default(DefaultClient {
                        client: Arc::clone(client),
                        requires,
                    }),
                    None => {
                        let message = format!("there is no client `{}`", name.value);
                        problems.push(Problem::at(name.referenced, message));
                    }
                }
            }
            let store = Arc::clone(&draft.refresh.store);
            let issuer = auth::Issuer::new(draft.rules, store, draft.directory);
            if let Err(error) = tokens.add(Arc::new(issuer)) {
                problems.push(Problem::at(draft.issuer.referenced, error.to_string()));
            }
            refreshes.push(draft.refresh);
        }
        (tokens, refreshes)
    }
}

impl Issuer {
    /// The file with the authorities of its servers, where it has one.
    pub(super) fn ca_file(&self) -> Option<&Path> {
        Some(self.ca_file.as_ref()?.value.as_path())
    }

    fn draft(&self, directory: &Path, problems: &mut Problems) -> Option<Draft> {
        let before = problems.len();
        self.check_issuer(problems);
        not_empty("audiences", &self.audiences, problems);
        for audience in self.audiences.value.iter().filter(|it| it.value.is_empty()) {
            problems.push(Problem::at(audience.referenced, "an audience is empty"));
        }
        let leeway = time(self.leeway.as_ref(), DEFAULT_LEEWAY, problems);
        if let Some(written) = self.leeway.as_ref().filter(|_| leeway > MAX_LEEWAY) {
            let message = "more than 5m is no leeway: expired tokens would be good";
            problems.push(Problem::at(written.referenced, message));
        }
        let refresh = time(self.refresh.as_ref(), DEFAULT_REFRESH, problems);
        if let Some(written) = self.refresh.as_ref().filter(|_| refresh < MIN_REFRESH) {
            problems.push(Problem::at(written.referenced, "the shortest is 1s"));
        }
        let max_age = self.max_age.as_ref();
        let max_age = max_age.map(|_| time(max_age, Duration::ZERO, problems).as_secs());
        let keep = time(self.keep_keys.as_ref(), DEFAULT_KEEP_KEYS, problems);
        let source = self.source(directory, problems)?;
        let rules = self.rules(leeway, max_age, problems);
        if problems.len() > before {
            return None;
        }
        let default = self.default_client.as_ref();
        Some(Draft {
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            client_claim: path(self.claims.client.as_ref(), "azp"),
            directory: Directory::default(),
            default: default.map(|it| (it.client.clone(), it.requires.meaning())),
            refresh: KeyRefresh {
                issuer: Arc::clone(&rules.name),
                store: Arc::new(KeyStore::new(keep).with_origin(source.origin())),
                source,
                interval: refresh,
            },
            rules,
        })
    }

    fn check_issuer(&self, problems: &mut Problems) {
        let (issuer, at) = (&self.issuer.value, self.issuer.referenced);
        if issuer.is_empty() {
            problems.push(Problem::at(at, "the issuer is empty"));
        }
        let message = match (issuer.contains(TENANT_PLACEHOLDER), self.tenants.is_empty()) {
            (true, true) => "`{tenantid}` needs `tenants`: the list of those that are allowed",
            (false, false) => "`tenants` needs an issuer with `{tenantid}`",
            _ => "",
        };
        if !message.is_empty() {
            problems.push(Problem::at(at, message));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let is_wrong = |tenant: &str| tenant.is_empty() || !tenant.chars().all(plain);
        for tenant in self.tenants.iter().filter(|it| is_wrong(&it.value)) {
            let message = format!("`{}` is no id of a tenant", tenant.value);
            problems.push(Problem::at(tenant.referenced, message));
        }
    }

    fn rules(
        &self,
        leeway: Duration,
        max_age_s: Option<u64>,
        problems: &mut Problems,
    ) -> IssuerRules {
        let algorithms = match &self.algorithms {
            None => Algorithm::DEFAULT.to_vec(),
            Some(list) => {
                not_empty("algorithms", list, problems);
                list.value.clone()
            }
        };
        let own = |list: &[Spanned<String>]| list.iter().map(|it| it.value.clone()).collect();
        let required = self.required_claims.iter();
        IssuerRules {
            name: self.name.value.as_str().into(),
            issuer: self.issuer.value.clone(),
            tenants: own(&self.tenants),
            audiences: own(&self.audiences.value),
            algorithms,
            token_types: self.token_types.clone(),
            required_claims: required
                .map(|(name, values)| RequiredClaim {
                    claim: ClaimPath::new([name.clone()]),
                    values: values.clone().into_list(),
                })
                .collect(),
            leeway_s: leeway.as_secs(),
            max_age_s,
            mapping: ClaimMapping {
                user: path(self.claims.user.as_ref(), "sub"),
                scopes: path(self.claims.scopes.as_ref(), "scope"),
                roles: path(self.claims.roles.as_ref(), "roles"),
                groups: path(self.claims.groups.as_ref(), "groups"),
            },
        }
    }

    /// Where the keys come from: a file, a URL, or discovery.
    fn source(&self, directory: &Path, problems: &mut Problems) -> Option<Arc<dyn KeySource>> {
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
                let message = "at most one of `discovery`, `jwks_uri` and `jwks_file` may be there";
                problems.push(Problem::at(self.name.referenced, message));
                None
            }
        }
    }

    fn fetcher(&self, directory: &Path, problems: &mut Problems) -> Option<Fetcher> {
        let mut rules = FetchRules {
            allow_http: self.allow_http,
            ..FetchRules::default()
        };
        for range in &self.allow_addresses {
            match range.value.parse() {
                Ok(range) => rules.allow_addresses.push(range),
                Err(error) => {
                    let error: NetworkError = error;
                    problems.push(Problem::at(range.referenced, error.to_string()));
                }
            }
        }
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
        Err(_) => format!("`{written}` is no URL"),
    };
    problems.push(Problem::at(at.referenced, refused));
    None
}

fn path(written: Option<&OneOrMany>, default: &str) -> ClaimPath {
    written.map_or_else(
        || ClaimPath::new([default.to_owned()]),
        |written| written.clone().path(),
    )
}

fn time(written: Option<&Spanned<String>>, default: Duration, problems: &mut Problems) -> Duration {
    let Some(written) = written else {
        return default;
    };
    duration::parse(&written.value).unwrap_or_else(|| {
        let message = format!("`{}` is no duration", written.value);
        problems.push(Problem::at(written.referenced, message).help("write `30s`, `5m` or `1h`"));
        default
    })
}

#[cfg(test)]
#[path = "issuers_tests.rs"]
mod tests;
