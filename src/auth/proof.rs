//! A credential that was accepted, kept until the request goes out.
//!
//! A body can take minutes to arrive. By then the credential may have been revoked or have expired, so it is
//! looked at once more.

use std::fmt;

use zeroize::Zeroizing;

use super::PresentedKey;
use super::certificate::KeptCertificate;

/// What a caller has proved itself with.
pub enum Proof {
    /// Its key, without the secret.
    Key(PresentedKey),
    /// Its token; wiped when it is dropped.
    Token(Zeroizing<String>),
    /// Its certificate, as Envoy presented it.
    Certificate(KeptCertificate),
}

impl Proof {
    /// What it is, as the audit log says it of somebody who is not known.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Token(_) => "token",
            Self::Certificate(_) => "certificate",
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof(a {})", self.kind())
    }
}
