//! What the tests of tokens share: stacks with issuers, and what comes of a token.

use serde_json::Value;
use tollgate_integration::fakes::issuer::FakeIssuer;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, wait_for};

use crate::explain::explain;
use crate::support::{hello, metric, refused, send};

/// One line of `issuers`, for an issuer on this machine.
pub(crate) fn entry(issuer: &FakeIssuer, name: &str, more: &str) -> String {
    entry_at(&issuer.url(), name, more)
}

pub(crate) fn entry_at(url: &str, name: &str, more: &str) -> String {
    format!(
        "  - {{ name: {name}, issuer: \"{url}\", audiences: [\"api://tollgate\"], allow_http: true, allow_addresses: [127.0.0.1]{more} }}\n"
    )
}

/// Adds issuers, and a token of `okta` with `azp: app-1` to the client `mobile-app`.
pub(crate) fn with_issuers(yaml: &str, issuers: &str) -> String {
    yaml.replacen("clients:\n", &format!("issuers:\n{issuers}clients:\n"), 1)
        .replacen(
            "    credentials:\n",
            "    credentials:\n      - { token: { issuer: okta, client: app-1 } }\n",
            1,
        )
}

/// A stack with the issuer `okta`, and what else its line says.
pub(crate) async fn stack_of(issuer: &FakeIssuer, more: &str) -> Stack {
    let issuers = entry(issuer, "okta", more);
    let stack =
        Stack::start(Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers)))
            .await;
    wait_for("the issuer's keys", async || {
        let keys = metric(&stack, "tollgate_issuer_keys", &["issuer=\"okta\""]).await;
        (keys > 0.0).then_some(())
    })
    .await;
    stack
}

pub(crate) fn chat(stack: &Stack, token: &str) -> reqwest::RequestBuilder {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    request.bearer_auth(token).json(&hello())
}

/// Sends a token that must be refused; gives status, code and the operator's reason.
pub(crate) async fn reason(stack: &Stack, token: &str) -> (u16, String) {
    let refusals = || {
        let mut lines = stack.tollgate().audit().json();
        lines.retain(|line| line["event"] == "refused");
        lines
    };
    let before = refusals().len();
    let (status, _) = refused(chat(stack, token)).await;
    let last = wait_for("the refusal in the audit log", async || {
        let mut lines = refusals();
        (lines.len() > before).then(|| lines.pop())?
    })
    .await;
    (
        status,
        last["reason"].as_str().unwrap_or_default().to_owned(),
    )
}

/// What explain prints of a token, and whether it allows it.
pub(crate) async fn explain_token(stack: &Stack, token: &str) -> (String, bool) {
    let file = stack.directory().join("token");
    std::fs::write(&file, token).expect("written");
    let file = file.to_string_lossy().into_owned();
    explain(stack, &["--path", CHAT_PATH, "--credential", &file]).await
}

pub(crate) async fn status(stack: &Stack, token: &str) -> u16 {
    send(chat(stack, token)).await.status().as_u16()
}

pub(crate) fn changed(issuer: &FakeIssuer, name: &str, value: Option<Value>) -> Value {
    let mut claims = issuer.claims();
    let members = claims.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    claims
}
