//! Whole checks, as Envoy sends them.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use prost::Message;

use crate::certificates::encoded;
use crate::seed;

const CHAT: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";

struct Check<'a> {
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    peer: &'a str,
}

impl Check<'_> {
    fn put(&self, name: &str) {
        let header = |(key, value): &(&str, &str)| HeaderValue {
            key: (*key).to_owned(),
            raw_value: value.as_bytes().to_vec(),
            ..HeaderValue::default()
        };
        let http = HttpRequest {
            method: self.method.to_owned(),
            path: self.path.to_owned(),
            header_map: Some(HeaderMap {
                headers: self.headers.iter().map(header).collect(),
            }),
            ..HttpRequest::default()
        };
        seed("check", name, message(Some(http), self.peer));
    }
}

fn message(http: Option<HttpRequest>, peer: &str) -> Vec<u8> {
    let source = Peer {
        certificate: peer.to_owned(),
        ..Peer::default()
    };
    let attributes = AttributeContext {
        source: Some(source),
        request: Some(Request { time: None, http }),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
    .encode_to_vec()
}

pub(crate) fn write(key: &str, token: &str, certificate: &str) {
    let (bearer_key, bearer_token) = (format!("Bearer {key}"), format!("bearer {token}"));
    let peer = encoded(certificate);
    let xfcc = format!("Cert=\"{peer}\"");
    let check = |name: &str, path: &str, headers: &[(&str, &str)], peer: &str| {
        Check {
            method: "POST",
            path,
            headers,
            peer,
        }
        .put(name);
    };
    check(
        "good-api-key",
        CHAT,
        &[("api-key", key), ("x-request-id", "1")],
        "",
    );
    check(
        "good-bearer-key",
        CHAT,
        &[("authorization", &bearer_key)],
        "",
    );
    check(
        "good-subscription-key",
        "/openai/v1/responses",
        &[("ocp-apim-subscription-key", key)],
        "",
    );
    check("good-token", CHAT, &[("authorization", &bearer_token)], "");
    check(
        "good-certificate",
        CHAT,
        &[("x-forwarded-client-cert", &xfcc)],
        &peer,
    );
    check(
        "good-certificate-without-header",
        "/openai/v1/embeddings",
        &[],
        &peer,
    );
    check("no-credential", CHAT, &[("user-agent", "curl")], "");
    check(
        "two-credentials",
        CHAT,
        &[("api-key", key), ("authorization", &bearer_token)],
        "",
    );
    check(
        "one-credential-twice",
        CHAT,
        &[("api-key", key), ("api-key", key)],
        "",
    );
    check(
        "merged-with-a-comma",
        CHAT,
        &[("api-key", &format!("{key},{key}"))],
        "",
    );
    check("key-beside-a-certificate", CHAT, &[("api-key", key)], &peer);
    check(
        "header-without-a-connection",
        CHAT,
        &[("x-forwarded-client-cert", &xfcc)],
        "",
    );
    check(
        "header-twice",
        CHAT,
        &[
            ("x-forwarded-client-cert", &xfcc),
            ("x-forwarded-client-cert", &xfcc),
        ],
        &peer,
    );
    check("basic", CHAT, &[("authorization", "Basic eDp5")], "");
    check(
        "token-cut",
        CHAT,
        &[("authorization", &bearer_token[..bearer_token.len() - 3])],
        "",
    );
    check(
        "key-in-upper-case",
        CHAT,
        &[("api-key", &key.to_uppercase())],
        "",
    );
    for (name, path) in [
        (
            "dots",
            "/openai/deployments/gpt-4o/../gpt-5/chat/completions?api-version=2024-10-21",
        ),
        (
            "escaped-slash",
            "/openai/deployments/gpt-4o%2Fx/chat/completions?api-version=2024-10-21",
        ),
        (
            "two-slashes",
            "//openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        (
            "semicolon",
            "/openai/deployments/gpt-4o;x/chat/completions?api-version=2024-10-21",
        ),
        (
            "fragment",
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21#x",
        ),
        (
            "second-question-mark",
            "/openai/deployments/gpt-4o/chat/completions??api-version=2024-10-21",
        ),
        (
            "version-twice",
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21&api-version=2024-10-21",
        ),
        ("no-version", "/openai/deployments/gpt-4o/chat/completions"),
        (
            "other-deployment",
            "/openai/deployments/gpt-5/chat/completions?api-version=2024-10-21",
        ),
        (
            "other-operation",
            "/openai/deployments/gpt-4o/completions?api-version=2024-10-21",
        ),
        (
            "stored-response",
            "/openai/v1/responses/resp_1/input_items?limit=2",
        ),
        ("key-in-query", "/openai/v1/responses?subscription-key=1"),
        ("empty", ""),
        ("absolute", "https://evil.example/openai/v1/responses"),
    ] {
        check(&format!("path-{name}"), path, &[("api-key", key)], "");
    }
    for method in ["GET", "CONNECT", "TRACE", "post", ""] {
        let name = format!(
            "method-{}",
            if method.is_empty() { "empty" } else { method }
        );
        Check {
            method,
            path: CHAT,
            headers: &[("api-key", key)],
            peer: "",
        }
        .put(&name);
    }
    seed("check", "no-http", message(None, &peer));
    seed("check", "empty", b"");
    seed("check", "no-protobuf", b"GET / HTTP/1.1\r\n\r\n");
    seed("check", "length-beyond-the-end", [0x0a, 0xff, 0x7f, 0x01]);
}
