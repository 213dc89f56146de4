//! The matrix {token, certificate, key} × {valid, each kind of invalid}, through the real Envoy.
//!
//! Each row sends one request and says what must come of it: the status and the reason. The code in the
//! answer's body is the one that docs/errors.md has for the reason, and the reason's own counter goes
//! up. A reason of a credential without a row is an error.

mod certificates;
mod keys;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use reqwest::RequestBuilder;
use serde_json::Value;
use tollgate_integration::stack::{CHAT_PATH, Stack};

use crate::pki::openssl_ask;
use crate::support::{assert_no_violations, hello, metric, send_json};

/// Why a row is allowed: not at all.
const ALLOWED: &str = "";
/// What the reasons of credentials begin with, in docs/errors.md.
const OF_CREDENTIALS: [&str; 6] = [
    "certificate_",
    "client_",
    "credential_",
    "issuer_",
    "key_",
    "token_",
];

/// Reasons that need a vault or a database beside the stack, and the file whose tests try them.
const TRIED_ELSEWHERE: [(&str, &str); 2] = [
    (
        "certificate_no_anchors",
        include_str!("certificates/vault.rs"),
    ),
    ("key_client_unknown", include_str!("issued.rs")),
];

/// One cell of the matrix. `W` is what the rows of a kind of credential share.
struct Row<W: 'static> {
    /// What is wrong with the credential, or that nothing is.
    what: &'static str,
    status: u16,
    reason: &'static str,
    ask: for<'a> fn(&'a W) -> Attempt<'a>,
}

/// A request, and the stack that it goes to.
struct Attempt<'a> {
    stack: &'a Stack,
    how: How,
}

enum How {
    Http(Box<RequestBuilder>),
    /// By OpenSSL's client, with the chain of [`openssl_pki`](crate::pki::openssl_pki) in this folder.
    Openssl(PathBuf),
}

impl<'a> Attempt<'a> {
    fn new(stack: &'a Stack, request: RequestBuilder) -> Self {
        let how = How::Http(Box::new(request.json(&hello())));
        Self { stack, how }
    }
}

/// Every documented reason with its code.
fn documented() -> BTreeMap<String, String> {
    let page = include_str!("../../../docs/errors.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let reason = cells.next()?.trim_end_matches('`').to_owned();
        let code = cells.nth(1)?.trim_matches('`').to_owned();
        Some((reason, code))
    };
    page.lines().filter_map(row).collect()
}

async fn answer(asked: &Attempt<'_>, request: Option<RequestBuilder>) -> (u16, Value) {
    let folder = match (&asked.how, request) {
        (How::Http(_), Some(request)) => {
            let (status, body) = send_json(request).await;
            return (status.as_u16(), body);
        }
        (How::Openssl(folder), _) => folder,
        (How::Http(_), None) => panic!("the request can't be sent again"),
    };
    let body = hello().to_string();
    let request = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = asked.stack.envoy.address().to_string();
    let answer = openssl_ask(folder, &address, &request).await;
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    let body = body.lines().find(|line| line.starts_with('{'));
    let body = serde_json::from_str(body.unwrap_or_default());
    (status.unwrap_or_default(), body.unwrap_or_default())
}

async fn run<W>(world: &W, rows: &[Row<W>]) {
    let codes = documented();
    for Row {
        what,
        status,
        reason,
        ask,
    } in rows
    {
        println!("{what}");
        let asked = ask(world);
        let stack = asked.stack;
        let label = format!("reason=\"{reason}\"");
        let counted = async || metric(stack, "tollgate_decisions_total", &[&label]).await;
        let (before, served) = (counted().await, stack.azure.requests().len());
        let request = match &asked.how {
            How::Http(request) => request.try_clone(),
            How::Openssl(_) => None,
        };
        let (got, body) = answer(&asked, request).await;
        assert_eq!(got, *status, "{what}: {body}");
        if *reason == ALLOWED {
            assert_eq!(
                stack.azure.requests().len(),
                served + 1,
                "{what}: not served"
            );
            continue;
        }
        assert_eq!(body["error"]["code"], codes[*reason].as_str(), "{what}");
        assert_eq!(
            counted().await,
            before + 1.0,
            "{what}: not counted as {reason}: {body}"
        );
        assert_eq!(
            stack.azure.requests().len(),
            served,
            "{what}: it reached the backend"
        );
        assert_no_violations(stack);
    }
}

fn reasons<W>(rows: &[Row<W>]) -> BTreeSet<String> {
    assert!(
        rows.iter().any(|row| row.reason == ALLOWED),
        "no valid credential"
    );
    rows.iter().map(|row| row.reason.to_owned()).collect()
}

#[test]
fn every_reason_of_a_credential_has_a_row() {
    let mut tried = reasons(&certificates::ROWS);
    tried.extend(reasons(&keys::ROWS));
    tried.extend(reasons(&tokens::ROWS));
    tried.remove(ALLOWED);
    for (reason, tests) in TRIED_ELSEWHERE {
        let is_tried = tests.contains(&format!("\"{reason}\""));
        assert!(is_tried, "nothing tries {reason} any more");
        tried.insert(reason.to_owned());
    }
    let of_credentials = |reason: &String| OF_CREDENTIALS.iter().any(|it| reason.starts_with(it));
    let documented: BTreeSet<_> = documented().into_keys().filter(of_credentials).collect();
    assert!(
        documented.len() > 50,
        "docs/errors.md was not read: {documented:?}"
    );
    let missing: Vec<_> = documented.difference(&tried).collect();
    assert!(
        missing.is_empty(),
        "no row of the matrix has the reasons {missing:?}"
    );
    let unknown: Vec<_> = tried.difference(&documented).collect();
    assert!(
        unknown.is_empty(),
        "docs/errors.md does not have {unknown:?}"
    );
}

#[tokio::test]
async fn keys_good_and_bad() {
    run(&keys::World::start().await, &keys::ROWS).await;
}

#[tokio::test]
async fn tokens_good_and_bad() {
    run(&tokens::World::start().await, &tokens::ROWS).await;
}

#[tokio::test]
async fn certificates_good_and_bad() {
    run(&certificates::World::start().await, &certificates::ROWS).await;
}
