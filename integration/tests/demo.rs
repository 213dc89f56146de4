//! `make demo`: the tour, what it leaves behind, and the commands that it offers.

use std::path::Path;
use std::process::{Output as Finished, Stdio};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tollgate_integration::stack::{Child, Output, paths, wait_for};

const DEMO: &str = env!("CARGO_BIN_EXE_demo");
/// The first and the last line around the commands of `--keep`.
const COMMANDS_FOLLOW: &str = "Everything runs on.";
const COMMANDS_END: &str = "Ctrl-C ends it all.";

/// The demo, with a folder of its own for what it writes: the command line of each process that it
/// starts names a file in there.
fn demo() -> (Command, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(DEMO);
    command.env("TMPDIR", folder.path());
    (command, folder)
}

async fn finished(command: &mut Command) -> Finished {
    command.output().await.expect("the demo starts")
}

/// Asserts that the demo has ended what it started and removed what it wrote.
async fn assert_nothing_left(folder: &TempDir) {
    let path = folder.path();
    // The kernel takes a moment to end a killed process.
    wait_for("the end of all processes", async || {
        processes_with(path).is_empty().then_some(())
    })
    .await;
    let files: Vec<_> = std::fs::read_dir(path).expect("the folder").collect();
    assert!(files.is_empty(), "left behind: {files:?}");
}

/// The id and the command line of each running process that names `path`.
fn processes_with(path: &Path) -> Vec<(String, String)> {
    let name = path.to_string_lossy();
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let processes = processes.filter_map(|process| {
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        Some((process.file_name().to_string_lossy().into_owned(), line))
    });
    processes
        .filter(|(_, line)| line.contains(&*name))
        .collect()
}

#[tokio::test]
async fn the_tour_shows_every_step_and_leaves_nothing_behind() {
    let (mut command, folder) = demo();
    let tour = finished(&mut command).await;
    let shown = String::from_utf8(tour.stdout).expect("UTF-8");
    assert!(tour.status.success(), "{shown}");
    for step in [
        "1. A client gets a key",
        "2. A chat completion",
        "3. The same as a stream",
        "4. Without a key, or with a mistyped one",
        "5. A model or an API that the client may not use",
        "6. tollgate explain says why",
        "7. A caller signs in with its own identity provider",
        "8. A device shows its certificate",
        "9. Another client, on the path of the plain OpenAI SDK",
        "10. A client that hangs up",
        "11. The accounts",
        "12. A key is issued, replaced and revoked",
        "13. What was used, and what it costs",
    ] {
        assert!(shown.contains(&format!("\n{step}")), "no {step:?}: {shown}");
    }
    let revoked = r#"{"reason":"certificate_revoked","serial":"08","subject":"CN=robot 8"}"#;
    assert!(shown.contains(revoked), "whose certificate was it? {shown}");
    assert!(shown.contains("data: [DONE]"), "no stream: {shown}");
    assert!(shown.ends_with("checks hold\n"), "no verdict: {shown}");
    assert!(!shown.contains('✗'), "{shown}");
    assert!(!shown.contains('\x1b'), "colours without a terminal");
    assert_nothing_left(&folder).await;
}

#[tokio::test]
async fn what_keep_offers_to_paste_works_and_ctrl_c_ends_everything() {
    paths::python().expect("the SDK");
    let (mut command, folder) = demo();
    command.arg("--keep");
    let mut demo = Child::spawn("demo", command, Output::Kept).expect("it starts");
    let lines = demo.stdout().clone();
    let commands = wait_for("the commands", async || between(&lines.all())).await;

    let said = shell(&commands).await;
    for expected in [
        r#""object":"chat.completion""#,
        "data: [DONE]",
        "tollgate_requests_total",
        "azure_openai::",
        "You asked about “Say hello",
    ] {
        assert!(said.contains(expected), "no {expected:?}: {said}");
    }
    wait_for("the audit log of the four requests", async || {
        let all = lines.all();
        let end = all.iter().position(|it| it.starts_with(COMMANDS_END))?;
        let records = all[end..]
            .iter()
            .filter(|it| it.contains(r#""event":"usage""#));
        (records.count() == 4).then_some(())
    })
    .await;

    demo.signal("INT").await.expect("sent");
    let status = demo.ended().await.expect("it ends");
    assert!(status.success(), "the tour had gone well: {status}");
    assert_nothing_left(&folder).await;
}

/// The lines that are to be pasted, once all are there.
fn between(lines: &[String]) -> Option<String> {
    let first = lines
        .iter()
        .position(|it| it.starts_with(COMMANDS_FOLLOW))?
        + 1;
    let last = lines.iter().position(|it| it.starts_with(COMMANDS_END))?;
    Some(lines[first..last].join("\n"))
}

/// Pastes commands into a shell that stops at the first one that fails.
async fn shell(commands: &str) -> String {
    let mut shell = Command::new("bash")
        .args(["-e", "-o", "pipefail"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a shell");
    let mut input = shell.stdin.take().expect("a pipe");
    input.write_all(commands.as_bytes()).await.expect("read");
    drop(input);
    let done = shell.wait_with_output().await.expect("it ends");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let failed = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{commands}\n{said}\n{failed}");
    said
}

#[tokio::test]
async fn ctrl_c_in_the_middle_of_the_tour_ends_everything() {
    let (command, folder) = demo();
    let mut demo = Child::spawn("demo", command, Output::Kept).expect("it starts");
    let lines = demo.stdout().clone();
    wait_for("the stream", async || {
        let streams = lines.all().iter().any(|it| it.contains("data: {"));
        streams.then_some(())
    })
    .await;
    demo.signal("INT").await.expect("sent");
    let status = demo.ended().await.expect("it ends");
    assert_eq!(status.code(), Some(130), "as a shell says it: {status}");
    assert_nothing_left(&folder).await;
}

#[tokio::test]
async fn a_part_that_dies_fails_the_tour_which_shows_the_logs() {
    let (command, folder) = demo();
    let mut demo = Child::spawn("demo", command, Output::Kept).expect("it starts");
    let lines = demo.stdout().clone();
    let shown = |text: &str| lines.all().iter().any(|it| it.contains(text));
    wait_for("the stream", async || shown("data: {").then_some(())).await;
    let processes = processes_with(folder.path());
    let envoy = processes
        .iter()
        .find(|(_, line)| line.contains("envoy.json"));
    let (id, _) = envoy.expect("an Envoy");
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -KILL "$1""#, "sh", id]);
    assert!(kill.status().await.expect("a shell").success(), "killed");
    let status = demo.ended().await.expect("it ends");
    assert_eq!(status.code(), Some(1), "{status}");
    for expected in [
        "✗ the stream",
        "---- Envoy's access log",
        "---- tollgate's audit log",
    ] {
        wait_for(expected, async || shown(expected).then_some(())).await;
    }
    assert_nothing_left(&folder).await;
}

#[tokio::test]
async fn a_missing_envoy_is_one_line_with_the_remedy() {
    let (mut command, folder) = demo();
    let ended = finished(command.env("TOLLGATE_ENVOY", "/nowhere/envoy")).await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert_eq!(said, "demo: there is no /nowhere/envoy: run: make tools\n");
    assert!(ended.stdout.is_empty(), "nothing was begun");
    assert_nothing_left(&folder).await;
}

#[tokio::test]
async fn wrong_arguments_print_the_usage() {
    let (mut command, _folder) = demo();
    let ended = finished(command.arg("--forever")).await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("Usage: demo [OPTIONS]"), "{said}");
}
