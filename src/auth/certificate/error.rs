//! Why a presented certificate is not accepted.

/// Why a client certificate names no caller. Each has its own reason in metrics and audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(test, derive(strum::EnumIter))]
pub enum CertificateError {
    /// The header can't be read, or a certificate in it can't.
    #[error("the certificate can't be read")]
    Malformed,
    /// More bytes or more certificates than are looked at.
    #[error("the chain is too large")]
    TooLarge,
    /// The header and the certificate of the TLS connection are not the same.
    #[error("the header does not belong to the certificate of the connection")]
    Disagrees,
    /// No trust anchor issued it, or a signature is wrong.
    #[error("it was not issued by a trusted authority")]
    Untrusted,
    /// The authority has no trust anchors yet: the vault that holds them has not given them.
    #[error("the authority has no trust anchors yet")]
    NoAnchors,
    /// It, one of its issuers or its anchor has expired.
    #[error("it has expired")]
    Expired,
    /// It or one of its issuers is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is not for client authentication (RFC 5280, section 4.2.1.12).
    #[error("it is not for client authentication")]
    ExtendedKeyUsage,
    /// Key usage does not allow it: an issuer that may not sign, a leaf that may (section 4.2.1.3).
    #[error("its key usage does not allow this")]
    KeyUsage,
    /// A certificate authority's own certificate, presented as a client's.
    #[error("it is a CA certificate")]
    CaAsLeaf,
    /// An issuer that is not a certificate authority (section 4.2.1.9).
    #[error("an issuer is not a CA")]
    IssuerNotCa,
    /// The chain is longer than a path length constraint or the configuration allows.
    #[error("the chain is too long")]
    PathLength,
    /// A name that an issuer may not give (section 4.2.1.10).
    #[error("a name is outside an issuer's name constraints")]
    NameConstraints,
    /// Too short, of an unsupported kind or curve, or signed with an unsupported algorithm.
    #[error("a key or signature is too weak or of an unsupported kind")]
    Algorithm,
    /// Zero, negative or longer than 20 octets (section 4.1.2.2).
    #[error("a serial number is not allowed")]
    Serial,
    /// Another rule of RFC 5280 is broken.
    #[error("a certificate breaks a rule of RFC 5280")]
    Profile,
    /// A critical extension that is not understood (section 4.2).
    #[error("a critical extension is not supported")]
    UnsupportedExtension,
    /// Name constraints on directory names, e-mail addresses, URIs, ….
    #[error("name constraints of a kind that is not supported")]
    UnsupportedConstraint,
    /// A chain through a self-issued intermediate (key rollover, section 6.1).
    #[error("a self-issued intermediate is not supported")]
    SelfIssued,
    /// On a revocation list.
    #[error("it is revoked")]
    Revoked,
    /// No fresh revocation list says that it is good.
    #[error("its revocation status is unknown")]
    RevocationUnknown,
    /// The revocation list has expired.
    #[error("the revocation list has expired")]
    CrlExpired,
    /// The revocation list is signed by another key, or by one that may not sign it.
    #[error("the revocation list can't be trusted")]
    CrlUntrusted,
    /// A good certificate that matches no client.
    #[error("no client has this certificate")]
    UnknownClient,
    /// A certificate that two clients' identities match.
    #[error("two clients have this certificate")]
    SeveralClients,
}

/// Why a certificate can't be an anchor or an intermediate of an authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It can't be read or breaks a rule that the certificates of authorities follow.
    #[error("a certificate of this authority can't be used: {0}")]
    Certificate(#[from] CertificateError),
}
