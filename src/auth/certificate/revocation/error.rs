//! Why a revocation list is rejected.

/// Why a revocation list is rejected.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// Not a list, in the parser's words.
    #[error("it is not a revocation list: {0}")]
    Malformed(String),
    /// An indirect list, one of attribute certificates or of version 1, or an unknown critical extension.
    #[error("a list of this kind is not supported: {0}")]
    Unsupported(String),
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Older than the current list.
    #[error("it is older than the current list")]
    Older,
    /// No issuer of its name has signed it.
    #[error("it is not signed with its issuer's key")]
    Signature,
    /// The source failed.
    #[error("it can't be fetched: {0}")]
    Unavailable(String),
}
