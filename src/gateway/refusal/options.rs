//! What the options of a client don't allow.

use super::Refusal;
use crate::access::OptionError;

impl From<OptionError> for Refusal {
    fn from(error: OptionError) -> Self {
        let (status, code, reason) = match error {
            OptionError::ApiVersion => (403, "api_version_not_allowed", "api_version_not_allowed"),
            OptionError::User => (400, "invalid_user", "user_malformed"),
            OptionError::NoNumber(_) => (
                400,
                "invalid_max_output_tokens",
                "max_output_tokens_malformed",
            ),
            OptionError::TooManyTokens { .. } => (
                400,
                "max_output_tokens_exceeded",
                "max_output_tokens_exceeded",
            ),
        };
        // The error is written for the person who sent the request.
        let message = error.to_string();
        let mut letters = message.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let message: String = first.into_iter().chain(letters).chain(['.']).collect();
        Self::new(status, code, reason, message)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn all() -> impl Iterator<Item = Refusal> {
        let tokens = OptionError::TooManyTokens {
            limit: 100,
            each: 50,
            answers: 2,
        };
        let number = OptionError::NoNumber("max_tokens");
        let errors = [OptionError::ApiVersion, OptionError::User, number, tokens];
        errors.map(Refusal::from).into_iter()
    }
}
