//! Headers as Envoy's messages spell them.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;

/// Each header of a check: raw bytes with `encode_raw_headers`, text without.
pub(super) fn of_check(http: &HttpRequest) -> impl Iterator<Item = (&str, &[u8])> + Clone {
    let raw = http.header_map.iter().flat_map(of_map);
    let text = http
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    raw.chain(text)
}

/// Each header of a map.
pub(super) fn of_map(map: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> + Clone {
    map.headers.iter().map(|header| {
        let value = match header.raw_value.is_empty() {
            true => header.value.as_bytes(),
            false => header.raw_value.as_slice(),
        };
        (header.key.as_str(), value)
    })
}

/// The first header of a name, where it is text.
pub(super) fn get<'a>(map: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    let (_, value) = of_map(map?).find(|(key, _)| *key == name)?;
    std::str::from_utf8(value).ok()
}

/// Sets a header of the request or the answer in ext_proc, whatever was there.
pub(super) fn set(name: &str, value: &[u8]) -> HeaderValueOption {
    overwrite(HeaderValue {
        key: name.to_owned(),
        raw_value: value.to_vec(),
        ..HeaderValue::default()
    })
}

/// Sets a header of an answer in ext_authz, which does not look at `raw_value`.
pub(super) fn set_text(name: &str, value: impl Into<String>) -> HeaderValueOption {
    overwrite(HeaderValue {
        key: name.to_owned(),
        value: value.into(),
        ..HeaderValue::default()
    })
}

fn overwrite(header: HeaderValue) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(header),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}
