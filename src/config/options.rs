//! The options of a client: what is written, and what it means.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_saphyr::Location;

use super::spanned::Spanned;

use super::limits::under_way;
use super::problem::Problem;
use super::problems::{Problems, not_empty};
use super::written::{Client, UserFrom};
use crate::access::{AllowedVersion, ApiVersion, ClientOptions, EndUsers, UserSource};
use crate::auth::CREDENTIAL_HEADERS;

/// Longest name of a header that is taken.
const MAX_HEADER_CHARS: usize = 64;
/// Headers that HTTP, Envoy or the service need for themselves.
const RESERVED_HEADERS: [&str; 10] = [
    "accept",
    "accept-encoding",
    "connection",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];
/// The same, by how they begin.
const RESERVED_BEGINNINGS: [&str; 4] = ["content-", "x-envoy-", "x-forwarded-", "x-ms-"];

pub(super) fn options(
    client: &Client,
    end_users: &EndUsers,
    problems: &mut Problems,
) -> ClientOptions {
    ClientOptions {
        user_from: client
            .user_from
            .as_ref()
            .map(|written| match &written.value {
                UserFrom::Header(name) => {
                    UserSource::Header(header(name, written.referenced, problems))
                }
                UserFrom::Body => UserSource::Body,
            }),
        max_output_tokens: client.max_output_tokens.as_ref().and_then(|written| {
            let limit = NonZeroU32::new(written.value);
            if limit.is_none() {
                let message = "`max_output_tokens` must be at least 1";
                problems.push(Problem::at(written.referenced, message));
            }
            limit
        }),
        api_versions: client.api_versions.as_ref().map(|list| {
            not_empty("api_versions", list, problems);
            let version = |text| version(text, problems);
            list.value.iter().filter_map(version).collect()
        }),
        limits: under_way(client.limits.as_ref(), problems),
        end_users: end_users.clone(),
    }
}

/// Names of headers have no case (RFC 9110, section 5.1); Envoy gives them in lower case.
fn header(written: &str, at: Location, problems: &mut Problems) -> Arc<str> {
    let name = written.to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_reserved = CREDENTIAL_HEADERS
        .iter()
        .chain(&RESERVED_HEADERS)
        .any(|it| *it == name)
        || RESERVED_BEGINNINGS.iter().any(|it| name.starts_with(it));
    if name.is_empty() || name.len() > MAX_HEADER_CHARS || !name.chars().all(plain) {
        let message = format!("`{written}` is not a valid header name");
        let help = format!("use letters, digits and `-`, at most {MAX_HEADER_CHARS} characters");
        problems.push(Problem::at(at, message).help(help));
    } else if is_reserved {
        let message = format!("the header `{name}` is reserved");
        let help = "use a header of your own, such as x-end-user";
        problems.push(Problem::at(at, message).help(help));
    }
    name.into()
}

fn version(written: &Spanned<String>, problems: &mut Problems) -> Option<AllowedVersion> {
    let version = match written.value.as_str() {
        "v1" => Some(AllowedVersion::V1),
        text => ApiVersion::parse(text).map(AllowedVersion::Dated),
    };
    if version.is_none() {
        let message = format!("`{}` is not a valid API version", written.value);
        let help = "write a date, such as 2024-10-21 or 2025-03-01-preview, or v1 for /openai/v1/";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    version
}
