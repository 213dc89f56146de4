//! What the configuration lets one client do, or keeps it from, besides its products.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::{ClientLimits, EndUsers};
use crate::access::request::{ApiShape, ApiVersion, RequestBody, Target};

/// Longest name of an end user, in bytes: it goes into every record.
const MAX_USER_BYTES: usize = 256;
/// The longest way to write such a name in JSON: each byte as `\u00XX`, in quotes.
const MAX_WRITTEN_USER_BYTES: usize = MAX_USER_BYTES * 6 + 2;

/// The options of a client; the default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// Where the client names the end user, which it is trusted to do.
    pub user_from: Option<UserSource>,
    /// How many tokens it may ask for in one request.
    pub max_output_tokens: Option<NonZeroU32>,
    /// The versions of the API that it may use; `None` is all.
    pub api_versions: Option<Vec<AllowedVersion>>,
    /// What it may have under way at once.
    pub limits: ClientLimits,
    /// What is kept of the names of its end users.
    pub end_users: EndUsers,
}

/// Where a trusted client names the end user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserSource {
    /// In a header of this name, in lower case.
    Header(Arc<str>),
    /// In the body's `user`.
    Body,
}

/// A version that a client may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedVersion {
    /// `/openai/v1/`, whatever its query says.
    V1,
    /// Any other path with this `api-version`.
    Dated(ApiVersion),
}

/// Why a request does not respect the options of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The version is not among those that the client may use.
    #[error("this client may not use this version of the API")]
    ApiVersion,
    /// The end user's name is too long, empty, not text, or given twice.
    #[error(
        "the end user's name must be text of 1 to {MAX_USER_BYTES} bytes without control characters, once"
    )]
    User,
    /// A member that bounds the answer is not a positive whole number.
    #[error("`{0}` must be a whole number above 0")]
    NoNumber(&'static str),
    /// More tokens than the client may ask for.
    #[error(
        "this client may ask for at most {limit} output tokens in one request: here that is {each} for each of {answers} answers (`n`, `best_of`, prompts)"
    )]
    TooManyTokens {
        /// The client's limit.
        limit: u32,
        /// What is left of it for each answer.
        each: u64,
        /// How many answers the request asks for.
        answers: u64,
    },
}

impl ClientOptions {
    /// Whether the client may use the version that a request names.
    ///
    /// # Errors
    /// [`OptionError::ApiVersion`]
    pub fn check_version(&self, target: &Target) -> Result<(), OptionError> {
        let is_asked = |allowed: &AllowedVersion| match (target.shape, allowed) {
            (ApiShape::V1, AllowedVersion::V1) => true,
            (ApiShape::Dated, AllowedVersion::Dated(version)) => {
                target.api_version.as_ref() == Some(version)
            }
            _ => false,
        };
        match &self.api_versions {
            Some(allowed) if !allowed.iter().any(is_asked) => Err(OptionError::ApiVersion),
            _ => Ok(()),
        }
    }

    /// The name of the header in which the client names the end user.
    pub fn user_header(&self) -> Option<&str> {
        match &self.user_from {
            Some(UserSource::Header(name)) => Some(name),
            Some(UserSource::Body) | None => None,
        }
    }

    /// What is kept of the end user that the client names in its header.
    ///
    /// # Errors
    /// [`OptionError::User`]
    pub fn user_of_headers<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Option<Arc<str>>, OptionError> {
        let Some(name) = self.user_header() else {
            return Ok(None);
        };
        let mut values = headers.filter(|(key, _)| *key == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => {
                let value = std::str::from_utf8(value).map_err(|_| OptionError::User)?;
                user(value).map(|name| self.end_users.kept(name))
            }
            (Some(_), Some(_)) => Err(OptionError::User),
        }
    }

    /// What is kept of the end user that the client names in the body; `null` names nobody.
    ///
    /// # Errors
    /// [`OptionError::User`]
    pub fn user_of_body(
        &self,
        parsed: &RequestBody,
        body: &[u8],
    ) -> Result<Option<Arc<str>>, OptionError> {
        let written = parsed.user.map(|span| span.text(body));
        match (&self.user_from, written) {
            (Some(UserSource::Body), Some(written)) if written != "null" => {
                let is_long = written.len() > MAX_WRITTEN_USER_BYTES;
                let name = serde_json::from_str::<String>(written);
                match name {
                    Ok(name) if !is_long => user(&name).map(|name| self.end_users.kept(name)),
                    _ => Err(OptionError::User),
                }
            }
            _ => Ok(None),
        }
    }
}

fn user(name: &str) -> Result<Arc<str>, OptionError> {
    let fits = (1..=MAX_USER_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then(|| name.into()).ok_or(OptionError::User)
}

#[cfg(test)]
mod tests;
