//! The console on the admin port, over the real stack: its figures, what it refuses, and what it never shows.

mod browser;
mod html;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::Algorithm;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tollgate::usage::rfc3339;
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::books::{DATA, PRICES, directory, ledger, records, with_ledger};
use crate::certificates::{IDENTITY, Pki, chat as of_certificate, with};
use crate::chargeback::{succeeds, text};
use crate::control::{Control, with_postgres, with_sqlite};
use crate::support::{hello, send, send_json, with_client};
use crate::token_support::{entry, with_issuers};
use html::{rows, visible};

const CONSOLE: &str = "admin: { console: true, console_hosts: [ops.example] }\n";
/// A user who wants to be more than a text.
const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

/// A stack with a console, a ledger, limits, and a second client, `batch-job`.
fn with_console(more: &str) -> Options {
    let sha256 = other().sha256();
    with_ledger(&format!("{PRICES}{CONSOLE}{more}")).edit_config(move |yaml| {
        let yaml = with_client(&yaml, "batch-job", &sha256, "standard");
        yaml.replace(
            "  - id: batch-job\n",
            "  - id: batch-job\n    labels: { team: ads }\n    limits: { requests_per_minute: 10, quotas: [ { cost: 5, per: month } ] }\n",
        )
    })
}

fn other() -> TestKey {
    TestKey::numbered(77)
}

/// A chat of `batch-job`.
fn of_other(stack: &Stack) -> reqwest::RequestBuilder {
    let chat = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    chat.header("api-key", other().text()).json(&hello())
}

async fn page(stack: &Stack, query: &str) -> String {
    let (status, html) = stack
        .tollgate()
        .admin(&format!("/console{query}"))
        .await
        .expect("an answer");
    assert_eq!(status, StatusCode::OK, "{html}");
    html
}

/// Status and headers of an answer to a request with another host.
async fn ask(stack: &Stack, method: Method, path: &str, host: Option<&str>) -> reqwest::Response {
    let url = format!("{}{path}", stack.tollgate().admin_url());
    let mut request = reqwest::Client::new().request(method, url);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    request.send().await.expect("an answer")
}

/// Two clients with usage, one of them with users that are hostile.
async fn used() -> Stack {
    let stack = Stack::start(with_console("")).await;
    for user in ["ann", "ann", HOSTILE] {
        send_json(stack.chat(&hello()).header("x-end-user", user)).await;
    }
    send_json(of_other(&stack)).await;
    records(&ledger(&stack).await, 4).await;
    stack
}

