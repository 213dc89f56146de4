//! The one table from every reason to the answer that a client gets.

use super::reason::Reason;

/// A challenge that says how to authenticate (RFC 9110, section 11.6.1). A certificate is not an HTTP
/// authentication scheme; where one is refused, the challenge names what is.
const AUTHENTICATE: &str = r#"Bearer realm="tollgate""#;
/// A challenge to somebody who has tried (RFC 6750, section 3.1).
const INVALID: &str = r#"Bearer realm="tollgate", error="invalid_token""#;
/// When to ask again for what is being fetched or made room for, in seconds.
const SOON_S: u32 = 5;
/// The placeholder in the words for what the refusal is about.
pub(super) const ABOUT: &str = "{}";

/// What a client gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// `error.code`
    pub(super) code: &'static str,
    /// `error.message`, where [`ABOUT`] stands for what the refusal is about.
    pub(super) words: &'static str,
    /// `www-authenticate`
    pub(super) challenge: Option<&'static str>,
    /// `retry-after`
    pub(super) retry_after_s: Option<u32>,
}

impl Answer {
    const fn new(status: u16, code: &'static str, words: &'static str) -> Self {
        Self {
            status,
            code,
            words,
            challenge: None,
            retry_after_s: None,
        }
    }

    const fn unauthenticated(
        challenge: &'static str,
        code: &'static str,
        words: &'static str,
    ) -> Self {
        Self {
            challenge: Some(challenge),
            ..Self::new(401, code, words)
        }
    }

    const fn retry_after(seconds: u32, code: &'static str, words: &'static str) -> Self {
        Self {
            retry_after_s: Some(seconds),
            ..Self::new(503, code, words)
        }
    }

    const fn busy(code: &'static str, words: &'static str) -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(429, code, words)
        }
    }

    /// `error.type`
    pub(super) const fn kind(self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            409 => "conflict_error",
            429 => "rate_limit_error",
            503 => "service_unavailable_error",
            _ => "invalid_request_error",
        }
    }
}

