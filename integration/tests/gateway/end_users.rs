//! What is kept of the names of end users, and taking one out again.

use jsonwebtoken::Algorithm;
use serde_json::Value;
use tokio::process::Command;
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::{Options, Stack, paths, wait_for};

use crate::books::{DATA, PRICES, ledger, records, rows};
use crate::control::with_postgres;
use crate::explain::END_USERS_KEY;
use crate::support::{hello, send};
use crate::token_support::{changed, entry, explain_token, with_issuers};

const USER_FROM: &str = "    products: [standard]\n    user_from: { header: x-end-user }\n";

fn with(more: &str) -> impl FnOnce(String) -> String + Send + use<> {
    let more = format!("{more}{PRICES}");
    move |yaml| yaml.replacen("    products: [standard]\n", USER_FROM, 1) + &more
}

async fn ask(stack: &Stack, user: &str) {
    let answer = send(stack.chat(&hello()).header("x-end-user", user)).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("whole");
}

/// Runs `tollgate usage` on the stack's configuration, and gives what it prints.
async fn usage(stack: &Stack, words: &[&str]) -> String {
    let mut command = Command::new(paths::binary("tollgate").expect("built before the tests run"));
    command.arg("usage").args(words).arg("--config");
    let command = command
        .arg(stack.config_path())
        .env("TEST_DATABASE_PASSWORD", Postgres::PASSWORD)
        .env("TEST_END_USERS_KEY", END_USERS_KEY);
    let said = command.output().await.expect("tollgate runs");
    let error = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{words:?}: {error}");
    String::from_utf8(said.stdout).expect("text")
}

/// The rows of `tollgate usage --by user`: name and requests.
async fn users(stack: &Stack) -> Vec<(String, u64)> {
    let said = usage(stack, &["--by", "user", "--format", "json"]).await;
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let rows = report.as_array().or_else(|| report["rows"].as_array());
    let rows = rows.unwrap_or_else(|| panic!("no rows: {report}")).iter();
    let row = |it: &Value| {
        let requests = it["requests"].as_u64().expect("a number");
        (it["user"].as_str().unwrap_or_default().to_owned(), requests)
    };
    let mut rows: Vec<_> = rows.map(row).collect();
    rows.sort();
    rows
}

async fn forget(stack: &Stack, user: &str) -> String {
    usage(stack, &["forget", "--user", user]).await
}

/// Waits until so many requests are in the report.
async fn wait_for_users(stack: &Stack, requests: u64) -> Vec<(String, u64)> {
    wait_for("the report", async || {
        let users = users(stack).await;
        let sum: u64 = users.iter().map(|it| it.1).sum();
        (sum == requests).then_some(users)
    })
    .await
}

fn pair(user: &str, requests: u64) -> (String, u64) {
    (user.to_owned(), requests)
}

#[tokio::test]
async fn a_user_who_is_forgotten_leaves_the_usage_of_the_client() {
    let stack = Stack::start(Options::default().edit_config(with(DATA))).await;
    for user in ["ann", "ann", "bob"] {
        ask(&stack, user).await;
    }
    let before = wait_for_users(&stack, 3).await;
    assert_eq!(before, [pair("ann", 2), pair("bob", 1)]);
    assert!(forget(&stack, "ann").await.starts_with("2 requests"));
    assert_eq!(users(&stack).await, [pair("", 2), pair("bob", 1)]);
    // Nobody of this name any more, and no part of another one.
    assert!(forget(&stack, "ann").await.starts_with("0 requests"));
    assert!(forget(&stack, "bo").await.starts_with("0 requests"));
}

#[tokio::test]
async fn a_user_is_forgotten_in_the_database_of_all_replicas_and_what_waits_for_it() {
    let postgres = Postgres::start().expect("PostgreSQL");
    let options = with_postgres(&postgres.url()).edit_config(with(DATA));
    let stack = Stack::start(options).await;
    for user in ["ann", "bob"] {
        ask(&stack, user).await;
    }
    wait_for_users(&stack, 2).await;
    // A record that can't be copied for its data waits in the own ledger.
    let refuse = "ALTER TABLE usage_records ADD CONSTRAINT refused CHECK (end_user <> 'eve')";
    postgres.query(refuse).expect("altered");
    ask(&stack, "eve").await;
    let own = ledger(&stack).await;
    records(&own, 3).await;
    assert!(forget(&stack, "ann").await.starts_with("1 requests"));
    assert!(forget(&stack, "eve").await.starts_with("1 requests"));
    let named = rows(&own).await.into_iter().filter_map(|row| row.end_user);
    assert_eq!(named.collect::<Vec<_>>(), ["bob"]);
    // What has waited can be copied now, without the name, and may have been.
    let all = users(&stack).await.into_iter();
    let (unnamed, named): (Vec<_>, Vec<_>) = all.partition(|it| it.0.is_empty());
    assert!(matches!(*unnamed, [(_, 1 | 2)]), "{unnamed:?}");
    assert_eq!(named, [pair("bob", 1)]);
}

#[tokio::test]
async fn with_hash_a_pseudonym_is_all_that_is_written_and_with_drop_nothing() {
    let key = "ledger: { end_users: hash, end_users_key: { env: TEST_END_USERS_KEY } }\n";
    let hashed = Options::default()
        .tollgate_env("TEST_END_USERS_KEY", END_USERS_KEY)
        .edit_config(with(&format!("{DATA}{key}")));
    let dropped =
        Options::default().edit_config(with(&format!("{DATA}ledger: {{ end_users: drop }}\n")));
    for (options, is_hashed) in [(hashed, true), (dropped, false)] {
        let stack = Stack::start(options).await;
        for user in ["ann@example.com", "ann@example.com", "bob@example.com"] {
            ask(&stack, user).await;
        }
        let users = wait_for_users(&stack, 3).await;
        let names: Vec<_> = users.iter().map(|it| it.0.as_str()).collect();
        match is_hashed {
            true => assert!(names.len() == 2 && names.iter().all(|it| it.starts_with("h-"))),
            false => assert_eq!(names, [""]),
        }
        let audit = stack.tollgate().audit().all().join("\n");
        assert!(audit.contains("\"client\":\"mobile-app\""));
        assert!(!audit.contains("example.com"), "{audit}");
        // Who is forgotten has a pseudonym, too.
        let forgotten = forget(&stack, "ann@example.com").await;
        let requests = if is_hashed {
            "2 requests"
        } else {
            "0 requests"
        };
        assert!(forgotten.starts_with(requests), "{forgotten}");
    }
}

/// What `explain` prints goes to colleagues and tickets.
#[tokio::test]
async fn explain_says_of_a_user_what_is_kept_and_no_more() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let hash = "ledger: { end_users: hash, end_users_key: { env: TEST_END_USERS_KEY } }\n";
    for (ledger, said) in [
        ("", "user \"ann@example.com\""),
        (hash, "user \"h-"),
        ("ledger: { end_users: drop }\n", "client mobile-app by"),
    ] {
        let (issuers, more) = (entry(&issuer, "okta", ""), format!("{DATA}{ledger}"));
        let options = Options::default()
            .tollgate_env("TEST_END_USERS_KEY", END_USERS_KEY)
            .edit_config(move |yaml| with_issuers(&yaml, &issuers) + &more);
        let stack = Stack::start(options).await;
        let claims = changed(&issuer, "sub", Some("ann@example.com".into()));
        let (text, is_allowed) = explain_token(&stack, &signer.sign(&claims)).await;
        assert!(is_allowed && text.contains(said), "{ledger}{text}");
        assert_eq!(text.contains("ann"), ledger.is_empty(), "{text}");
    }
}
