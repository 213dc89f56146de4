//! Why a request is refused: one variant for each row of docs/errors.md.

use std::fmt;

use strum::IntoStaticStr;

/// A reason. Its label is its name in snake case; what a client gets for it is in
/// [`answer`](Self::answer). That nothing here goes unused is for the compiler to see: only the tests
/// derive an iteration, which would count as a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(test, derive(strum::EnumIter))]
pub(crate) enum Reason {
    // Credentials in general.
    CredentialMissing,
    CredentialAmbiguous,
    CredentialMalformed,
    CredentialScheme,

    // Keys.
    KeyMalformed,
    KeyChecksum,
    KeyUnknown,
    KeyClientUnknown,
    KeysUnavailable,
    KeyNotYetValid,
    KeyExpired,
    KeySuspended,
    KeyRevoked,

    // Client certificates.
    CertificateMalformed,
    CertificateTooLarge,
    CertificateDisagrees,
    CertificateUntrusted,
    CertificateNoAnchors,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateExtendedKeyUsage,
    CertificateKeyUsage,
    CertificateOfAuthority,
    CertificateIssuerNoAuthority,
    CertificatePathLength,
    CertificateNameConstraints,
    CertificateAlgorithm,
    CertificateSerial,
    CertificateProfile,
    CertificateUnsupportedExtension,
    CertificateUnsupportedConstraint,
    CertificateSelfIssued,
    CertificateRevoked,
    CertificateRevocationUnknown,
    CertificateCrlExpired,
    CertificateCrlUntrusted,
    CertificateUnknownClient,
    CertificateSeveralClients,

    // Tokens, and the clients that they name.
    TokenMalformed,
    TokenOpaque,
    TokenDuplicateMember,
    TokenCritical,
    TokenType,
    TokenAlgorithm,
    TokenIssuer,
    TokenTenant,
    TokenKeyMissing,
    TokenKeyUnknown,
    TokenKeyMismatch,
    TokenSignature,
    TokenAudience,
    TokenExpiryMissing,
    TokenExpired,
    TokenNotYetValid,
    TokenTooOld,
    TokenClaim,
    ClientUnknown,
    ClientAmbiguous,
    IssuerUnavailable,

    // The path and its query.
    PathTooLong,
    PathNotCanonical,
    QueryMalformed,
    KeyInQuery,
    ApiVersion,
    PathUnknown,
    MethodNotAllowed,

    // What no product of the client allows.
    OperationNotAllowed,
    DeploymentNotAllowed,
    EntitlementMissing,
    NetworkNotAllowed,
    OutsideHours,
    ToolNotAllowed,
    DataSourceNotAllowed,
    BackgroundNotAllowed,
    UsageNotReported,

    // What the options of the client do not allow.
    ApiVersionNotAllowed,
    UserMalformed,
    MaxOutputTokensMalformed,
    MaxOutputTokensExceeded,

    // What a client has under way.
    TooManyConcurrentRequests,
    TooManyRequestBytes,

    // Limits of use.
    RateLimitOfRequests,
    RateLimitOfTokens,
    ConcurrencyLimit,
    QuotaExceeded,
    RequestExceedsLimit,

    // The body.
    /// A body that is larger than the operation's may be.
    BodyTooLarge,
    ContentType,
    ContentEncoding,
    BodyEmpty,
    BodyMalformed,
    ModelMissing,
    ModelName,
    ModelMismatch,

    // What is stored at the service.
    Conversation,
    ResponseNotFound,
    FileNotFound,
    BatchNotFound,
    ItemNotFound,
    ContainerNotFound,
    FilePurpose,
    StoredReference,
    /// What it refers to is at several backends.
    StoredApart,
    /// What it refers to is at a backend that is not configured any more.
    StoredNowhere,
    /// It is at a backend that the product may not use, or that does not have the deployment.
    StoredNotAllowed,
    ResponseNotSettled,
    FileNotSettled,
    BackgroundLimit,

    // The gateway's own state.
    LimitsUnavailable,
    LedgerUnwritable,
    NoIdentity,
    /// A backend does not accept the gateway's identity.
    IdentityRejected,
    NoDecision,
    /// It leads to none of the backends that the request may go to.
    EnvoyOutOfDate,
    Overloaded,

    // The backends.
    BackendNotAllowed,
    BackendsResting,
    /// Some of them rest, and what is left is kept for clients of a higher priority.
    BackendsReserved,
    /// None of them accepts the gateway's identity.
    BackendsRejecting,
}

impl Reason {
    /// The label in metrics, in the audit log and in Envoy's metadata.
    pub(crate) fn label(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
