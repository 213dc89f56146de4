//! The log beside the ledger's file: what is in it only, and what damage to it costs.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::process::Command;
use tollgate_integration::stack::{Stack, paths, wait_for};

use crate::books::{by_request, directory, ledger, records, rows, with_ledger};
use crate::support::{hello, hello_stream, metric, send, send_json};

/// Keeps everybody else from writing the ledger's file: records stay in the log.
async fn lock(stack: &Stack) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(directory(stack).join("usage.db"));
    let mut connection = options.connect().await.expect("the file");
    let begin = sqlx::query("BEGIN IMMEDIATE").execute(&mut connection);
    begin.await.expect("the lock");
    connection
}

async fn unlock(lock: SqliteConnection) {
    lock.close().await.expect("closed");
}

/// The segments of the log that have frames.
fn segments(stack: &Stack) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory(stack).join("usage-log")).expect("the log");
    let paths = entries.map(|it| it.expect("an entry").path());
    let has_frames = |path: &PathBuf| !marks(&fs::read(path).expect("a segment")).is_empty();
    paths.filter(has_frames).collect()
}

/// Where frames begin.
fn marks(segment: &[u8]) -> Vec<usize> {
    memchr::memmem::find_iter(segment, b"rec\n").collect()
}

async fn ask(stack: &Stack, count: usize) {
    for number in 0..count {
        let body = if number % 2 == 0 {
            hello()
        } else {
            hello_stream()
        };
        let answer = send(stack.chat(&body)).await;
        answer.text().await.expect("a whole answer");
    }
}

#[tokio::test]
async fn a_file_that_is_locked_holds_up_no_answer_and_is_filled_later() {
    let stack = Stack::start(with_ledger("")).await;
    let locked = lock(&stack).await;
    ask(&stack, 8).await;
    let written = ["outcome=\"written\""];
    let written = metric(&stack, "tollgate_ledger_records_total", &written).await;
    assert_eq!(written, 8.0, "they are on the disk");
    wait_for("the lock to be noticed", async || {
        let failures = ["outcome=\"fill\""];
        let failures = metric(&stack, "tollgate_ledger_failures_total", &failures).await;
        (failures > 0.0).then_some(())
    })
    .await;
    let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 200, "requests are served");
    assert!(text.contains("can't be filled from its log"), "{text}");
    unlock(locked).await;
    records(&ledger(&stack).await, 8).await;
    wait_for("the concern to go", async || {
        let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
        (!text.contains("can't be filled")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_command_sees_what_a_killed_process_has_left_in_its_log() {
    let mut stack = Stack::start(with_ledger("")).await;
    let locked = lock(&stack).await;
    ask(&stack, 5).await;
    stack.tollgate_mut().child().kill().await.expect("killed");
    unlock(locked).await;
    for _ in 0..2 {
        let report = Command::new(paths::binary("tollgate").expect("it is built"))
            .args(["usage", "--format", "json", "--data-directory"])
            .arg(directory(&stack))
            .output();
        let report = report.await.expect("it runs");
        let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
        assert_eq!(report["rows"][0]["requests"], 5, "{report}");
    }
    stack.restart_tollgate().await.expect("it starts");
    assert_eq!(by_request(rows(&ledger(&stack).await).await).len(), 5);
}

#[tokio::test]
async fn damage_in_the_log_costs_that_record_is_said_and_does_not_keep_it_from_starting() {
    let mut stack = Stack::start(with_ledger("")).await;
    let locked = lock(&stack).await;
    ask(&stack, 4).await;
    stack.tollgate_mut().child().kill().await.expect("killed");
    unlock(locked).await;
    let [segment] = &segments(&stack)[..] else {
        panic!("one segment")
    };
    let mut bytes = fs::read(segment).expect("a segment");
    let at = marks(&bytes)[1] + 40;
    bytes[at] ^= 1;
    fs::write(segment, bytes).expect("written");
    stack.restart_tollgate().await.expect("it starts");
    let store = ledger(&stack).await;
    assert_eq!(
        by_request(rows(&store).await).len(),
        3,
        "the others are there"
    );
    let lost = ["outcome=\"lost\""];
    let lost = metric(&stack, "tollgate_ledger_records_total", &lost).await;
    assert_eq!(lost, 1.0);
    wait_for("the damage to be said", async || {
        let lines = stack.tollgate().log().all();
        let is_said = |it: &String| it.contains("is damaged") && it.contains(".log.damaged");
        lines.iter().any(is_said).then_some(())
    })
    .await;
    let files = fs::read_dir(directory(&stack).join("usage-log")).expect("the log");
    let mut names = files.map(|it| it.expect("an entry").file_name());
    let is_kept = names.any(|it| it.to_string_lossy().ends_with(".log.damaged"));
    assert!(is_kept, "it is there to be looked at");
    let (status, _) = send_json(stack.chat(&hello())).await;
    assert_eq!(status, 200);
    assert_eq!(rows(&store).await.len(), 4, "a new log goes on");
}
