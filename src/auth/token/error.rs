//! Why a token is not accepted.

use std::sync::Arc;

use crate::auth::json::ObjectError;

/// Why a token names no caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(test, derive(strum::EnumIter))]
pub enum TokenError {
    /// Not three parts of base64url, or header and payload are not JSON objects, or it is too long.
    #[error("the token can't be read")]
    Malformed,
    /// Neither a key of tollgate's nor three parts with dots: what only its issuer can read.
    #[error(
        "it is opaque: neither a key of tollgate's nor a JWT; ask the issuer for an access token that is a JWT"
    )]
    Opaque,
    /// A duplicate member (RFC 8725, section 2.4: two parsers would read two tokens).
    #[error("the token has a duplicate member")]
    DuplicateMember,
    /// `crit` asks for an extension (RFC 7515, section 4.1.11); we know none.
    #[error("the token has critical extensions")]
    Critical,
    /// `typ` is not one that the issuer's tokens have.
    #[error("the token has the wrong type")]
    Type,
    /// `alg` is missing, symmetric, `none`, or not in the issuer's list.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// `iss` is missing, not a string, or not a trusted issuer.
    #[error("the token's issuer is unknown")]
    Issuer,
    /// A multi-tenant issuer's token whose `tid` is not the tenant of its `iss`.
    #[error("the token's tenant does not match its issuer")]
    Tenant,
    /// No `kid`.
    #[error("the token has no key id")]
    KeyMissing,
    /// A `kid` that the issuer's key set does not have.
    #[error("the token's key is unknown")]
    KeyUnknown,
    /// The key is of another type than the algorithm's, or for another algorithm, use or issuer.
    #[error("the token's key does not match its algorithm")]
    KeyMismatch,
    /// The signature is not the key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// `aud` is missing, of another type, or has none of the configured ones.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is missing or not a number of seconds.
    #[error("the token has no valid expiry")]
    ExpiryMissing,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future, or can't be read.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is missing, in the future, or longer ago than the issuer's `max_age`.
    #[error("the token is too old")]
    TooOld,
    /// A claim that the issuer's tokens must have is missing or has another value.
    #[error("the token lacks a required claim: {0}")]
    Claim(Arc<str>),
    /// The token is good, and no client has its claims.
    #[error("no client has these claims")]
    ClientUnknown,
    /// The token is good, and two clients have its claims.
    #[error("more than one client has these claims")]
    ClientAmbiguous,
    /// The issuer's keys have not been fetched, or too long ago.
    #[error("the issuer's keys are not available")]
    IssuerUnavailable,
}

impl From<ObjectError> for TokenError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::DuplicateMember => Self::DuplicateMember,
            ObjectError::Malformed => Self::Malformed,
        }
    }
}

impl TokenError {
    /// Whether the signature was good, so that the claims are the issuer's own words.
    pub(super) const fn is_of_claims(&self) -> bool {
        match self {
            Self::Tenant
            | Self::Audience
            | Self::ExpiryMissing
            | Self::Expired
            | Self::NotYetValid
            | Self::TooOld
            | Self::Claim(_)
            | Self::ClientUnknown
            | Self::ClientAmbiguous => true,
            Self::Malformed
            | Self::Opaque
            | Self::DuplicateMember
            | Self::Critical
            | Self::Type
            | Self::Algorithm
            | Self::Issuer
            | Self::KeyMissing
            | Self::KeyUnknown
            | Self::KeyMismatch
            | Self::Signature
            | Self::IssuerUnavailable => false,
        }
    }

    /// What the reason alone does not say, of the configuration's words only.
    pub(crate) fn detail(&self) -> Option<Arc<str>> {
        match self {
            Self::Claim(lack) => Some(Arc::clone(lack)),
            _ => None,
        }
    }
}
