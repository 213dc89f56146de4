//! What the name of a member says of its value.

use super::super::secret::{is_reference, is_variable};

/// Endings of names whose value is a secret, or may be one by mistake.
const SECRETS: [&str; 7] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "connection_string",
    "accesskey",
    "accountkey",
];
/// The same, where they are a word of their own: `compass` and `monkey` have none.
const SECRET_WORDS: [&str; 9] = [
    "pass",
    "token",
    "bearer",
    "authorization",
    "apikey",
    "api_key",
    "access_key",
    "account_key",
    "private_key",
];
/// Hexadecimal digits of a SHA-256 and of a SHA-1, which are no secrets.
const DIGESTS: [usize; 2] = [64, 40];

/// What a member has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Anything.
    Anything,
    /// A secret, if it is a value; its own members say what they are.
    Secret,
    /// The place of a secret: anything else in it is one.
    Reference,
    /// The name of a variable that has one.
    Variable,
    /// The path of a file that has one.
    Path,
    /// A digest: anything else may be what it should have been made of.
    Digest,
    /// A key, or the path of one.
    KeyOrPath,
}

impl Holds {
    /// By the name of the member.
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase().replace('-', "_");
        let is_word = |word: &&str| {
            let before = name.strip_suffix(*word);
            before.is_some_and(|it| it.is_empty() || it.ends_with('_'))
        };
        match &*name {
            "key" => Self::KeyOrPath,
            it if is_reference(it) => Self::Reference,
            it if is_digest_name(it) => Self::Digest,
            it if SECRETS.iter().any(|secret| it.ends_with(secret)) => Self::Secret,
            _ if SECRET_WORDS.iter().any(is_word) => Self::Secret,
            _ => Self::Anything,
        }
    }

    /// What a member of it has.
    pub(super) fn below(self, name: &str) -> Self {
        match (self, name) {
            (Self::Reference, "env") => Self::Variable,
            (Self::Reference, "file") => Self::Path,
            (it, _) if it.is_place() => Self::Reference,
            (_, name) => Self::of(name),
        }
    }

    /// Whether it says where a secret is.
    pub(super) const fn is_place(self) -> bool {
        matches!(self, Self::Reference | Self::Variable | Self::Path)
    }

    /// Whether nothing but a secret, or where one is, can be here.
    pub(super) const fn is_about_secrets(self) -> bool {
        matches!(self, Self::Secret) || self.is_place()
    }

    /// Whether people may see a value.
    pub(super) fn shows(self, value: &str) -> bool {
        match self {
            Self::Anything | Self::Path => true,
            Self::Secret | Self::Reference => false,
            Self::Variable => is_variable(value),
            Self::Digest => is_digest(value),
            Self::KeyOrPath => value.starts_with(['/', '.']) || value.ends_with(".pem"),
        }
    }
}

/// Whether the value of a member of this name is the digest of something.
pub(super) fn is_digest_name(name: &str) -> bool {
    name.ends_with("sha256") || name.ends_with("sha1") || name.contains("thumbprint")
}

pub(super) fn is_digest(value: &str) -> bool {
    DIGESTS.contains(&value.len()) && value.bytes().all(|it| it.is_ascii_hexdigit())
}

/// What names of members are made of.
pub(super) fn is_of_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '_' || it == '-'
}
