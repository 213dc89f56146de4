//! Every authority and every client's identities: a presented chain in, its caller out.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};

use super::authority::Authority;
use super::decoded::Decoded;
use super::identity::{self, Field, IdentityIndex};
use super::seen::{AuthorityState, ClientExpiry, SeenCertificates};
use super::verdict::{Accepted, Outcome, Verdicts};
use super::{CertificateError, PresentedCertificate};
use crate::access::Client;
use crate::unix_time;

/// A certificate that expires within this time is logged.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);
/// Longest name of an end user, in bytes.
const MAX_USER_BYTES: usize = 256;

/// The client of a certificate, and whom it names.
#[derive(Debug)]
pub struct CertifiedCaller {
    /// The application.
    pub client: Arc<Client>,
    /// The first URI, e-mail address or DNS name of the certificate.
    pub user: Option<Arc<str>>,
}

/// What certificates are judged by.
pub struct CertificateRing {
    authorities: Vec<Authority>,
    identities: IdentityIndex,
    verdicts: Verdicts,
    seen: SeenCertificates,
}

/// A client that a certificate belongs to, whom it names, and until when that is so.
struct Found {
    client: Arc<Client>,
    user: Option<Arc<str>>,
    until: Duration,
}

impl CertificateRing {
    /// Authorities and identities, as the configuration has checked them.
    pub fn new(authorities: Vec<Authority>, identities: IdentityIndex) -> Self {
        Self {
            authorities,
            identities,
            verdicts: Verdicts::default(),
            seen: SeenCertificates::default(),
        }
    }

    /// Finds the caller that a certificate belongs to at a time.
    ///
    /// # Errors
    /// [`CertificateError`], with the nearest reason.
    pub fn authenticate(
        &self,
        presented: &PresentedCertificate<'_>,
        now: SystemTime,
    ) -> Result<CertifiedCaller, CertificateError> {
        self.authenticate_at(presented, unix_time::since_1970(now))
    }

    /// As [`Self::authenticate`], at a time since 1970.
    pub(super) fn authenticate_at(
        &self,
        presented: &PresentedCertificate<'_>,
        now: Duration,
    ) -> Result<CertifiedCaller, CertificateError> {
        let key = presented.fingerprint()?;
        // Before the look at the lists: a verdict on lists that change meanwhile is already stale.
        let generation = self.generation();
        let outcome = match self.verdicts.get(&key, generation, now) {
            Some(outcome) => outcome,
            None => {
                let (outcome, until) = self.judge(presented, now);
                self.verdicts.put(key, &outcome, generation, now, until);
                outcome
            }
        };
        let Accepted { client, user, seen } = outcome?;
        seen.use_at(now);
        Ok(CertifiedCaller { client, user })
    }

    /// The authorities: each has lists to keep fresh.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// How many identities there are.
    pub fn identities(&self) -> usize {
        self.identities.len()
    }

    /// When the certificates in use expire.
    pub fn expiries(&self) -> Vec<ClientExpiry> {
        self.seen.expiries(unix_time::now())
    }

    /// The state of the authorities.
    pub fn states(&self) -> Vec<AuthorityState> {
        let now = unix_time::now();
        let authorities = self.authorities.iter();
        authorities.map(|authority| authority.state(now)).collect()
    }

    /// Takes over what authorities of the same names held under the last configuration: lists and
    /// anchors that were fetched. Verdicts are not taken over.
    pub fn adopt(&self, old: &Self) {
        for authority in &self.authorities {
            let mut theirs = old.authorities.iter();
            if let Some(old) = theirs.find(|it| it.name == authority.name) {
                authority.adopt(old);
            }
        }
    }

    /// Grows with each change of any list or anchor.
    fn generation(&self) -> u64 {
        let each = self.authorities.iter().map(Authority::generation);
        each.fold(0, u64::wrapping_add)
    }

