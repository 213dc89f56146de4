//! The rows of the table for tokens (RFC 6750, section 3.1).

use super::Refusal;
use crate::auth::TokenError;

/// When to ask again while an issuer's keys are not there, in seconds.
const RETRY_AFTER_S: u32 = 5;
const CODE: &str = "invalid_token";

/// The answer to a token that is not accepted. What it says is in the token already: its holder
/// learns nothing of the configuration.
pub(crate) fn refusal(error: TokenError) -> Refusal {
    const UNREADABLE: &str = "The token can't be read. Send an access token as the issuer gave it.";
    const UNTRUSTED: &str =
        "The token is not of an issuer that this gateway trusts, or was changed.";
    const LACKING: &str =
        "The token is not one for this gateway. Ask its operator which token to send.";
    let (reason, message) = match error {
        TokenError::Malformed => ("token_malformed", UNREADABLE),
        TokenError::DuplicateMember => ("token_duplicate_member", UNREADABLE),
        TokenError::Critical => ("token_critical", UNREADABLE),
        TokenError::Type => ("token_type", LACKING),
        TokenError::Algorithm => ("token_algorithm", UNTRUSTED),
        TokenError::Issuer => ("token_issuer", UNTRUSTED),
        TokenError::Tenant => ("token_tenant", UNTRUSTED),
        TokenError::KeyMissing => ("token_key_missing", UNTRUSTED),
        TokenError::KeyUnknown => ("token_key_unknown", UNTRUSTED),
        TokenError::KeyMismatch => ("token_key_mismatch", UNTRUSTED),
        TokenError::Signature => ("token_signature", UNTRUSTED),
        TokenError::Audience => ("token_audience", "The token is for another audience."),
        TokenError::ExpiryMissing => ("token_expiry_missing", LACKING),
        TokenError::Expired => ("token_expired", "The token has expired. Get a new one."),
        TokenError::NotYetValid => ("token_not_yet_valid", "The token is not valid yet."),
        TokenError::TooOld => ("token_too_old", "The token is too old. Get a new one."),
        TokenError::Claim => ("token_claim", LACKING),
        TokenError::ClientUnknown => return unknown("client_unknown"),
        TokenError::ClientAmbiguous => return unknown("client_ambiguous"),
        TokenError::IssuerUnavailable => {
            let message = "The gateway can't check tokens of this issuer just now. Please retry.";
            return Refusal {
                retry_after_s: Some(RETRY_AFTER_S),
                ..Refusal::new(503, "issuer_unavailable", "issuer_unavailable", message)
            };
        }
    };
    Refusal::unauthenticated(CODE, reason, message)
}

fn unknown(reason: &'static str) -> Refusal {
    let message = "The token is good, but it is not of a client of this gateway.";
    Refusal::new(403, "client_unknown", reason, message)
}
