//! The reasons why nobody is calling.

use super::Reason;
use crate::auth::{AuthError, CertificateError, KeyFormatError, TokenError};

impl From<AuthError> for Reason {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::CredentialMissing,
            AuthError::Ambiguous => Self::CredentialAmbiguous,
            AuthError::Malformed => Self::CredentialMalformed,
            AuthError::Scheme => Self::CredentialScheme,
            AuthError::KeyFormat(error) => error.into(),
            AuthError::UnknownKey => Self::KeyUnknown,
            AuthError::KeyClientUnknown => Self::KeyClientUnknown,
            AuthError::KeysUnavailable => Self::KeysUnavailable,
            AuthError::KeyNotYetValid => Self::KeyNotYetValid,
            AuthError::KeyExpired => Self::KeyExpired,
            AuthError::KeySuspended => Self::KeySuspended,
            AuthError::KeyRevoked => Self::KeyRevoked,
            AuthError::Certificate(error) => error.into(),
            AuthError::Token(error) => error.into(),
        }
    }
}

impl From<KeyFormatError> for Reason {
    fn from(error: KeyFormatError) -> Self {
        match error {
            KeyFormatError::NotAKey => Self::KeyMalformed,
            KeyFormatError::Checksum => Self::KeyChecksum,
        }
    }
}

impl From<CertificateError> for Reason {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Malformed => Self::CertificateMalformed,
            CertificateError::TooLarge => Self::CertificateTooLarge,
            CertificateError::Disagrees => Self::CertificateDisagrees,
            CertificateError::Untrusted => Self::CertificateUntrusted,
            CertificateError::NoAnchors => Self::CertificateNoAnchors,
            CertificateError::Expired => Self::CertificateExpired,
            CertificateError::NotYetValid => Self::CertificateNotYetValid,
            CertificateError::ExtendedKeyUsage => Self::CertificateExtendedKeyUsage,
            CertificateError::KeyUsage => Self::CertificateKeyUsage,
            CertificateError::CaAsLeaf => Self::CertificateOfAuthority,
            CertificateError::IssuerNotCa => Self::CertificateIssuerNoAuthority,
            CertificateError::PathLength => Self::CertificatePathLength,
            CertificateError::NameConstraints => Self::CertificateNameConstraints,
            CertificateError::Algorithm => Self::CertificateAlgorithm,
            CertificateError::Serial => Self::CertificateSerial,
            CertificateError::Profile => Self::CertificateProfile,
            CertificateError::UnsupportedExtension => Self::CertificateUnsupportedExtension,
            CertificateError::UnsupportedConstraint => Self::CertificateUnsupportedConstraint,
            CertificateError::SelfIssued => Self::CertificateSelfIssued,
            CertificateError::Revoked => Self::CertificateRevoked,
            CertificateError::RevocationUnknown => Self::CertificateRevocationUnknown,
            CertificateError::CrlExpired => Self::CertificateCrlExpired,
            CertificateError::CrlUntrusted => Self::CertificateCrlUntrusted,
            CertificateError::UnknownClient => Self::CertificateUnknownClient,
            CertificateError::SeveralClients => Self::CertificateSeveralClients,
        }
    }
}

impl From<TokenError> for Reason {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Malformed => Self::TokenMalformed,
            TokenError::Opaque => Self::TokenOpaque,
            TokenError::DuplicateMember => Self::TokenDuplicateMember,
            TokenError::Critical => Self::TokenCritical,
            TokenError::Type => Self::TokenType,
            TokenError::Algorithm => Self::TokenAlgorithm,
            TokenError::Issuer => Self::TokenIssuer,
            TokenError::Tenant => Self::TokenTenant,
            TokenError::KeyMissing => Self::TokenKeyMissing,
            TokenError::KeyUnknown => Self::TokenKeyUnknown,
            TokenError::KeyMismatch => Self::TokenKeyMismatch,
            TokenError::Signature => Self::TokenSignature,
            TokenError::Audience => Self::TokenAudience,
            TokenError::ExpiryMissing => Self::TokenExpiryMissing,
            TokenError::Expired => Self::TokenExpired,
            TokenError::NotYetValid => Self::TokenNotYetValid,
            TokenError::TooOld => Self::TokenTooOld,
            TokenError::Claim(_) => Self::TokenClaim,
            TokenError::ClientUnknown => Self::ClientUnknown,
            TokenError::ClientAmbiguous => Self::ClientAmbiguous,
            TokenError::IssuerUnavailable => Self::IssuerUnavailable,
        }
    }
}
