//! A credential in, a caller out.

mod caller;
/// Client certificates: chain, revocation, identities.
pub mod certificate;
mod credential;
mod key;
mod key_ring;
mod validity;

pub use caller::{AuthError, Caller, CredentialKind};
pub use certificate::{CertificateError, CertificateRing, PresentedCertificate};
pub use credential::{CREDENTIAL_HEADERS, PresentedHeaders};
pub use key::{Key, KeyDigest, KeyFormatError};
pub use key_ring::{DuplicateKey, KeyRing, KeySlot};
pub use validity::{KeyState, Validity};
