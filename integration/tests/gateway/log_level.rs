//! What is logged, changed while the service runs, and the audit log in a file.

use std::process::{Command, Stdio};

use serde_json::Value;
use tollgate_integration::stack::paths::binary;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{hello, send};

/// A service that takes commands.
fn controlled(yaml: String) -> String {
    let listen = "listen: { control: \"unix:control/control.sock\",";
    yaml.replace("listen: {", listen) + "data_directory: data\n"
}

/// How the command ends when nobody reads what it says.
fn unread(stack: &Stack) -> Option<i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(binary("tollgate").expect("it"))
        .args(["log-level", "--config"])
        .arg(stack.config_path())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    assert!(output.stderr.is_empty(), "{output:?}");
    output.status.code()
}

fn log_level(stack: &Stack, filter: &[&str]) -> (bool, String) {
    let output = Command::new(binary("tollgate").expect("it"))
        .arg("log-level")
        .args(filter)
        .arg("--config")
        .arg(stack.config_path())
        .output()
        .expect("it runs");
    let said = match output.status.success() {
        true => output.stdout,
        false => output.stderr,
    };
    let said = String::from_utf8(said).expect("text");
    (output.status.success(), said.trim_end().to_owned())
}

/// Changes the configuration, and waits until that is in force.
async fn reload(stack: &Stack, number: u32) {
    let path = stack.config_path();
    let yaml = std::fs::read_to_string(path).expect("it");
    std::fs::write(path, format!("{yaml}# {number}\n")).expect("written");
    wait_for("the new configuration", async || {
        let text = stack.tollgate().metrics().await.ok()?;
        let wanted = format!("tollgate_config_reloads_total{{outcome=\"success\"}} {number}");
        text.contains(&wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_log_level_is_changed_while_the_service_runs() {
    let stack = Stack::start(Options::default().edit_config(controlled)).await;
    assert_eq!(log_level(&stack, &[]), (true, "info".to_owned()));
    assert_eq!(
        unread(&stack),
        Some(141),
        "as of a program that SIGPIPE ended"
    );
    let (is_good, said) = log_level(&stack, &["verbose"]);
    assert!(
        !is_good && said.contains("`verbose` is not a log level"),
        "{said}"
    );
    assert_eq!(
        log_level(&stack, &["error"]),
        (true, "error (before: info)".to_owned())
    );
    let lines = |text: &str| {
        let log = stack.tollgate().log().json().into_iter();
        log.filter(|it| it["message"] == text).count()
    };
    let reloaded = "the changed configuration is in force";
    reload(&stack, 1).await;
    assert!(log_level(&stack, &["info,tollgate::auth=debug"]).0);
    reload(&stack, 2).await;
    let about = |it: &Value| it["message"] == reloaded;
    stack
        .tollgate()
        .log()
        .wait_for_json("the second change", about)
        .await;
    assert_eq!(lines(reloaded), 1, "the first one is not in the log");
    let now = log_level(&stack, &[]);
    assert_eq!(now, (true, "info,tollgate::auth=debug".to_owned()));
    // A file is not a terminal.
    let log = stack.tollgate().log().all();
    assert!(log.iter().all(|line| !line.contains('\u{1b}')), "{log:?}");
}

#[tokio::test]
async fn the_audit_log_is_in_a_file_too() {
    let edit = |yaml: String| yaml + "audit: { file: audit.jsonl, max_bytes: 65536, keep: 2 }\n";
    let stack = Stack::start(Options::default().edit_config(edit)).await;
    for _ in 0..3 {
        assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    }
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("three records", 3)
        .await;
    let file = stack.directory().join("audit.jsonl");
    let written = wait_for("three lines", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        (text.lines().count() == 3).then_some(text)
    })
    .await;
    let written = written
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    assert_eq!(written.collect::<Vec<Value>>(), lines);
}
