//! One issuer: from what is written to the rules that its tokens are checked by.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::spanned::Spanned;

use super::KeyRefresh;
use crate::access::Requirements;
use crate::auth::{
    Algorithm, ClaimMapping, ClaimPath, Directory, IssuerRules, KeyStore, RequiredClaim,
    TENANT_PLACEHOLDER,
};
use crate::config::duration;
use crate::config::problem::Problem;
use crate::config::problems::{Problems, not_empty};
use crate::config::requires::requirements;
use crate::config::written::{Issuer, OneOrMany};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// More would accept tokens long after they have expired.
const MAX_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_REFRESH: Duration = Duration::from_secs(600);
const MIN_REFRESH: Duration = Duration::from_secs(1);
const DEFAULT_KEEP_KEYS: Duration = Duration::from_secs(24 * 3600);

/// One issuer while clients are added to it.
pub(super) struct Draft {
    pub(super) name: Spanned<String>,
    pub(super) issuer: Spanned<String>,
    pub(super) rules: IssuerRules,
    pub(super) client_claim: ClaimPath,
    pub(super) directory: Directory,
    pub(super) default: Option<(Spanned<String>, Requirements)>,
    pub(super) refresh: KeyRefresh,
}

impl Issuer {
    /// What one entry means; `None` where something is wrong with it.
    pub(super) fn draft(&self, directory: &Path, problems: &mut Problems) -> Option<Draft> {
        let before = problems.len();
        self.check_issuer(problems);
        not_empty("audiences", &self.audiences, problems);
        for audience in self.audiences.value.iter().filter(|it| it.value.is_empty()) {
            problems.push(Problem::at(audience.referenced, "an audience is empty"));
        }
        let leeway = time(self.leeway.as_ref(), DEFAULT_LEEWAY, problems);
        if let Some(written) = self.leeway.as_ref().filter(|_| leeway > MAX_LEEWAY) {
            let message = "must be at most 5m: more would accept expired tokens";
            problems.push(Problem::at(written.referenced, message));
        }
        let refresh = time(self.refresh.as_ref(), DEFAULT_REFRESH, problems);
        if let Some(written) = self.refresh.as_ref().filter(|_| refresh < MIN_REFRESH) {
            problems.push(Problem::at(written.referenced, "must be at least 1s"));
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
            default: default.map(|it| (it.client.clone(), requirements(&it.requires))),
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
            (true, true) => "`{tenantid}` needs `tenants`, the list of allowed tenants",
            (false, false) => "`tenants` needs an issuer with `{tenantid}`",
            _ => "",
        };
        if !message.is_empty() {
            problems.push(Problem::at(at, message));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let is_wrong = |tenant: &str| tenant.is_empty() || !tenant.chars().all(plain);
        for tenant in self.tenants.iter().filter(|it| is_wrong(&it.value)) {
            let message = format!("`{}` is not a valid tenant id", tenant.value);
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
}

fn path(written: Option<&OneOrMany>, default: &str) -> ClaimPath {
    written.map_or_else(
        || ClaimPath::new([default.to_owned()]),
        |written| ClaimPath::new(written.clone().into_list()),
    )
}

fn time(written: Option<&Spanned<String>>, default: Duration, problems: &mut Problems) -> Duration {
    let Some(written) = written else {
        return default;
    };
    duration::parse(&written.value).unwrap_or_else(|| {
        let message = format!("`{}` is not a valid duration", written.value);
        problems.push(Problem::at(written.referenced, message).help("write `30s`, `5m` or `1h`"));
        default
    })
}
