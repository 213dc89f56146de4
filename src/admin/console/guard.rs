//! Who may read the console, and what a browser may do with it. It has no login: whoever reaches the admin port
//! may look. What must be kept out are pages of others in the browser of somebody who can.

use std::net::IpAddr;

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

/// Nothing but this service's own style sheet, and forms to this service.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every answer of the console.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// The names that the console answers to.
pub(super) struct Guard {
    /// In lower case.
    hosts: Vec<String>,
}

impl Guard {
    pub(super) fn new(hosts: Vec<String>) -> Self {
        Self { hosts }
    }

    /// Whether a request is for this service by a name of its own, and comes from a person or one of its own
    /// pages.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Box<Response>> {
        if !self.is_meant(uri, headers) {
            let why = "The console answers to addresses, to localhost and to the names in `console_hosts` of tollgate.yaml alone.\n";
            return Err(Box::new(answer(StatusCode::MISDIRECTED_REQUEST, why)));
        }
        if is_foreign(headers) {
            let why = "The console is not for pages of others.\n";
            return Err(Box::new(answer(StatusCode::FORBIDDEN, why)));
        }
        Ok(())
    }

    /// A page whose name is made to lead to this address (DNS rebinding) sends that name: an address or
    /// `localhost` is never one of those.
    fn is_meant(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let named = headers
            .get_all(header::HOST)
            .iter()
            .map(HeaderValue::to_str);
        let mut names: Vec<&str> = Vec::new();
        for name in named {
            match name {
                Ok(name) => names.push(name),
                Err(_) => return false,
            }
        }
        names.extend(uri.authority().map(|it| it.as_str()));
        !names.is_empty() && names.iter().all(|name| self.is_known(name))
    }

    fn is_known(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let address = name
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(&name);
        name == "localhost" || address.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a page of somebody else has asked, by what browsers say of it
/// (<https://www.w3.org/TR/fetch-metadata/>): a link to the console is fine, a picture or a script is not.
fn is_foreign(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let is_own = matches!(
        said("sec-fetch-site"),
        None | Some(b"same-origin" | b"none")
    );
    let is_link =
        said("sec-fetch-mode") == Some(b"navigate") && said("sec-fetch-dest") == Some(b"document");
    !is_own && !is_link
}

/// An answer in plain text.
pub(super) fn answer(status: StatusCode, text: &str) -> Response {
    guarded("text/plain; charset=utf-8", (status, text.to_owned()))
}

/// An answer with what browsers must know.
pub(super) fn guarded(kind: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(uri: &str, headers: &[(&'static str, &str)]) -> Option<u16> {
        let guard = Guard::new(vec!["ops.example".to_owned()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                *name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
        }
        let uri: Uri = uri.parse().expect("a URI");
        guard.check(&uri, &map).err().map(|it| it.status().as_u16())
    }

    #[test]
    fn it_answers_to_addresses_and_to_its_own_names_alone() {
        for host in [
            "127.0.0.1:9090",
            "10.1.2.3",
            "[::1]:9090",
            "[2001:db8::1]",
            "localhost:9090",
            "LOCALHOST",
            "Ops.Example:8080",
        ] {
            assert_eq!(status("/console", &[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9090",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "ops.example.",
            "x.ops.example",
            "",
            ":9090",
            "\u{ff}",
        ] {
            assert_eq!(status("/console", &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(status("/console", &[]), Some(421), "no name at all");
    }

    #[test]
    fn every_name_of_a_request_must_be_known() {
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(status("/console", &two), Some(421));
        let whole = "http://evil.example/console";
        assert_eq!(status(whole, &[("host", "localhost")]), Some(421));
        let whole = "http://localhost/console";
        assert_eq!(status(whole, &[("host", "evil.example")]), Some(421));
        assert_eq!(status(whole, &[("host", "localhost")]), None);
    }

    #[test]
    fn pages_of_others_may_link_to_it_and_nothing_else() {
        let from = |site, mode, dest| {
            let headers = [
                ("host", "localhost"),
                ("sec-fetch-site", site),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            status("/console", &headers)
        };
        assert_eq!(from("none", "navigate", "document"), None);
        assert_eq!(from("same-origin", "no-cors", "style"), None);
        assert_eq!(from("cross-site", "navigate", "document"), None, "a link");
        for (site, mode, dest) in [
            ("cross-site", "no-cors", "image"),
            ("cross-site", "navigate", "iframe"),
            ("same-site", "cors", "empty"),
            ("odd", "cors", "empty"),
        ] {
            assert_eq!(from(site, mode, dest), Some(403), "{site} {mode} {dest}");
        }
    }

    #[test]
    fn every_answer_forbids_browsers_what_the_console_does_not_need() {
        let response = answer(StatusCode::OK, "x");
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.and_then(|it| it.to_str().ok()).unwrap_or_default()
        };
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.split("; ").any(|it| it == rule), "{rule}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
            ("content-type", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(header(name), value, "{name}");
        }
    }
}
