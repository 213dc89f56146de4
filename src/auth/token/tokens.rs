//! A token in, a caller out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use quick_cache::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::compact::Compact;
use super::{Issuer, TokenError};
use crate::auth::described::bounded;
use crate::auth::jwks::{FetchedKeys, KEY_WAIT};
use crate::auth::{Caller, CredentialKind, Described};
use crate::unix_time;

/// The claims that name the application, in OpenID Connect and Entra ID's first version.
const AUTHORIZED_PARTY: [&str; 2] = ["azp", "appid"];

/// Verified tokens that are remembered: about 30 MB. Only good tokens are, so an attacker can't fill
/// it.
const REMEMBERED_TOKENS: usize = 65_536;
/// Refreshes that one request may wait for, both together no longer than for one: one that was under way,
/// and one that it caused.
const MAX_WAITS: usize = 2;

/// Two issuers with one `iss`: nobody could say which rules apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tokens of `{0}` already belong to another issuer in this file")]
pub struct DuplicateIssuer(pub String);

/// The issuer, and its tenant, that an `iss` names.
#[derive(Clone)]
struct Accepted {
    issuer: Arc<Issuer>,
    tenant: Option<Arc<str>>,
}

/// What was found out about a token.
struct Verified {
    caller: Caller,
    issuer: Arc<Issuer>,
    /// Of the keys that it was verified with.
    generation: u64,
    /// In seconds since 1970; never after `exp`.
    until: u64,
}

/// The SHA-256 of a whole token, signature and all: what differs in one bit is another token
/// (CVE-2026-35030).
type TokenDigest = [u8; 32];

/// Every issuer, and the tokens that have been verified. Both live as long as the configuration.
pub struct Tokens {
    issuers: Vec<Arc<Issuer>>,
    by_iss: HashMap<String, Accepted>,
    verified: Cache<TokenDigest, Arc<Verified>>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            by_iss: HashMap::new(),
            verified: Cache::new(REMEMBERED_TOKENS),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({} issuers)", self.issuers.len())
    }
}

impl Tokens {
    /// Adds an issuer.
    ///
    /// # Errors
    /// [`DuplicateIssuer`] if tokens of its `iss` belong to another one; nothing is added.
    pub fn add(&mut self, issuer: Arc<Issuer>) -> Result<(), DuplicateIssuer> {
        let accepted = issuer.accepted();
        if let Some((taken, _)) = accepted
            .iter()
            .find(|(iss, _)| self.by_iss.contains_key(iss))
        {
            return Err(DuplicateIssuer(taken.clone()));
        }
        for (iss, tenant) in accepted {
            match self.by_iss.entry(iss) {
                Entry::Occupied(taken) => return Err(DuplicateIssuer(taken.key().clone())),
                Entry::Vacant(free) => free.insert(Accepted {
                    issuer: Arc::clone(&issuer),
                    tenant,
                }),
            };
        }
        self.issuers.push(issuer);
        Ok(())
    }

    /// Every issuer, in the order of the configuration.
    pub fn issuers(&self) -> &[Arc<Issuer>] {
        &self.issuers
    }

    /// Takes over the keys of issuers that `last` knew, where they come from the same source.
    pub fn adopt(&self, last: &Self) {
        for issuer in &self.issuers {
            let is_same = |other: &&Arc<Issuer>| other.rules.issuer == issuer.rules.issuer;
            if let Some(other) = last.issuers.iter().find(is_same) {
                issuer.keys.adopt(&other.keys);
            }
        }
    }

    /// Finds the caller that a token names, verifying it unless that has been done.
    ///
    /// Waits only where the issuer has no keys or not this one, and then for a moment
    /// ([`KEY_WAIT`](crate::auth::KEY_WAIT)).
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn authenticate(&self, token: &str, now: SystemTime) -> Result<Caller, TokenError> {
        let now = unix_time::since_1970(now).as_secs();
        // The length first: hashing is cryptography, too.
        if token.len() > super::MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let digest: TokenDigest = Sha256::digest(token).into();
        if let Some(caller) = self.remembered(&digest, now) {
            return Ok(caller);
        }
        let token = Compact::parse(token)?;
        let Some(Value::String(iss)) = token.claims.get("iss") else {
            return Err(TokenError::Issuer);
        };
        let accepted = self.by_iss.get(iss).ok_or(TokenError::Issuer)?;
        accepted.issuer.check_header(&token)?;
        let held = keys_for(&accepted.issuer, &token.key_id).await?;
        let verified = Arc::new(verify(accepted, &token, &held, now)?);
        let caller = verified.caller.clone();
        self.verified.insert(digest, verified);
        Ok(caller)
    }

    /// What is known of a token that was refused. Who it is for is what its claims say, and they say it only where
    /// the signature was good.
    pub(crate) fn described(&self, token: &str, refused: &TokenError) -> Described {
        let Ok(token) = Compact::parse(token) else {
            return Described::default();
        };
        let text = |name: &str| token.claims.get(name)?.as_str();
        let Some(iss) = text("iss").filter(|it| self.by_iss.contains_key(*it)) else {
            return Described::default();
        };
        let party = AUTHORIZED_PARTY.iter().find_map(|name| text(name));
        Described {
            issuer: Some(bounded(iss)),
            authorized_party: party.filter(|_| refused.is_of_claims()).map(bounded),
            ..Described::default()
        }
    }

    fn remembered(&self, digest: &TokenDigest, now: u64) -> Option<Caller> {
        let verified = self.verified.get(digest)?;
        let is_good =
            now < verified.until && verified.issuer.keys.generation() == Some(verified.generation);
        if !is_good {
            self.verified.remove(digest);
            return None;
        }
        Some(verified.caller.clone())
    }
}

/// The issuer's keys, with the one that is asked for if a refresh can bring it.
async fn keys_for(issuer: &Issuer, key_id: &str) -> Result<Arc<FetchedKeys>, TokenError> {
    let until = Instant::now() + KEY_WAIT;
    for _ in 0..MAX_WAITS {
        let held = issuer.keys.usable();
        if let Some(held) = held.filter(|held| held.keys.find(key_id).is_some()) {
            return Ok(held);
        }
        if !issuer.keys.newer(until).await {
            break;
        }
    }
    issuer.keys.usable().ok_or(TokenError::IssuerUnavailable)
}

fn verify(
    accepted: &Accepted,
    token: &Compact<'_>,
    held: &FetchedKeys,
    now: u64,
) -> Result<Verified, TokenError> {
    let Accepted { issuer, tenant } = accepted;
    let (claims, tenant) = (&token.claims, tenant.as_deref());
    issuer.check_signature(token, tenant, &held.keys)?;
    let until = issuer.check_claims(claims, tenant, now)?;
    let entitlements = issuer.entitlements(claims);
    let client = issuer.directory.find(claims, &entitlements)?;
    Ok(Verified {
        caller: Caller {
            client,
            credential: CredentialKind::Token,
            key: None,
            user: issuer.user(claims),
            entitlements: Some(Arc::new(entitlements)),
        },
        issuer: Arc::clone(issuer),
        generation: held.generation,
        until,
    })
}

#[cfg(test)]
mod tests;
