//! A credential in, a caller out.

mod algorithm;
mod caller;
/// Client certificates: chain, revocation, identities.
pub mod certificate;
mod credential;
mod described;
mod error;
mod fetch;
mod issued;
mod json;
mod jwks;
mod key;
mod key_ring;
mod key_slot;
mod mutual_tls;
mod presented_key;
mod proof;
mod pseudonym;
mod seal;
mod subprotocol;
mod token;
mod validity;

pub use algorithm::Algorithm;
pub use caller::{Caller, CredentialKind};
pub use certificate::{CertificateError, CertificateRing, PresentedCertificate};
pub use credential::{CREDENTIAL_HEADERS, Credential, PresentedHeaders};
pub use described::Described;
pub use error::AuthError;
pub use fetch::{Answer, Document, FetchError, FetchRules, Fetcher, FetcherError, Reach, Url};
pub use issued::{HeldKey, IssuedKey, IssuedKeys, KeyCounts, KeyEvent, KeyId};
pub use jwks::{
    DiscoverySource, Fetching, FileSource, KEY_WAIT, KeySet, KeySetError, KeySource, KeyStatus,
    KeyStore, RefreshError, UNKNOWN_KEY_COOLDOWN, UrlSource, keep_fresh,
};
pub use key::{Key, KeyDigest, KeyFormatError};
pub use key_ring::{ConfiguredKey, DuplicateKey, KeyRing};
pub use key_slot::KeySlot;
pub use mutual_tls::{MutualTls, handshake_failure};
pub use presented_key::PresentedKey;
pub use proof::Proof;
pub use pseudonym::pseudonyms;
pub use seal::{SealError, SealFailed, SealKeys};
pub use subprotocol::Subprotocols;
pub use token::{
    AmbiguousClaims, ClaimMapping, ClaimPath, DefaultClient, Directory, DuplicateIssuer, Issuer,
    IssuerRules, MAX_TOKEN_BYTES, RequiredClaim, TENANT_PLACEHOLDER, TokenError, Tokens,
    describe_token,
};
pub use validity::{KeyState, Validity};
