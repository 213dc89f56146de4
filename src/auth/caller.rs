//! Who is calling.

use std::fmt;
use std::sync::Arc;

use super::{KeySlot, PresentedKey};
use crate::access::{Client, Entitlements};

/// The client of one request and what it proved itself with.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application.
    pub client: Arc<Client>,
    /// The kind of its credential.
    pub credential: CredentialKind,
    /// Which key it is; none for other credentials.
    pub key: Option<PresentedKey>,
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

impl CredentialKind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        let keys = [KeySlot::Primary, KeySlot::Secondary].map(Self::Key);
        let all = keys.into_iter().chain([Self::Certificate, Self::Token]);
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
