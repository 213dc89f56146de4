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
            let is_twice = if is_api_version(&name) {
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

/// The same target with another `api-version`, where it has one.
pub fn with_api_version(target: &str, version: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let pairs = query.split('&').map(|pair| {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        let is_version = decode(name).is_some_and(|name| is_api_version(&name));
        match is_version {
            true => format!("api-version={version}"),
            false => pair.to_owned(),
        }
    });
    let pairs: Vec<_> = pairs.collect();
    format!("{path}?{}", pairs.join("&"))
}

fn is_api_version(name: &str) -> bool {
    name.eq_ignore_ascii_case("api-version")
}

/// Decodes `%XX` and `+` in the name of a parameter, so that no spelling of it is missed.
fn decode(name: &str) -> Option<String> {
    let name = name.replace('+', " ");
    String::from_utf8(percent::decode(&name)?.into_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_takes_the_place_of_another_however_that_is_spelled() {
        for (target, expected) in [
            ("/p?api-version=2024-10-21", "/p?api-version=X"),
            ("/p?a=b&API-Version=2024-10-21&c", "/p?a=b&api-version=X&c"),
            ("/p?%61pi-version=preview", "/p?api-version=X"),
            ("/p?api-versions=1", "/p?api-versions=1"),
            ("/p", "/p"),
        ] {
            assert_eq!(with_api_version(target, "X"), expected);
        }
    }
}
