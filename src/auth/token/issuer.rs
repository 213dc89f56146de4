//! One issuer: what its tokens must be, and whose they are.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::claims::NumericDate;
use super::compact::Compact;
use super::{ClaimPath, Directory, TokenError};
use crate::access::Entitlements;
use crate::auth::Algorithm;
use crate::auth::jwks::{Key, KeySet, KeyStore};

/// Placeholder for the tenant in the issuer of Entra ID's multi-tenant applications
/// (<https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer>).
pub const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// Types of tokens that may authenticate a request where the configuration does not say: what OpenID
/// Connect issuers write, and RFC 9068, section 2.1. Security events and logout tokens are others.
const DEFAULT_TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// Longest name of an end user, as in headers and certificates.
const MAX_USER_BYTES: usize = 256;

/// A claim that every token of an issuer must have.
#[derive(Clone, Debug)]
pub struct RequiredClaim {
    /// Its name.
    pub claim: ClaimPath,
    /// Its values, one of which it must have; any if empty.
    pub values: Vec<String>,
}

impl RequiredClaim {
    /// What a token lacks of it.
    fn lack(&self, claims: &Map<String, Value>) -> Option<Arc<str>> {
        let name = &self.claim;
        let found = self.claim.find(claims).filter(|it| !it.is_null());
        let Some(found) = found else {
            return Some(format!("`{name}` is missing").into());
        };
        let is_good = self.values.is_empty()
            || found
                .as_str()
                .is_some_and(|found| self.values.iter().any(|own| own == found));
        (!is_good).then(|| format!("`{name}` has another value").into())
    }
}

/// Which claims say what.
#[derive(Clone, Debug)]
pub struct ClaimMapping {
    /// The end user.
    pub user: ClaimPath,
    /// Scopes.
    pub scopes: ClaimPath,
    /// Roles.
    pub roles: ClaimPath,
    /// Groups.
    pub groups: ClaimPath,
}

/// What the tokens of an issuer must be.
#[derive(Clone, Debug)]
pub struct IssuerRules {
    /// Its name in metrics and logs.
    pub name: Arc<str>,
    /// `iss`, to the letter; with [`TENANT_PLACEHOLDER`] where there are tenants.
    pub issuer: String,
    /// The tenants that the placeholder may be replaced by.
    pub tenants: Vec<String>,
    /// `aud` must have one of these.
    pub audiences: Vec<String>,
    /// `alg` must be one of these.
    pub algorithms: Vec<Algorithm>,
    /// `typ` must be one of these; where empty, absent or an ordinary one.
    pub token_types: Vec<String>,
    /// Claims that must be there.
    pub required_claims: Vec<RequiredClaim>,
    /// How far clocks may be apart, in seconds.
    pub leeway_s: u64,
    /// How long after `iat` a token is accepted, in seconds.
    pub max_age_s: Option<u64>,
    /// Which claims say what.
    pub mapping: ClaimMapping,
}

/// One issuer with its keys and clients.
pub struct Issuer {
    pub(super) rules: IssuerRules,
    pub(super) keys: Arc<KeyStore>,
    pub(super) directory: Directory,
}

impl Issuer {
    /// Builds an issuer from its parts.
    pub fn new(rules: IssuerRules, keys: Arc<KeyStore>, directory: Directory) -> Self {
        Self {
            rules,
            keys,
            directory,
        }
    }

    /// Its name in metrics and logs.
    pub fn name(&self) -> &Arc<str> {
        &self.rules.name
    }

