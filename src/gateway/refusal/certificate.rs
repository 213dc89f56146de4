//! The rows of client certificates.

use super::Refusal;
use crate::auth::CertificateError;

/// One answer for whatever is wrong with a certificate: the reason is the operator's to know.
const NOT_ACCEPTED: &str =
    "The client certificate is not accepted. Check that it is the right one, complete and current.";

impl From<CertificateError> for Refusal {
    fn from(error: CertificateError) -> Self {
        let reason = reason(error);
        match error {
            CertificateError::Malformed => Self::new(
                400,
                "malformed_certificate",
                reason,
                "The client certificate can't be read.",
            ),
            CertificateError::TooLarge => Self::new(
                400,
                "malformed_certificate",
                reason,
                "The chain of the client certificate is too large.",
            ),
            CertificateError::Disagrees => Self::new(
                400,
                "malformed_certificate",
                reason,
                "The client certificate is not the one of this connection.",
            ),
            _ => Self {
                // A certificate is no HTTP authentication scheme; the challenge names what is.
                challenge: Some(r#"Bearer realm="tollgate""#),
                ..Self::new(401, "invalid_certificate", reason, NOT_ACCEPTED)
            },
        }
    }
}

const fn reason(error: CertificateError) -> &'static str {
    match error {
        CertificateError::Malformed => "certificate_malformed",
        CertificateError::TooLarge => "certificate_too_large",
        CertificateError::Disagrees => "certificate_disagrees",
        CertificateError::Untrusted => "certificate_untrusted",
        CertificateError::NoAnchors => "certificate_no_anchors",
        CertificateError::Expired => "certificate_expired",
        CertificateError::NotYetValid => "certificate_not_yet_valid",
        CertificateError::ExtendedKeyUsage => "certificate_extended_key_usage",
        CertificateError::KeyUsage => "certificate_key_usage",
        CertificateError::CaAsLeaf => "certificate_of_authority",
        CertificateError::IssuerNotCa => "certificate_issuer_no_authority",
        CertificateError::PathLength => "certificate_path_length",
        CertificateError::NameConstraints => "certificate_name_constraints",
        CertificateError::Algorithm => "certificate_algorithm",
        CertificateError::Serial => "certificate_serial",
        CertificateError::Profile => "certificate_profile",
        CertificateError::UnsupportedExtension => "certificate_unsupported_extension",
        CertificateError::UnsupportedConstraint => "certificate_unsupported_constraint",
        CertificateError::SelfIssued => "certificate_self_issued",
        CertificateError::Revoked => "certificate_revoked",
        CertificateError::RevocationUnknown => "certificate_revocation_unknown",
        CertificateError::CrlExpired => "certificate_crl_expired",
        CertificateError::CrlUntrusted => "certificate_crl_untrusted",
        CertificateError::UnknownClient => "certificate_unknown_client",
        CertificateError::SeveralClients => "certificate_several_clients",
    }
}
