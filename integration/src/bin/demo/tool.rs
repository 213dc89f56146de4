//! A command of tollgate's in the tour: shown as one would type it, and run.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tollgate_integration::stack::{Failure, paths};

use super::gateway::Gateway;
use super::screen::Screen;

/// Runs `tollgate` with these words, shows what it prints, and gives its standard output.
pub async fn run(
    screen: &mut Screen,
    gateway: &Gateway,
    words: &[&str],
) -> Result<String, Failure> {
    screen.command(&format!("tollgate {}", words.join(" ")));
    let output = ask(gateway, words, None).await?;
    screen.answer(&output.trim_end());
    Ok(output)
}

/// The same with a text on standard input, which the reader sees as the output of `shown`.
pub async fn run_with(
    screen: &mut Screen,
    gateway: &Gateway,
    words: &[&str],
    (shown, input): (&str, &str),
) -> Result<String, Failure> {
    screen.command(&format!("{shown} | tollgate {}", words.join(" ")));
    let output = ask(gateway, words, Some(input)).await?;
    screen.answer(&output.trim_end());
    Ok(output)
}

/// Runs it unseen.
pub async fn quiet(gateway: &Gateway, words: &[&str]) -> Result<String, Failure> {
    ask(gateway, words, None).await
}

async fn ask(gateway: &Gateway, words: &[&str], input: Option<&str>) -> Result<String, Failure> {
    let failed = |error| Failure::new("tollgate", error);
    let directory = gateway.stack.config_path().parent();
    let mut command = Command::new(paths::binary("tollgate")?.canonicalize().map_err(failed)?);
    command
        .args(words)
        .env("TOLLGATE_CONTROL", gateway.control())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let text = input.unwrap_or_default();
        stdin.write_all(text.as_bytes()).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).into_owned())
}