#[tokio::test]
async fn there_is_no_console_unless_the_configuration_asks_for_one() {
    let stack = Stack::start(with_ledger("")).await;
    for path in ["/console", "/console/style.css", "/console/"] {
        let (status, _) = stack.tollgate().admin(path).await.expect("an answer");
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_page_has_the_figures_of_tollgate_usage() {
    let stack = used().await;
    let data = directory(&stack);
    for (by, query) in [
        ("client", ""),
        ("client", "?by=client&client="),
        ("model", "?by=model"),
        ("product", "?by=product"),
        ("user", "?by=user"),
        ("label:team", "?by=label%3Ateam"),
        ("key", "?by=key"),
    ] {
        let config = ["--config", text(stack.config_path()), "--format", "json"];
        let report = succeeds(&[&config[..], &["--by", by]].concat()).await;
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let html = page(&stack, query).await;
        let expected: Vec<_> = report["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| figures(row[by].as_str(), row))
            .collect();
        let shown: Vec<_> = rows(&html, "usage-2")
            .iter()
            .map(|row| shown(row))
            .collect();
        assert!(
            !expected.is_empty() && shown.starts_with(&expected),
            "{by}: {shown:?} {expected:?}"
        );
        // Over time, and in all.
        let total = figures(Some("all"), &report["totals"][0]);
        assert_eq!(shown.last(), Some(&total), "{by}");
        let days: Vec<_> = rows(&html, "usage-1")
            .iter()
            .map(|row| shown_days(row))
            .collect();
        assert_eq!(
            days.iter().filter(|it| it.starts_with("20")).count(),
            1,
            "{days:?}"
        );
    }
    assert!(data.exists());
    // Of one client, and of days without usage.
    let html = page(&stack, "?client=batch-job").await;
    let clients: Vec<_> = rows(&html, "usage-2")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(clients, ["batch-job", "all"]);
    let html = page(&stack, "?from=2020-01-01&to=2020-01-31").await;
    assert!(html.contains("Nothing was used in these days."), "{html}");
}

/// What the page shows of a row of the report.
fn figures(key: Option<&str>, row: &Value) -> Vec<String> {
    let number = |name: &str| {
        row[name]
            .as_i64()
            .map(|it| it.to_string())
            .unwrap_or_default()
    };
    let cost = row["cost"]
        .as_f64()
        .map(|it| format!("{it:.9}"))
        .unwrap_or_default();
    vec![
        key.map_or("(none)", |it| if it.is_empty() { "(none)" } else { it })
            .to_owned(),
        number("requests"),
        number("input_tokens"),
        number("cached_tokens"),
        number("output_tokens"),
        number("unpriced_requests"),
        cost,
        row["currency"].as_str().unwrap_or_default().to_owned(),
    ]
}

fn shown(row: &[String]) -> Vec<String> {
    let mut row = row.get(..8).expect("eight columns").to_vec();
    if let Ok(cost) = row[6].parse::<f64>() {
        row[6] = format!("{cost:.9}");
    }
    row
}

fn shown_days(row: &[String]) -> String {
    row.first().cloned().unwrap_or_default()
}

#[tokio::test]
async fn limits_backends_keys_and_refusals_are_those_of_the_commands() {
    let stack = used().await;
    let unknown = TestKey::numbered(5);
    for _ in 0..3 {
        let chat = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        let answer = send(chat.header("api-key", unknown.text()).json(&hello())).await;
        assert_eq!(answer.status(), 401);
    }
    let html = page(&stack, "").await;
    let limits = rows(&html, "limits-1");
    let of = |what: &str| limits.iter().find(|row| row[1] == what).expect(what);
    assert_eq!(of("requests per minute")[0], "client batch-job");
    assert_eq!(of("requests per minute")[2..4], ["10", "1"]);
    let cost: f64 = of("cost per month, USD")[3].parse().expect("a cost");
    let spent = rows(&html, "usage-2")
        .into_iter()
        .find(|row| row[0] == "batch-job");
    let spent: f64 = spent.expect("its usage")[6].parse().expect("a cost");
    assert!(cost > 0.0 && (cost - spent).abs() < 1e-9, "{cost} {spent}");

    let (_, backends) = stack
        .tollgate()
        .admin("/backends")
        .await
        .expect("an answer");
    let backends: Value = serde_json::from_str(&backends).expect("JSON");
    let row = rows(&html, "backends-1").remove(0);
    assert_eq!([&row[0], &row[3]], ["sweden", "healthy"]);
    assert_eq!(row[5], backends[0]["served"].to_string(), "answered");

    let keys = rows(&html, "keys-1");
    let digits = |key: &TestKey| format!("SHA-256 {}…", &key.sha256()[..16]);
    let of = |key: &TestKey| {
        let found = keys.iter().find(|row| row[0].contains(&digits(key)));
        found.unwrap_or_else(|| panic!("{keys:?}"))
    };
    assert_eq!(
        of(&other())[1..5],
        ["batch-job", "primary", "file", "active"]
    );
    assert!(of(&other())[6].contains(" ago)"), "it was used: {keys:?}");

    let refusal = rows(&html, "refusals-1").remove(0);
    assert!(refusal[0].starts_with("401 key_unknown"), "{refusal:?}");
    let words = "A well-formed key that no client has.";
    assert!(
        refusal[0].contains(words),
        "the words of docs/errors.md: {refusal:?}"
    );
    assert_eq!(refusal[2], "3", "they are alike: {refusal:?}");
    assert!(refusal[3].contains("address 127.0.0.1"), "{refusal:?}");
    let path = CHAT_PATH.split('?').next().expect("a path");
    assert!(refusal[4].ends_with(&format!("path {path}")), "{refusal:?}");
    let secret = &unknown.text()[15..];
    for forbidden in [
        secret,
        stack.key.text(),
        other().text(),
        "Say hello",
        "SECRET",
    ] {
        assert!(!html.contains(forbidden), "{forbidden} is on the page");
    }
}

#[tokio::test]
async fn issued_keys_are_shown_with_their_end_and_their_last_use() {
    let options = with_sqlite().edit_config(|yaml| yaml + CONSOLE);
    let stack = Stack::start(options).await;
    let control = Control::of(&stack);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let in_three_days = (now + Duration::from_secs(73 * 3_600)).as_millis();
    let end = rfc3339(i64::try_from(in_three_days).expect("a moment"));
    let (key, id) = control.issue(&["--not-after", &end]).await;
    let of_key = async |state: &str| {
        wait_for(state, async || {
            let keys = rows(&page(&stack, "").await, "keys-1");
            let found = keys.into_iter().find(|row| row[0].starts_with(&id))?;
            (found[4] == state).then_some(found)
        })
        .await
    };
    let row = of_key("expires soon").await;
    assert_eq!(row[1..4], ["mobile-app", "secondary", "issued"]);
    assert!(row[5].contains("(in 3 days)"), "{row:?}");
    assert_eq!(row[6], "never");
    let chat = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    send_json(chat.header("api-key", &key).json(&hello())).await;
    let used = of_key("expires soon").await;
    assert!(used[6].contains(" ago)"), "{used:?}");
    control.ok(&["revoke", &id]).await;
    of_key("revoked").await;
    let html = page(&stack, "").await;
    assert!(!html.contains(&key[15..]), "never the key");
}

#[tokio::test]
async fn issuers_authorities_lists_and_certificates_say_how_fresh_they_are() {
    let issuer = FakeIssuer::start(&[&Signer::new("one", Algorithm::ES256)]).await;
    let issuers = entry(&issuer, "okta", "");
    let pki = Pki::new();
    pki.write_lists(1, &[]);
    let authority = pki.required();
    let options = Options::default().mtls().edit_config(move |yaml| {
        with_issuers(&with(&yaml, &authority, IDENTITY), &issuers) + CONSOLE
    });
    let stack = Stack::start(options).await;
    let good = pki.leaf(|_| {});
    assert_eq!(send(of_certificate(&stack, &good)).await.status(), 200);
    let html = wait_for("the issuer's keys", async || {
        let html = page(&stack, "").await;
        (rows(&html, "identities-2")[0][1] == "usable").then_some(html)
    })
    .await;
    assert_eq!(rows(&html, "identities-1")[0][0], "there is one");
    let found = rows(&html, "identities-2").remove(0);
    assert_eq!([&found[0], &found[2]], ["okta", "1"]);
    assert!(found[3].ends_with(" ago)"), "{found:?}");
    let found = rows(&html, "identities-3").remove(0);
    assert_eq!(
        [&found[0], &found[1], &found[4]],
        ["devices", "there", "fresh"]
    );
    assert!(found[5].starts_with("2049-12-31"), "{found:?}");
    let found = rows(&html, "identities-4").remove(0);
    assert_eq!(found[0], "factory-7");
    assert!(found[2].contains("(in "), "{found:?}");
    // A list of a year that is over.
    let old = pki.root.crl(2, &[], 2049) + &pki.sub.crl(2, &[], 2025);
    std::fs::write(pki.path().join("lists.pem"), old).expect("written");
    let again = Stack::start(Options::default().mtls().edit_config({
        let authority = pki.required();
        move |yaml| with(&yaml, &authority, IDENTITY) + CONSOLE
    }));
    let html = page(&again.await, "").await;
    assert_eq!(rows(&html, "identities-3")[0][4], "expired");
    assert!(visible(&html).contains("authority devices: a revocation list has expired"));
}

#[tokio::test]
async fn hostile_names_of_users_deployments_and_paths_are_texts() {
    let stack = used().await;
    let hostile = json!({"model": HOSTILE, "messages": [{"role": "user", "content": "Hi"}]});
    let answer = send(stack.post("/openai/v1/chat/completions", &hostile)).await;
    assert!(answer.status().is_client_error());
    let html = page(&stack, "?by=user").await;
    let users: Vec<_> = rows(&html, "usage-2")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert!(
        users.contains(&HOSTILE.to_owned()),
        "shown as it is: {users:?}"
    );
    for query in ["?by=user", "?client=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22"] {
        let html = page(&stack, query).await.to_ascii_lowercase();
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
    }
}

#[tokio::test]
async fn another_name_another_method_and_another_page_are_refused() {
    let stack = Stack::start(with_console("")).await;
    for (host, status) in [
        (None, 200),
        (Some("localhost:9090"), 200),
        (Some("OPS.example"), 200),
        (Some("[::1]"), 200),
        (Some("evil.example"), 421),
        (Some("127.0.0.1.evil.example:9090"), 421),
    ] {
        for path in ["/console", "/console/style.css"] {
            let answer = ask(&stack, Method::GET, path, host).await;
            assert_eq!(answer.status().as_u16(), status, "{host:?} {path}");
            let policy = answer.headers()["content-security-policy"]
                .to_str()
                .expect("text");
            assert!(
                policy.starts_with("default-src 'none'; style-src 'self';"),
                "{policy}"
            );
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        }
    }
    let head = ask(&stack, Method::HEAD, "/console", None).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.bytes().await.expect("a body").is_empty());
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = ask(&stack, method.clone(), "/console", None).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let foreign = reqwest::Client::new()
        .get(format!("{}/console", stack.tollgate().admin_url()))
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "no-cors");
    assert_eq!(send(foreign).await.status(), StatusCode::FORBIDDEN);
    // What machines ask for is not the console's to refuse.
    let livez = ask(&stack, Method::GET, "/livez", Some("evil.example")).await;
    assert_eq!(livez.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_out_of_bounds_is_said_on_the_page_with_its_reason() {
    let stack = Stack::start(with_console("")).await;
    for (query, said) in [
        ("?from=2020-01-01", "at most 93 days"),
        ("?by=modle", "did you mean `model`?"),
        ("?from=tomorrow", "a day is written such as 2026-01-31"),
    ] {
        let answer = stack.tollgate().admin(&format!("/console{query}")).await;
        let (status, html) = answer.expect("an answer");
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(visible(&html).contains(said), "{query}: {html}");
        assert!(html.contains("Backends"), "the rest is there all the same");
    }
}

#[tokio::test]
async fn while_the_database_is_away_the_rest_is_shown_and_requests_are_served() {
    let postgres = Postgres::start().expect("a PostgreSQL");
    let options = with_postgres(&postgres.url()).edit_config(|yaml| yaml + DATA + CONSOLE);
    let stack = Stack::start(options).await;
    send_json(stack.chat(&hello())).await;
    let first_row = async || {
        let html = page(&stack, "").await;
        let rows = html.contains("usage-2").then(|| rows(&html, "usage-2"));
        rows.and_then(|it| it.into_iter().next())
    };
    let row = wait_for("the usage of all replicas", &first_row).await;
    assert_eq!(row[..2], ["mobile-app", "1"]);
    postgres.down().expect("it stops");
    let asked = tokio::join!(page(&stack, ""), send(stack.chat(&hello())));
    let (html, answer) = asked;
    assert_eq!(answer.status(), 200, "no request waits for a page");
    assert!(visible(&html).contains("the ledger"), "it says why: {html}");
    assert_eq!(rows(&html, "backends-1")[0][0], "sweden");
    assert!(!html.contains(Postgres::PASSWORD), "no password is shown");
    // It is asked anew.
    postgres.up().expect("it starts");
    let row = wait_for("the usage is there again", &first_row).await;
    assert_eq!(row[0], "mobile-app");
}

#[tokio::test]
async fn without_a_ledger_the_rest_is_shown() {
    let stack = Stack::start(Options::default().edit_config(|yaml| yaml + CONSOLE)).await;
    send_json(stack.chat(&hello())).await;
    let html = page(&stack, "").await;
    assert!(html.contains("this service keeps no ledger"), "{html}");
    assert_eq!(rows(&html, "backends-1")[0][0], "sweden");
}
