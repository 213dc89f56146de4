//! Why a request target is refused.

/// Longest request target that is looked at, in bytes. Envoy's own limit on a header is higher.
pub(super) const MAX_TARGET_BYTES: usize = 4096;

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(test, derive(strum::EnumIter))]
pub enum PathError {
    /// Longer than [`MAX_TARGET_BYTES`].
    #[error("the path is too long")]
    TooLong,
    /// Empty segments, dots, escapes, or characters that no path of Azure OpenAI has.
    #[error("the path is not in canonical form")]
    NotCanonical,
    /// The query can't be read, says something twice, or lacks the deployment of a session.
    #[error("the query is malformed")]
    MalformedQuery,
    /// A key in the query string.
    #[error("a key in the query string is not accepted")]
    KeyInQuery,
    /// `api-version` is missing where the shape needs it, or is not a version.
    #[error("api-version is missing or not a version")]
    ApiVersion,
    /// A canonical path that is not one of those above.
    #[error("unknown path")]
    Unknown,
    /// A known path with a method that it does not have.
    #[error("this path does not support the method")]
    Method,
}
