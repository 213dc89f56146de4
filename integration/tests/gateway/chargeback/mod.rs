//! The chargeback, as an operator types it.

mod collector;
mod recompute;
mod reconcile;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;
use tollgate_integration::stack::{Stack, paths};

use crate::books::{PRICES, bills, directory, ledger, rows, with_ledger};
use crate::support::{hello, hello_stream, send, send_json};

pub(crate) async fn usage(arguments: &[&str]) -> Output {
    let tollgate = paths::binary("tollgate").expect("it is built");
    let command = Command::new(tollgate).arg("usage").args(arguments).output();
    command.await.expect("it runs")
}

pub(crate) async fn succeeds(arguments: &[&str]) -> String {
    let output = usage(arguments).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// A stack with four requests in its ledger.
pub(crate) async fn used() -> Stack {
    let stack = Stack::start(with_ledger(PRICES)).await;
    for user in ["ann", "bob"] {
        for body in [hello(), hello_stream()] {
            let answer = send(stack.chat(&body).header("x-end-user", user)).await;
            answer.text().await.expect("a whole answer");
        }
    }
    stack
}

#[tokio::test]
async fn a_report_says_who_used_what_and_for_how_much() {
    let stack = used().await;
    let written = rows(&ledger(&stack).await).await;
    let tokens: i64 = written.iter().map(|row| row.total_tokens).sum();
    let cost: i64 = written.iter().filter_map(|row| row.cost_nanos).sum();
    let directory = directory(&stack);
    for (by, keys) in [
        ("client", vec!["mobile-app"]),
        ("user", vec!["ann", "bob"]),
        ("label:team", vec!["search"]),
        ("label:cost_center", vec!["4711"]),
        ("product", vec!["standard"]),
        ("deployment", vec!["gpt-4o"]),
        ("model", vec!["gpt-4o-2024-08-06"]),
        ("backend", vec!["sweden"]),
        ("operation", vec!["chat.completions"]),
        ("service_tier", vec![""]),
    ] {
        let arguments = [
            "--data-directory",
            text(&directory),
            "--by",
            by,
            "--format",
            "json",
        ];
        let report: Value = serde_json::from_str(&succeeds(&arguments).await).expect("JSON");
        let lines = report["rows"].as_array().expect("rows");
        let key = |row: &Value| row[by].as_str().unwrap_or_default().to_owned();
        let mut found: Vec<_> = lines.iter().map(key).collect();
        found.sort_unstable();
        assert_eq!(found, keys, "{by}");
        assert_eq!(report["totals"][0]["total_tokens"], tokens, "{by}");
        assert_eq!(report["totals"][0]["requests"], 4);
        let exact = format!("{}.{:09}", cost / 1_000_000_000, cost % 1_000_000_000);
        let exact: f64 = exact.parse().expect("a number");
        assert_eq!(report["totals"][0]["cost"], exact, "{by}");
    }
    let config = ["--config", text(stack.config_path()), "--by", "day"];
    let table = succeeds(&config).await;
    assert!(
        table.contains("█") && table.contains("total") && table.contains("USD"),
        "{table}"
    );
    let csv = succeeds(&["--data-directory", text(&directory), "--format", "csv"]).await;
    assert!(csv.starts_with("client,requests,input_tokens,"), "{csv}");
    assert_eq!(csv.lines().count(), 2);
    let before = ["--data-directory", text(&directory), "--to", "2020-01-01"];
    assert_eq!(succeeds(&before).await, "no usage in this period\n");
}

#[tokio::test]
async fn records_are_exported_as_lines_and_as_focus() {
    let stack = used().await;
    let directory = directory(&stack);
    let arguments = [
        "export",
        "--data-directory",
        text(&directory),
        "--format",
        "json",
    ];
    let lines = succeeds(&arguments).await;
    let bills = bills(&stack);
    assert_eq!(lines.lines().count(), 4);
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let bill = &bills[record["request_id"].as_str().expect("an id")];
        assert_eq!(record["input_tokens"], bill.tokens.prompt);
        assert_eq!(record["output_tokens"], bill.tokens.completion);
        assert_eq!(record["labels"]["team"], "search");
        assert!(record["cost"].is_number(), "{record}");
        assert!(record["stream"].is_boolean() && record["filtered"].is_boolean());
        let key = stack.key.text().get(4..14).expect("an id");
        assert_eq!(record["key_id"], key, "{record}");
        assert_eq!(record["id"].as_str().map(str::len), Some(36));
    }
    let focus = succeeds(&["export", "--data-directory", text(&directory)]).await;
    let mut lines = focus.lines();
    assert!(
        lines
            .next()
            .is_some_and(|header| header.starts_with("BilledCost,BillingAccountId,"))
    );
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 2, "a line for each user of the day: {focus}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("Azure OpenAI") && line.contains(",Tokens,")),
        "{focus}"
    );
}

#[tokio::test]
async fn what_is_paid_by_the_month_is_shared_by_use() {
    // The model's own price, of the same name, is for its other deployments.
    let flat = "  - { deployment: gpt-4o, tier: ptu, monthly: 900.00, currency: EUR }\n";
    let stack = Stack::start(with_ledger(&format!("{PRICES}{flat}"))).await;
    for user in ["ann", "bob", "ann"] {
        send_json(
            stack
                .chat(&hello())
                .header("x-end-user", user)
                .header("x-fake-output-tokens", "10"),
        )
        .await;
    }
    let arguments = [
        "--config",
        text(stack.config_path()),
        "--by",
        "user",
        "--format",
        "json",
    ];
    let report: Value = serde_json::from_str(&succeeds(&arguments).await).expect("JSON");
    let costs: Vec<_> = report["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["user"].as_str(), row["cost"].as_f64()))
        .collect();
    assert_eq!(
        costs,
        [(Some("ann"), Some(600.0)), (Some("bob"), Some(300.0))]
    );
}

#[tokio::test]
async fn a_wrong_question_is_answered_with_what_to_do() {
    let nowhere = tempfile::tempdir().expect("a directory");
    for (arguments, reason) in [
        (
            vec!["--data-directory", text(nowhere.path())],
            "there is no ledger at",
        ),
        (vec!["--by", "xyz"], "label:NAME"),
        (vec!["--by", "modell"], "did you mean `model`?"),
        (vec!["--by", "client,label:"], "not a label's name"),
        (vec!["--where", "model"], "write WHAT=VALUE"),
        (
            vec!["--data-directory", "x", "--by", "day,client,day"],
            "`day` occurs twice",
        ),
        (vec!["--from", "soon"], "not a date"),
        (
            vec![
                "--data-directory",
                "x",
                "--from",
                "2026-02-01",
                "--to",
                "2026-02-01",
            ],
            "--to must be after --from",
        ),
        (vec!["recompute", "--data-directory", "x"], "--config FILE"),
        (
            vec![
                "export",
                "--data-directory",
                text(nowhere.path()),
                "--follow",
                "--format",
                "json",
            ],
            "there is no ledger at",
        ),
        (
            vec!["--database", "postgres://u:secret@h/d"],
            "--database: a password in the URL",
        ),
    ] {
        let output = usage(&arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(reason),
            "{arguments:?}: {errors}"
        );
        assert!(!errors.contains("secret@"), "{errors}");
    }
}
