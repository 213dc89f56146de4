//! The one table from every reason to the answer that a client gets.
//!
//! The body has the shape of OpenAI's errors
//! (<https://platform.openai.com/docs/guides/error-codes/api-errors>), so that the SDKs raise their
//! proper exceptions. Messages say what to do; the reason, which tells an operator more, goes to
//! metrics and audit log only.

mod access;
mod certificate;
mod options;
mod token;

use std::sync::Arc;

use serde::Serialize;

use crate::access::{BodyError, ObjectKind, PathError};
use crate::auth::{AuthError, KeyFormatError};

/// When to ask again while the identity has no token, in seconds.
const RETRY_AFTER_S: u32 = 5;

/// An answer that the gateway gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// `error.type`
    kind: &'static str,
    /// `error.code`
    code: &'static str,
    message: String,
    /// The label in metrics and audit log.
    pub(crate) reason: &'static str,
    /// `www-authenticate` (RFC 9110, section 11.6.1; RFC 6750, section 3).
    pub(crate) challenge: Option<&'static str>,
    pub(crate) retry_after_s: Option<u32>,
    /// The product that came nearest to allowing it, for the audit log.
    pub(crate) product: Option<Arc<str>>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

impl Refusal {
    fn new(
        status: u16,
        code: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            503 => "service_unavailable_error",
            _ => "invalid_request_error",
        };
        Self {
            status,
            kind,
            code,
            message: message.into(),
            reason,
            challenge: None,
            retry_after_s: None,
            product: None,
        }
    }

    fn unauthenticated(code: &'static str, reason: &'static str, message: &'static str) -> Self {
        let challenge = match code {
            "missing_credential" => r#"Bearer realm="tollgate""#,
            _ => r#"Bearer realm="tollgate", error="invalid_token""#,
        };
        Self {
            challenge: Some(challenge),
            ..Self::new(401, code, reason, message)
        }
    }

    /// What the caller reads.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The JSON body.
    pub(crate) fn body(&self) -> String {
        let body = Body {
            error: Error {
                message: &self.message,
                kind: self.kind,
                param: None,
                code: self.code,
            },
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    /// ext_proc saw a request that ext_authz had not allowed in this process.
    pub(crate) fn no_decision() -> Self {
        let message = "The gateway is not set up correctly. Please tell its operator.";
        Self::new(503, "gateway_misconfigured", "no_decision", message)
    }

    /// Too many decisions wait for ext_proc.
    pub(crate) fn overloaded() -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(
                503,
                "overloaded",
                "overloaded",
                "The gateway is overloaded. Please retry.",
            )
        }
    }

    /// The identity has no token that lives.
    pub(crate) fn no_identity() -> Self {
        let message = "The gateway can't sign in to the service just now. Please retry.";
        Self {
            retry_after_s: Some(RETRY_AFTER_S),
            ..Self::new(503, "identity_unavailable", "no_identity", message)
        }
    }

    /// The usage record of a request could not be written, and the ledger is configured to refuse.
    pub(crate) fn ledger_unwritable() -> Self {
        let message = "The gateway can't account for requests just now. Please retry.";
        Self {
            retry_after_s: Some(RETRY_AFTER_S),
            ..Self::new(503, "accounting_unavailable", "ledger_unwritable", message)
        }
    }

    /// A stored object that is not this client's.
    pub(crate) fn object_not_found(kind: ObjectKind, id: &str) -> Self {
        let message = format!("{} with id '{id}' not found.", kind.as_str());
        let reason = match kind {
            ObjectKind::Response => "response_not_found",
            ObjectKind::File => "file_not_found",
            ObjectKind::Batch => "batch_not_found",
            ObjectKind::Item => "item_not_found",
            ObjectKind::Container => "container_not_found",
        };
        Self::new(404, "not_found", reason, message)
    }

    /// A member that refers to something stored whose owner can't be checked.
    pub(crate) fn stored_reference(member: &str) -> Self {
        let message = format!("`{member}` is not supported by this gateway.");
        Self::new(400, "unsupported_parameter", "stored_reference", message)
    }

    pub(crate) fn file_purpose() -> Self {
        let message = "This gateway takes files of the purpose `batch` only.";
        Self::new(400, "unsupported_parameter", "file_purpose", message)
    }

    /// A path without a deployment, and a body without a model.
    pub(crate) fn model_missing() -> Self {
        let message = "The request has no `model`: it names the deployment.";
        Self::new(400, "model_missing", "model_missing", message)
    }

    /// A model that is no name of a deployment.
    pub(crate) fn model_name() -> Self {
        Self::new(
            400,
            "invalid_model",
            "model_name",
            "The `model` is not the name of a deployment.",
        )
    }

    /// A model that is another one than the deployment in the path.
    pub(crate) fn model_mismatch() -> Self {
        let message = "The `model` differs from the deployment in the path, which this product does not accept. Leave it out, or make them equal.";
        Self::new(400, "model_mismatch", "model_mismatch", message)
    }

    pub(crate) fn conversation() -> Self {
        let message =
            "`conversation` is not supported by this gateway. Use `previous_response_id`.";
        Self::new(400, "unsupported_parameter", "conversation", message)
    }

    /// A body in a content coding, which would have to be unpacked to be read.
    pub(crate) fn content_encoding() -> Self {
        let message = "This gateway does not take compressed request bodies. Send the body without `content-encoding`.";
        Self::new(
            415,
            "unsupported_content_encoding",
            "content_encoding",
            message,
        )
    }

    /// A body of another media type than the operation's.
    pub(crate) fn content_type(expected: &'static str) -> Self {
        let message = format!("This operation takes a body of `content-type: {expected}`.");
        Self::new(415, "unsupported_content_type", "content_type", message)
    }

    /// A body that is larger than the operation's may be.
    pub(crate) fn body_too_large(limit: usize) -> Self {
        let message =
            format!("The request body has more than the {limit} bytes that this gateway takes.");
        Self::new(413, "request_too_large", "body_too_large", message)
    }

    pub(crate) fn empty_body() -> Self {
        Self::new(
            400,
            "invalid_body",
            "body_empty",
            "The request has no body; it needs a JSON object or a form.",
        )
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        const CHECK: &str = "The key is not valid. Check that it was copied whole and that it has not been replaced.";
        match error {
            AuthError::Missing => Self::unauthenticated(
                "missing_credential",
                "credential_missing",
                "The request has no credential. Send your key as `api-key: KEY` or `authorization: Bearer KEY`.",
            ),
            AuthError::Ambiguous => Self::new(
                400,
                "ambiguous_credential",
                "credential_ambiguous",
                "The request has more than one credential. Send exactly one.",
            ),
            AuthError::Malformed => Self::new(
                400,
                "malformed_credential",
                "credential_malformed",
                "The credential can't be read.",
            ),
            AuthError::Scheme => Self::unauthenticated(
                "unsupported_scheme",
                "credential_scheme",
                "The authorization scheme is not supported. Send `authorization: Bearer KEY`.",
            ),
            AuthError::KeyFormat(KeyFormatError::NotAKey) => {
                Self::unauthenticated("invalid_api_key", "key_malformed", CHECK)
            }
            AuthError::KeyFormat(KeyFormatError::Checksum) => {
                Self::unauthenticated("invalid_api_key", "key_checksum", CHECK)
            }
            AuthError::UnknownKey => Self::unauthenticated("invalid_api_key", "key_unknown", CHECK),
            AuthError::KeyClientUnknown => {
                Self::unauthenticated("invalid_api_key", "key_client_unknown", CHECK)
            }
            AuthError::KeysUnavailable => Self {
                retry_after_s: Some(RETRY_AFTER_S),
                ..Self::new(
                    503,
                    "keys_unavailable",
                    "keys_unavailable",
                    "The gateway can't check this key just now. Please retry.",
                )
            },
            AuthError::Certificate(error) => error.into(),
            AuthError::KeyNotYetValid => {
                Self::unauthenticated("invalid_api_key", "key_not_yet_valid", CHECK)
            }
            AuthError::KeyExpired => Self::unauthenticated("invalid_api_key", "key_expired", CHECK),
            AuthError::KeySuspended => {
                Self::unauthenticated("invalid_api_key", "key_suspended", CHECK)
            }
            AuthError::Token(error) => token::refusal(error),
            AuthError::KeyRevoked => Self::unauthenticated("invalid_api_key", "key_revoked", CHECK),
        }
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        match error {
            PathError::TooLong => Self::new(
                400,
                "invalid_path",
                "path_too_long",
                "The path is too long.",
            ),
            PathError::NotCanonical => Self::new(
                400,
                "invalid_path",
                "path_not_canonical",
                "The path is not in canonical form: no escapes, no empty segments, no dots.",
            ),
            PathError::MalformedQuery => Self::new(
                400,
                "invalid_query",
                "query_malformed",
                "The query can't be read, names `api-version` or the deployment twice, or lacks the deployment of a realtime session.",
            ),
            PathError::KeyInQuery => Self::new(
                400,
                "key_in_query",
                "key_in_query",
                "A key in the query string ends up in logs and is not accepted. Send it as a header, and replace it.",
            ),
            PathError::ApiVersion => Self::new(
                400,
                "invalid_api_version",
                "api_version",
                "The query parameter `api-version` is missing or not a version, such as 2024-10-21.",
            ),
            PathError::Unknown => Self::new(
                404,
                "not_found",
                "path_unknown",
                "Resource not found. The base URL of an OpenAI client ends in `/openai/v1/`; that of an Azure client has no path.",
            ),
            PathError::Method => Self::new(
                405,
                "method_not_allowed",
                "method_not_allowed",
                "This path does not support the method.",
            ),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let BodyError::Malformed(why) = error;
        Self::new(
            400,
            "invalid_body",
            "body_malformed",
            format!("The body can't be read: {why}."),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::auth::TokenError;

    /// Every variant of every error, through the table.
    fn all() -> Vec<Refusal> {
        let auth = [
            AuthError::Missing,
            AuthError::Ambiguous,
            AuthError::Malformed,
            AuthError::Scheme,
            AuthError::KeyFormat(KeyFormatError::NotAKey),
            AuthError::KeyFormat(KeyFormatError::Checksum),
            AuthError::UnknownKey,
            AuthError::KeyClientUnknown,
            AuthError::KeysUnavailable,
            AuthError::KeyNotYetValid,
            AuthError::KeyExpired,
            AuthError::KeySuspended,
            AuthError::KeyRevoked,
        ];
        let path = [
            PathError::TooLong,
            PathError::NotCanonical,
            PathError::MalformedQuery,
            PathError::KeyInQuery,
            PathError::ApiVersion,
            PathError::Unknown,
            PathError::Method,
        ];
        let own = [
            Refusal::no_decision(),
            Refusal::overloaded(),
            Refusal::no_identity(),
            Refusal::object_not_found(ObjectKind::Response, "resp_1"),
            Refusal::object_not_found(ObjectKind::File, "file-1"),
            Refusal::object_not_found(ObjectKind::Batch, "batch_1"),
            Refusal::object_not_found(ObjectKind::Item, "rs_1"),
            Refusal::object_not_found(ObjectKind::Container, "cntr_1"),
            Refusal::stored_reference("container"),
            Refusal::file_purpose(),
            Refusal::model_missing(),
            Refusal::model_name(),
            Refusal::model_mismatch(),
            Refusal::conversation(),
            Refusal::content_encoding(),
            Refusal::content_type("application/json"),
            Refusal::body_too_large(1),
            Refusal::empty_body(),
            BodyError::Malformed("why".to_owned()).into(),
        ];
        let tokens = TokenError::ALL.map(AuthError::Token);
        let auth = auth.into_iter().chain(tokens).map(Refusal::from);
        let path = path.into_iter().map(Refusal::from);
        let access = access::tests::all().chain(options::tests::all());
        let certificate = crate::auth::CertificateError::ALL.map(Refusal::from);
        auth.chain(certificate)
            .chain(path)
            .chain(access)
            .chain(own)
            .collect()
    }

    #[test]
    fn every_refusal_has_a_shape_that_the_sdks_parse() {
        for refusal in all() {
            let body: serde_json::Value = serde_json::from_str(&refusal.body()).expect("JSON");
            for member in ["message", "type", "code"] {
                let text = body["error"][member].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{}: no {member}", refusal.reason);
            }
            assert!(
                [400, 401, 403, 404, 405, 413, 415, 503].contains(&refusal.status),
                "{}: {}",
                refusal.reason,
                refusal.status
            );
            assert_eq!(
                refusal.challenge.is_some(),
                refusal.status == 401,
                "{}",
                refusal.reason
            );
        }
    }

    #[test]
    fn every_reason_has_a_label_of_its_own_and_is_documented() {
        let documented = include_str!("../../docs/errors.md");
        let mut seen = HashSet::new();
        for refusal in all() {
            assert!(
                seen.insert(refusal.reason),
                "{} stands for two reasons",
                refusal.reason
            );
            let row = format!(
                "| `{}` | {} | `{}` |",
                refusal.reason, refusal.status, refusal.code
            );
            assert!(documented.contains(&row), "docs/errors.md has no row {row}");
        }
    }

    #[test]
    fn an_attacker_does_not_learn_whether_a_key_exists() {
        let bodies: HashSet<_> = [
            AuthError::KeyFormat(KeyFormatError::NotAKey),
            AuthError::KeyFormat(KeyFormatError::Checksum),
            AuthError::UnknownKey,
        ]
        .map(|error| Refusal::from(error).body())
        .into();
        assert_eq!(bodies.len(), 1, "one answer for all of them");
    }
}
