//! Whether the certificates of a built path are revoked (RFC 5280, section 6.3).
//!
//! Authorities may share a name, so each certificate is judged by the lists that the key of its issuer in
//! this path has signed.

use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::CertificateError;
use super::authority::Authority;
use super::decoded::Decoded;
use super::revocation::{CrlMode, IssuerKey, Standing, Subject, judge};

impl Authority {
    /// Until when nothing on the path is known to be revoked, since 1970.
    ///
    /// The path is a leaf and the issuers above it, without the anchor; the keys are those of the issuers
    /// and of the anchor.
    pub(super) fn check_status(
        &self,
        leaf: &Decoded,
        issuers: &[Decoded],
        keys: &[IssuerKey],
        now: UnixTime,
    ) -> Result<Duration, CertificateError> {
        let mode = self.revocation.mode();
        if mode == CrlMode::Off {
            return Ok(Duration::MAX);
        }
        let now = Duration::from_secs(now.as_secs());
        let certificates = std::iter::once(leaf).chain(issuers);
        let mut until = Duration::MAX;
        for (at, (certificate, key)) in certificates.zip(keys).enumerate() {
            let lists = self.revocation.lists_of(key);
            let subject = Subject {
                serial: certificate.serial(),
                is_authority: at > 0,
                points: &certificate.crl_points(),
            };
            match (judge(&subject, &lists.signed, now), mode) {
                (Standing::Revoked, _) => return Err(CertificateError::Revoked),
                // Somebody answers for this issuer with another key.
                (Standing::Unknown, _) if lists.has_others => {
                    return Err(CertificateError::CrlUntrusted);
                }
                (Standing::Good, _) | (_, CrlMode::Soft | CrlMode::Off) => {}
                (Standing::Expired, CrlMode::Required) => return Err(CertificateError::CrlExpired),
                (Standing::Unknown, CrlMode::Required) => {
                    return Err(CertificateError::RevocationUnknown);
                }
            }
            // Whatever list expires next may change the verdict.
            let ends = lists.signed.iter().map(|list| list.next_update());
            until = ends.filter(|end| *end > now).fold(until, Duration::min);
        }
        // Section 4.2.1.3: an issuer with key usage signs lists only where it says so.
        if mode == CrlMode::Required {
            for issuer in issuers {
                if issuer.key_usage()?.is_some_and(|usage| !usage.crl_sign()) {
                    return Err(CertificateError::CrlUntrusted);
                }
            }
        }
        Ok(until)
    }
}

#[cfg(test)]
mod tests;
