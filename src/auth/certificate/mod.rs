//! A client certificate in, a caller out.
//!
//! Envoy proves that the other side has the leaf's private key and nothing else; whether the chain
//! is good is decided here, for every request, because Envoy does not look again when a TLS session
//! is resumed. The verdict is cached until the first thing changes that it rests on.

mod anchors;
mod authority;
mod decoded;
mod error;
mod identity;
mod names;
mod path;
mod peers;
mod pem;
mod presented;
mod profile;
mod revocation;
mod ring;
mod seen;
mod server;
mod status;
mod verdict;
mod xfcc;

pub use anchors::{AnchorSource, FetchedAnchors, TrustStore};
pub use authority::{Authority, Certificates, ExtendedKeyUsage};
pub use error::{AuthorityError, CertificateError};
pub use identity::{CertificateIdentity, Field, FieldError, IdentityError, IdentityIndex, Pin};
pub use peers::{PeerError, Peers};
pub use pem::{PemError, certificates as read_certificates, parse as parse_certificates};
pub use presented::{KeptCertificate, PresentedCertificate};
pub use revocation::{CrlError, CrlMode, CrlSource, CrlState, HeldList, Revocation};
pub use ring::{CertificateRing, CertifiedCaller};
pub use seen::{AuthorityState, ClientExpiry};
pub use server::{ServerCertificate, ServerKeyError};

#[cfg(test)]
mod testing;
