//! Who is calling, or why that is unknown.

use std::fmt;
use std::sync::Arc;

use super::{CertificateError, KeyFormatError, KeySlot, TokenError};
use crate::access::{Client, Entitlements};

/// The client of one request and what it proved itself with.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application.
    pub client: Arc<Client>,
    /// The kind of its credential.
    pub credential: CredentialKind,
    /// The end user, where the credential names one. A key names none.
    pub user: Option<Arc<str>>,
    /// What the credential grants beyond the client's products; only a token does.
    pub entitlements: Option<Arc<Entitlements>>,
}

impl Caller {
    /// What the credential grants; nothing where it can't.
    pub fn entitlements(&self) -> &Entitlements {
        self.entitlements.as_deref().unwrap_or(Entitlements::NONE)
    }
}

/// What a caller proved itself with, as the audit log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A key of the client's own.
    Key(KeySlot),
    /// A client certificate.
    Certificate,
    /// A token of an issuer.
    Token,
}

impl CredentialKind {
    /// The name in the audit log and in metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key(KeySlot::Primary) => "key.primary",
            Self::Key(KeySlot::Secondary) => "key.secondary",
            Self::Certificate => "certificate",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request has no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