    /// The algorithms that its tokens may be signed with.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.rules.algorithms
    }

    /// Its keys.
    pub fn keys(&self) -> &Arc<KeyStore> {
        &self.keys
    }

    /// Each `iss` that its tokens may have, with the tenant in it.
    pub(super) fn accepted(&self) -> Vec<(String, Option<Arc<str>>)> {
        let issuer = &self.rules.issuer;
        if self.rules.tenants.is_empty() {
            return vec![(issuer.clone(), None)];
        }
        let of_tenant = |tenant: &String| {
            let tenant: Arc<str> = tenant.as_str().into();
            (issuer.replace(TENANT_PLACEHOLDER, &tenant), Some(tenant))
        };
        self.rules.tenants.iter().map(of_tenant).collect()
    }

    /// What the header says, before any cryptography.
    pub(super) fn check_header(&self, token: &Compact<'_>) -> Result<(), TokenError> {
        if !self.rules.algorithms.contains(&token.algorithm) {
            return Err(TokenError::Algorithm);
        }
        let is = |own: &str, presented: &str| {
            // RFC 7515, section 4.1.9: a media type, whose `application/` may be left out.
            let start = presented.get(.."application/".len()).unwrap_or_default();
            let short = match start.eq_ignore_ascii_case("application/") {
                true => presented.get(start.len()..).unwrap_or_default(),
                false => presented,
            };
            short.eq_ignore_ascii_case(own)
        };
        let listed = &self.rules.token_types;
        let is_good = match &token.token_type {
            None => listed.is_empty(),
            Some(name) if listed.is_empty() => DEFAULT_TYPES.iter().any(|own| is(own, name)),
            Some(name) => listed.iter().any(|own| is(own, name)),
        };
        is_good.then_some(()).ok_or(TokenError::Type)
    }

    /// Whether the signature is of one of the issuer's keys.
    pub(super) fn check_signature(
        &self,
        token: &Compact<'_>,
        tenant: Option<&str>,
        keys: &KeySet,
    ) -> Result<(), TokenError> {
        let named = keys.find(&token.key_id).ok_or(TokenError::KeyUnknown)?;
        let fits =
            |key: &&Arc<Key>| key.fits(token.algorithm) && self.is_own(key, tenant, &token.claims);
        let mut fitting = named.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err(TokenError::KeyMismatch);
        }
        fitting
            .any(|key| key.verifies(token.algorithm, token.signed, &token.signature))
            .then_some(())
            .ok_or(TokenError::Signature)
    }

    /// A key of a set that tenants share may be for some of them only
    /// (<https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signing-key-issuer>).
    fn is_own(&self, key: &Key, tenant: Option<&str>, claims: &Map<String, Value>) -> bool {
        let Some(owner) = &key.issuer else {
            return true;
        };
        let tenant = tenant.or_else(|| claims.get("tid")?.as_str());
        let owner = owner.replace(TENANT_PLACEHOLDER, tenant.unwrap_or_default());
        claims.get("iss").and_then(Value::as_str) == Some(owner.as_str())
    }

    /// What the payload says. Gives until when it does, in seconds since 1970.
    pub(super) fn check_claims(
        &self,
        claims: &Map<String, Value>,
        tenant: Option<&str>,
        now: u64,
    ) -> Result<u64, TokenError> {
        let rules = &self.rules;
        if tenant.is_some() && claims.get("tid").and_then(Value::as_str) != tenant {
            return Err(TokenError::Tenant);
        }
        self.check_audience(claims.get("aud"))?;
        let expiry = claims.get("exp").and_then(NumericDate::read);
        // Fractions are decided for the shorter life.
        let expiry = expiry.ok_or(TokenError::ExpiryMissing)?.floor_s;
        // RFC 7519, section 4.1.4: not "on or after" it.
        if now >= expiry.saturating_add(rules.leeway_s) {
            return Err(TokenError::Expired);
        }
        if let Some(not_before) = claims.get("nbf") {
            let not_before = NumericDate::read(not_before).ok_or(TokenError::NotYetValid)?;
            if now.saturating_add(rules.leeway_s) < not_before.ceil_s {
                return Err(TokenError::NotYetValid);
            }
        }
        let until = match rules.max_age_s {
            None => expiry,
            Some(max_age) => {
                let issued = claims.get("iat").and_then(NumericDate::read);
                let issued = issued.ok_or(TokenError::TooOld)?;
                let end = issued.floor_s.saturating_add(max_age);
                let too_old = now >= end.saturating_add(rules.leeway_s);
                if too_old || now.saturating_add(rules.leeway_s) < issued.ceil_s {
                    return Err(TokenError::TooOld);
                }
                expiry.min(end)
            }
        };
        let failed = rules.required_claims.iter().find_map(|it| it.lack(claims));
        failed.map_or(Ok(until), |lack| Err(TokenError::Claim(lack)))
    }

    /// A string, or an array of strings (RFC 7519, section 4.1.3), with one of the configured ones.
    fn check_audience(&self, audience: Option<&Value>) -> Result<(), TokenError> {
        let is_own = |name: &str| self.rules.audiences.iter().any(|own| own == name);
        let is_good = match audience {
            Some(Value::String(name)) => is_own(name),
            Some(Value::Array(names)) => {
                names.iter().all(Value::is_string)
                    && names.iter().filter_map(Value::as_str).any(is_own)
            }
            _ => false,
        };
        is_good.then_some(()).ok_or(TokenError::Audience)
    }

    /// The end user, where the token names one.
    pub(super) fn user(&self, claims: &Map<String, Value>) -> Option<Arc<str>> {
        let name = self.rules.mapping.user.text(claims);
        name.map(|it| user_name(it).into())
    }

    /// What the token grants.
    pub(super) fn entitlements(&self, claims: &Map<String, Value>) -> Entitlements {
        let mapping = &self.rules.mapping;
        Entitlements {
            scopes: mapping.scopes.words(claims),
            roles: mapping.roles.names(claims),
            groups: mapping.groups.names(claims),
        }
    }
}

/// A user's name as it is recorded. What is longer is cut: it charges its client all the same, and one
/// name may not cost the room of many, or be refused by a database.
fn user_name(claimed: &str) -> String {
    let mut name = claimed.replace(char::is_control, "\u{fffd}");
    name.truncate(name.floor_char_boundary(MAX_USER_BYTES));
    name
}
