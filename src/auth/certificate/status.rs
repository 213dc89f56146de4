//! Whether the certificates of a built path are revoked (RFC 5280, section 6.3), by rustls-webpki.
//!
//! webpki looks for a list by the issuer's name alone. Authorities may share a name, so it is asked
//! about one path at a time, with the lists that the keys of this path have signed.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    CertRevocationList, ExpirationPolicy, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy, VerifiedPath,
};

use super::CertificateError;
use super::authority::Authority;
use super::path::reason;
use super::revocation::{CrlMode, IssuerKey};

impl Authority {
    /// Until when nothing on the path is known to be revoked, since 1970.
    pub(super) fn check_status(
        &self,
        path: &VerifiedPath<'_>,
        issuers: &[IssuerKey],
        now: UnixTime,
    ) -> Result<Duration, CertificateError> {
        let (unknown, expired) = match self.revocation.mode() {
            CrlMode::Off => return Ok(Duration::MAX),
            CrlMode::Required => (UnknownStatusPolicy::Deny, ExpirationPolicy::Enforce),
            CrlMode::Soft => (UnknownStatusPolicy::Allow, ExpirationPolicy::Ignore),
        };
        let lists = self.revocation.lists_of(issuers);
        let revoked: Vec<&CertRevocationList<'_>> =
            lists.iter().map(|list| &list.revoked).collect();
        let Ok(options) = RevocationOptionsBuilder::new(&revoked) else {
            return match unknown {
                UnknownStatusPolicy::Deny => Err(CertificateError::RevocationUnknown),
                UnknownStatusPolicy::Allow => Ok(Duration::MAX),
            };
        };
        let options = options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(unknown)
            .with_expiration_policy(expired)
            .build();
        let intermediates: Vec<CertificateDer<'_>> = path
            .intermediate_certificates()
            .map(webpki::Cert::der)
            .collect();
        path.end_entity()
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                std::slice::from_ref(path.anchor()),
                &intermediates,
                now,
                self.extended_key_usage,
                Some(options),
                None,
            )
            .map_err(reason)?;
        let ends = lists.iter().map(|list| list.next_update);
        Ok(match self.revocation.mode() {
            CrlMode::Required => ends.min().unwrap_or(Duration::MAX),
            // A stale list is as good as a fresh one here.
            CrlMode::Soft | CrlMode::Off => Duration::MAX,
        })
    }
}

#[cfg(test)]
mod tests;
