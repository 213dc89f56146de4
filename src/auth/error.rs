//! Why a request has no caller.

use std::sync::Arc;

use super::{CertificateError, KeyFormatError, TokenError};

/// Why a request has no caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No header carries a credential.
    #[error("no credential")]
    Missing,
    /// More than one credential: it is ambiguous which one was meant.
    #[error("more than one credential")]
    Ambiguous,
    /// A credential header that can't be read.
    #[error("the credential can't be read")]
    Malformed,
    /// `authorization` with a scheme other than Bearer.
    #[error("the authorization scheme is not Bearer")]
    Scheme,
    /// Not a tollgate key: found out without a look-up.
    #[error("the key is not well formed: {0}")]
    KeyFormat(#[from] KeyFormatError),
    /// A well-formed key that no client has.
    #[error("the key is unknown")]
    UnknownKey,
    /// A key that is not found while the keys that were issued have not been loaded.
    #[error("the issued keys are not loaded yet")]
    KeysUnavailable,
    /// A key whose client the configuration doesn't have.
    #[error("the key's client is not in the configuration")]
    KeyClientUnknown,
    /// A client certificate that is not accepted.
    #[error("the client certificate is not accepted: {0}")]
    Certificate(#[from] CertificateError),
    /// A key before its `not_before`.
    #[error("the key is not valid yet")]
    KeyNotYetValid,
    /// A key at or after its `not_after`.
    #[error("the key has expired")]
    KeyExpired,
    /// A key that somebody has suspended.
    #[error("the key is suspended")]
    KeySuspended,
    /// A key that somebody has revoked.
    #[error("the key is revoked")]
    KeyRevoked,
    /// A token that is not accepted.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl AuthError {
    /// What the reason alone does not say, for the audit log.
    pub(crate) fn detail(&self) -> Option<Arc<str>> {
        match self {
            Self::Token(error) => error.detail(),
            _ => None,
        }
    }
}