    fn judge(&self, presented: &PresentedCertificate<'_>, now: Duration) -> (Outcome, Duration) {
        let found = presented.chain().and_then(|chain| {
            let first = chain.first().ok_or(CertificateError::Malformed)?;
            let leaf = Decoded::read(first)?;
            let found = match self.pinned(first, &leaf, now) {
                Some(found) => found?,
                None => self.issued(&chain, &leaf, now)?,
            };
            Ok((found, leaf.validity().1))
        });
        match found {
            Err(error) => (Err(error), now),
            Ok((
                Found {
                    client,
                    user,
                    until,
                },
                not_after,
            )) => {
                if not_after < now + WARN_BEFORE {
                    let left_h = not_after.saturating_sub(now).as_secs() / 3600;
                    tracing::warn!(
                        client = client.id.as_str(),
                        left_h,
                        "a client's certificate expires soon"
                    );
                }
                let seen = self.seen.note(client.id.to_shared(), not_after, now);
                (Ok(Accepted { client, user, seen }), until)
            }
        }
    }

    /// A self-signed certificate that is a client's own: by its hash alone, and good for nothing
    /// but itself (CVE-2024-2048). What an authority has issued is that authority's to judge.
    fn pinned(
        &self,
        der: &CertificateDer<'_>,
        leaf: &Decoded,
        now: Duration,
    ) -> Option<Result<Found, CertificateError>> {
        let client = self.identities.pinned(&Sha256::digest(der).into())?;
        if !leaf.is_self_issued() {
            return None;
        }
        let (not_before, not_after) = leaf.validity();
        Some(match (now < not_before, now > not_after) {
            (true, _) => Err(CertificateError::NotYetValid),
            (_, true) => Err(CertificateError::Expired),
            _ => Ok(Found {
                client: Arc::clone(client),
                user: None,
                until: not_after,
            }),
        })
    }

    /// A certificate that one of the authorities has issued.
    fn issued(
        &self,
        chain: &[CertificateDer<'_>],
        leaf: &Decoded,
        now: Duration,
    ) -> Result<Found, CertificateError> {
        let first = chain.first().ok_or(CertificateError::Malformed)?;
        let mut nearest = CertificateError::Untrusted;
        let mut found: Option<Found> = None;
        for authority in &self.authorities {
            let verified = match authority.verify(chain, leaf, UnixTime::since_unix_epoch(now)) {
                Ok(verified) => verified,
                Err(error) => {
                    nearest = nearer(nearest, error);
                    continue;
                }
            };
            let fields = identity::fields(first, leaf, verified.issuer_thumbprint)?;
            nearest = CertificateError::UnknownClient;
            for client in self.identities.matching(&authority.name, &fields) {
                match &mut found {
                    Some(other) if other.client.id != client.id => {
                        return Err(CertificateError::SeveralClients);
                    }
                    Some(other) => other.until = other.until.min(verified.until),
                    None => {
                        found = Some(Found {
                            client: Arc::clone(client),
                            user: user(&fields),
                            until: verified.until,
                        });
                    }
                }
            }
        }
        found.ok_or(nearest)
    }
}

/// Of two reasons the one that says more: an authority that the chain has nothing to do with says
/// nothing of interest, and one without anchors has not looked.
fn nearer(nearest: CertificateError, error: CertificateError) -> CertificateError {
    match (nearest, error) {
        (CertificateError::Untrusted, error) => error,
        (CertificateError::NoAnchors, CertificateError::Untrusted) => nearest,
        (CertificateError::NoAnchors, error) => error,
        (nearest, _) => nearest,
    }
}

/// Whom a certificate names: the smallest URI, else e-mail address, else DNS name, so that one
/// certificate always names the same.
fn user(fields: &std::collections::HashSet<Field>) -> Option<Arc<str>> {
    let names = |pick: fn(&Field) -> Option<&String>| fields.iter().filter_map(pick).min();
    let uri = names(|field| match field {
        Field::UriSan(name) => Some(name),
        _ => None,
    });
    let email = names(|field| match field {
        Field::EmailSan(name) => Some(name),
        _ => None,
    });
    let dns = names(|field| match field {
        Field::DnsSan(name) => Some(name),
        _ => None,
    });
    let name = uri.or(email).or(dns)?;
    let is_plain = name.len() <= MAX_USER_BYTES && !name.chars().any(char::is_control);
    is_plain.then(|| Arc::from(name.as_str()))
}

#[cfg(test)]
mod tests;
