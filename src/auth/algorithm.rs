//! Signature algorithms (RFC 7518, section 3.1; RFC 8037; RFC 9864): asymmetric ones only.

use schemars::JsonSchema;
use serde::Deserialize;

/// An algorithm that an issuer may sign with.
///
/// `none` and the symmetric ones are not in the type: a key set is public, so a token "signed" with
/// what is in it proves nothing (RFC 8725, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, by its name of RFC 8037, which may stand for Ed448 too.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// Ed25519, by its name of RFC 9864.
    #[serde(rename = "Ed25519")]
    Ed25519,
}

/// The type of a key: each algorithm has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::auth) enum KeyType {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

impl Algorithm {
    /// What an issuer may use that does not say.
    pub const DEFAULT: [Self; 2] = [Self::Rs256, Self::Es256];

    /// The algorithm of a name; names have a case.
    pub(in crate::auth) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    pub(in crate::auth) const fn key_type(self) -> KeyType {
        match self {
            Self::Es256 => KeyType::P256,
            Self::Es384 => KeyType::P384,
            Self::Es512 => KeyType::P521,
            Self::EdDsa | Self::Ed25519 => KeyType::Ed25519,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                KeyType::Rsa
            }
        }
    }

    /// Its name at jsonwebtoken; none where that does not know it.
    pub(in crate::auth) const fn for_verifier(self) -> Option<jsonwebtoken::Algorithm> {
        use jsonwebtoken::Algorithm as Jwt;
        Some(match self {
            Self::Rs256 => Jwt::RS256,
            Self::Rs384 => Jwt::RS384,
            Self::Rs512 => Jwt::RS512,
            Self::Ps256 => Jwt::PS256,
            Self::Ps384 => Jwt::PS384,
            Self::Ps512 => Jwt::PS512,
            Self::Es256 => Jwt::ES256,
            Self::Es384 => Jwt::ES384,
            Self::Es512 => return None,
            Self::EdDsa | Self::Ed25519 => Jwt::EdDSA,
        })
    }

    /// Whether both are the same algorithm, which may have two names.
    pub(in crate::auth) fn is_same(self, other: Self) -> bool {
        let is_ed25519 = |it: Self| it.key_type() == KeyType::Ed25519;
        self == other || (is_ed25519(self) && is_ed25519(other))
    }
}