impl Reason {
    /// The row of a reason. Reasons in one arm have one answer, so that the client does not learn which
    /// of them it was. Messages say what to do; the reason, which tells an operator more, goes to
    /// metrics and audit log only.
    #[expect(
        clippy::too_many_lines,
        reason = "one table is easier to check than its parts"
    )]
    #[rustfmt::skip]
    pub(super) const fn answer(self) -> Answer {
        match self {
            Self::CredentialMissing => Answer::unauthenticated(AUTHENTICATE, "missing_credential",
                "The request has no credential. Send your key as `api-key: KEY` or `authorization: Bearer KEY`."),
            Self::CredentialAmbiguous => Answer::new(400, "ambiguous_credential",
                "The request has more than one credential. Send exactly one."),
            Self::CredentialMalformed => Answer::new(400, "malformed_credential",
                "The credential can't be read."),
            Self::CredentialScheme => Answer::unauthenticated(INVALID, "unsupported_scheme",
                "The authorization scheme is not supported. Send `authorization: Bearer KEY`."),

            Self::KeyMalformed | Self::KeyChecksum | Self::KeyUnknown | Self::KeyClientUnknown
            | Self::KeyNotYetValid | Self::KeyExpired | Self::KeySuspended | Self::KeyRevoked
            => Answer::unauthenticated(INVALID, "invalid_api_key",
                "The key is not valid. Check that it was copied whole and that it has not been replaced."),
            Self::KeysUnavailable => Answer::retry_after(SOON_S, "keys_unavailable",
                "The gateway can't check this key just now. Please retry."),

            Self::CertificateMalformed => Answer::new(400, "malformed_certificate",
                "The client certificate can't be read."),
            Self::CertificateTooLarge => Answer::new(400, "malformed_certificate",
                "The chain of the client certificate is too large."),
            Self::CertificateDisagrees => Answer::new(400, "malformed_certificate",
                "The client certificate is not the one of this connection."),
            Self::CertificateUntrusted | Self::CertificateNoAnchors | Self::CertificateExpired
            | Self::CertificateNotYetValid | Self::CertificateExtendedKeyUsage | Self::CertificateKeyUsage
            | Self::CertificateOfAuthority | Self::CertificateIssuerNoAuthority | Self::CertificatePathLength
            | Self::CertificateNameConstraints | Self::CertificateAlgorithm | Self::CertificateSerial
            | Self::CertificateProfile | Self::CertificateUnsupportedExtension
            | Self::CertificateUnsupportedConstraint | Self::CertificateSelfIssued | Self::CertificateRevoked
            | Self::CertificateRevocationUnknown | Self::CertificateCrlExpired | Self::CertificateCrlUntrusted
            | Self::CertificateUnknownClient | Self::CertificateSeveralClients
            => Answer::unauthenticated(AUTHENTICATE, "invalid_certificate",
                "The client certificate is not accepted. Check that it is the right one, complete and current."),

            // What is said of a token is in the token already: its holder learns nothing of the
            // configuration.
            Self::TokenMalformed | Self::TokenDuplicateMember | Self::TokenCritical
            => Answer::unauthenticated(INVALID, "invalid_token",
                "The token can't be read. Send an access token as the issuer gave it."),
            Self::TokenOpaque => Answer::unauthenticated(INVALID, "invalid_token",
                "The credential is neither a key of this gateway nor a JWT. Send an access token that is a JWT: an opaque one can be read by its issuer only."),
            Self::TokenAlgorithm | Self::TokenIssuer | Self::TokenTenant | Self::TokenKeyMissing
            | Self::TokenKeyUnknown | Self::TokenKeyMismatch | Self::TokenSignature
            => Answer::unauthenticated(INVALID, "invalid_token",
                "The token is not of an issuer that this gateway trusts, or was changed."),
            Self::TokenType | Self::TokenExpiryMissing | Self::TokenClaim
            => Answer::unauthenticated(INVALID, "invalid_token",
                "The token is not one for this gateway. Ask its operator which token to send."),
            Self::TokenAudience => Answer::unauthenticated(INVALID, "invalid_token",
                "The token is for another audience."),
            Self::TokenExpired => Answer::unauthenticated(INVALID, "invalid_token",
                "The token has expired. Get a new one."),
            Self::TokenNotYetValid => Answer::unauthenticated(INVALID, "invalid_token",
                "The token is not valid yet."),
            Self::TokenTooOld => Answer::unauthenticated(INVALID, "invalid_token",
                "The token is too old. Get a new one."),
            Self::ClientUnknown | Self::ClientAmbiguous => Answer::new(403, "client_unknown",
                "The token is good, but it is not of a client of this gateway."),
            Self::IssuerUnavailable => Answer::retry_after(SOON_S, "issuer_unavailable",
                "The gateway can't check tokens of this issuer just now. Please retry."),

            Self::PathTooLong => Answer::new(400, "invalid_path",
                "The path is too long."),
            Self::PathNotCanonical => Answer::new(400, "invalid_path",
                "The path is not in canonical form: no escapes, no empty segments, no dots."),
            Self::QueryMalformed => Answer::new(400, "invalid_query",
                "The query can't be read, names `api-version` or the deployment twice, or lacks the deployment of a realtime session."),
            Self::KeyInQuery => Answer::new(400, "key_in_query",
                "A key in the query string ends up in logs and is not accepted. Send it as a header, and replace it."),
            Self::ApiVersion => Answer::new(400, "invalid_api_version",
                "The query parameter `api-version` is missing or not a version, such as 2024-10-21."),
            Self::PathUnknown => Answer::new(404, "not_found",
                "Resource not found. The base URL of an OpenAI client ends in `/openai/v1/`; that of an Azure client has no path."),
            Self::MethodNotAllowed => Answer::new(405, "method_not_allowed",
                "This path does not support the method."),

            Self::OperationNotAllowed => Answer::new(403, "operation_not_allowed",
                "This client may not use this operation."),
            Self::DeploymentNotAllowed => Answer::new(403, "deployment_not_allowed",
                "This client may not use this deployment for this operation."),
            Self::EntitlementMissing => Answer::new(403, "insufficient_scope",
                "The token lacks a scope, role or group that is needed for this."),
            Self::NetworkNotAllowed => Answer::new(403, "network_not_allowed",
                "This client may not use this from your network."),
            Self::OutsideHours => Answer::new(403, "outside_hours",
                "This client may not use this at this time."),
            Self::ToolNotAllowed => Answer::new(403, "tool_not_allowed",
                "This client may not use {}."),
            Self::DataSourceNotAllowed => Answer::new(403, "data_source_not_allowed",
                "This client may not use {}."),
            Self::BackgroundNotAllowed => Answer::new(403, "background_not_allowed",
                "This client may not use {}."),

            // These errors are written for the person who sent the request.
            Self::UsageNotReported => Answer::new(403, "usage_not_reported",
                "The service would not report the usage of this answer, and your product requires it. Use `/openai/v1/` or an `api-version` from 2024-10-01 on, without `data_sources`; for speech `stream_format: sse`, for transcriptions `response_format: json`."),
            Self::ApiVersionNotAllowed => Answer::new(403, "api_version_not_allowed", "{}."),
            Self::UserMalformed => Answer::new(400, "invalid_user", "{}."),
            Self::MaxOutputTokensMalformed => Answer::new(400, "invalid_max_output_tokens", "{}."),
            Self::MaxOutputTokensExceeded => Answer::new(400, "max_output_tokens_exceeded", "{}."),

            Self::TooManyConcurrentRequests => Answer::busy("too_many_concurrent_requests",
                "This client has as many requests under way as it may have. Please retry when one has ended."),
            Self::TooManyRequestBytes => Answer::busy("too_many_request_bytes",
                "This client is sending as many bytes at once as it may; a body without `content-length` counts as the largest that is allowed. Please retry when another request has been sent."),

            Self::RateLimitOfRequests => Answer::busy("request_rate_limit_exceeded",
                "The {} is reached. Please retry after the time in `retry-after-ms`."),
            Self::RateLimitOfTokens => Answer::busy("token_rate_limit_exceeded",
                "The {} is reached. Please retry after the time in `retry-after-ms`."),
            Self::ConcurrencyLimit => Answer::busy("concurrency_limit_exceeded",
                "The {} is reached. Please retry when a request has ended."),
            Self::QuotaExceeded => Answer::new(403, "quota_exceeded", "The {}."),
            Self::RequestExceedsLimit => Answer::new(400, "request_exceeds_limit",
                "This request may use more than all of the {}. Ask for fewer output tokens or send less."),

            Self::BodyTooLarge => Answer::new(413, "request_too_large",
                "The request body has more than the {} bytes that this gateway takes."),
            Self::ContentType => Answer::new(415, "unsupported_content_type",
                "This operation takes a body of `content-type: {}`."),
            Self::ContentEncoding => Answer::new(415, "unsupported_content_encoding",
                "This gateway does not take compressed request bodies. Send the body without `content-encoding`."),
            Self::BodyEmpty => Answer::new(400, "invalid_body",
                "The request has no body; it needs a JSON object or a form."),
            Self::BodyMalformed => Answer::new(400, "invalid_body",
                "The body can't be read: {}."),
            Self::ModelMissing => Answer::new(400, "model_missing",
                "The request has no `model`: it names the deployment."),
            Self::ModelName => Answer::new(400, "invalid_model",
                "The `model` is not the name of a deployment."),
            Self::ModelMismatch => Answer::new(400, "model_mismatch",
                "The `model` differs from the deployment in the path, which this product does not accept. Leave it out, or make them equal."),

            Self::Conversation => Answer::new(400, "unsupported_parameter",
                "`conversation` is not supported by this gateway. Use `previous_response_id`."),
            Self::ResponseNotFound => Answer::new(404, "not_found",
                "Response with id '{}' not found."),
            Self::FileNotFound => Answer::new(404, "not_found",
                "File with id '{}' not found."),
            Self::BatchNotFound => Answer::new(404, "not_found",
                "Batch with id '{}' not found."),
            Self::ItemNotFound => Answer::new(404, "not_found",
                "Item with id '{}' not found."),
            Self::ContainerNotFound => Answer::new(404, "not_found",
                "Container with id '{}' not found."),
            Self::FilePurpose => Answer::new(400, "unsupported_parameter",
                "This gateway takes files of the purpose `batch` only."),
            Self::StoredReference => Answer::new(400, "unsupported_parameter",
                "`{}` is not supported by this gateway."),
            Self::ResponseNotSettled => Answer::new(409, "response_not_settled",
                "The response is not over, or what it has used is not known yet. Please retry; one that still runs can be cancelled first."),
            Self::FileNotSettled => Answer::new(409, "file_not_settled",
                "The file belongs to a batch that is not charged yet. Please retry."),
            Self::BackgroundLimit => Answer::new(429, "too_many_background_responses",
                "This client has {} background responses and batches open, which is the most. Cancel some of them, or wait until they have ended."),

            Self::LimitsUnavailable => Answer::retry_after(1, "limits_unavailable",
                "The gateway can't tell whether this request is within your limits just now. Please retry."),
            Self::LedgerUnwritable => Answer::retry_after(SOON_S, "accounting_unavailable",
                "The gateway can't account for requests just now. Please retry."),
            Self::NoIdentity => Answer::retry_after(SOON_S, "identity_unavailable",
                "The gateway can't sign in to the service just now. Please retry."),
            Self::IdentityRejected => Answer::new(502, "identity_rejected",
                "The service did not accept the gateway's own sign-in. Please tell the gateway's operator."),
            Self::NoDecision => Answer::new(503, "gateway_misconfigured",
                "The gateway is not set up correctly. Please tell its operator."),
            Self::EnvoyOutOfDate => Answer::retry_after(SOON_S, "gateway_misconfigured",
                "The gateway is being set up anew. Please retry; if that does not help, tell its operator."),
            Self::Overloaded => Answer::retry_after(1, "overloaded",
                "The gateway is overloaded. Please retry."),

            Self::StoredApart => Answer::new(400, "stored_apart",
                "`{}` is not stored where the other things are that the request refers to. Please make both again, one after the other."),
            Self::StoredNowhere => Answer::new(404, "not_found",
                "What this request refers to was stored where the gateway no longer goes. Please make it again."),
            Self::StoredNotAllowed => Answer::new(403, "backend_not_allowed",
                "What this request refers to is stored where this client may not use it for this request. Please make it again."),
            Self::BackendNotAllowed => Answer::new(403, "backend_not_allowed",
                "No backend that this client may use has this deployment."),
            Self::BackendsRejecting => Answer::retry_after(SOON_S, "identity_unavailable",
                "The service does not accept the gateway just now. Please retry."),
            Self::BackendsReserved => Answer::busy("backends_reserved",
                "The service has little room for this deployment just now, which is kept for other clients. Please retry after the time in `retry-after`."),
            Self::BackendsResting => Answer::busy("backends_resting",
                "The service takes no more requests for this deployment just now. Please retry after the time in `retry-after`."),
        }
    }
}
