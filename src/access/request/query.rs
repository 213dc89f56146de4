//! The query of a request target: what concerns us of it, read once and strictly.

use super::{ApiVersion, PathError};
use crate::percent;

/// Query parameters in which Azure's front door, API Management, takes a key.
const KEY_PARAMETERS: [&str; 3] = ["subscription-key", "api-key", "ocp-apim-subscription-key"];
/// Query parameters that name the deployment of a realtime session: one of them, once.
const DEPLOYMENT_PARAMETERS: [&str; 2] = ["deployment", "model"];

/// What concerns us of a query; the rest goes to the backend as it is.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub(super) api_version: Option<ApiVersion>,
    /// `deployment` or `model`; only realtime reads it.
    pub(super) deployment: Option<&'a str>,
    /// `intent`; only realtime reads it.
    pub(super) intent: Option<&'a str>,
}

impl<'a> Query<'a> {
    pub(super) fn parse(query: &'a str) -> Result<Self, PathError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"#?\"<>\\^`{}|".contains(&byte);
        if !query.bytes().all(plain) {
            return Err(PathError::MalformedQuery);
        }
        let mut found = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or(PathError::MalformedQuery)?;
            if KEY_PARAMETERS
                .iter()
                .any(|key| name.eq_ignore_ascii_case(key))
            {
                return Err(PathError::KeyInQuery);
            }
            let is_twice = if name.eq_ignore_ascii_case("api-version") {
                let version = ApiVersion::parse(value).ok_or(PathError::ApiVersion)?;
                found.api_version.replace(version).is_some()
            } else if DEPLOYMENT_PARAMETERS
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
            {
                found.deployment.replace(value).is_some()
            } else if name.eq_ignore_ascii_case("intent") {
                found.intent.replace(value).is_some()
            } else {
                false
            };
            if is_twice {
                return Err(PathError::MalformedQuery);
            }
        }
        Ok(found)
    }
}

/// Decodes `%XX` and `+` in the name of a parameter, so that no spelling of it is missed.
fn decode(name: &str) -> Option<String> {
    let name = name.replace('+', " ");
    String::from_utf8(percent::decode(&name)?.into_owned()).ok()
}
