//! A child process with its output, killed when it is dropped.

use std::process::{ExitStatus, Stdio};

use tokio::process::Command;
use tokio::time::timeout;

use super::failure::Failure;
use super::lines::Lines;
use super::wait::DEADLINE;

/// How much of each output a failed test shows.
const SHOWN_LINES: usize = 60;

/// What happens to the output of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Kept, for the test to read.
    Kept,
    /// Thrown away: reading it would cost the bench the time that it measures.
    Dropped,
}

/// A running child process.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    process: tokio::process::Child,
    stdout: Lines,
    stderr: Lines,
}

impl Child {
    /// Starts `command`; `name` is what messages call it. Standard error is always kept.
    pub fn spawn(
        name: &'static str,
        mut command: Command,
        stdout: Output,
    ) -> Result<Self, Failure> {
        let stdout = match stdout {
            Output::Kept => Stdio::piped(),
            Output::Dropped => Stdio::null(),
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::new(format_args!("cannot start {name}"), error))?;
        let stdout = process.stdout.take().map(Lines::collect);
        let stderr = process.stderr.take().map(Lines::collect);
        Ok(Self {
            name,
            process,
            stdout: stdout.unwrap_or_default(),
            stderr: stderr.unwrap_or_default(),
        })
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// What it has written to standard output.
    pub fn stdout(&self) -> &Lines {
        &self.stdout
    }

    /// What it has written to standard error.
    pub fn stderr(&self) -> &Lines {
        &self.stderr
    }

    /// Fails if the process has ended, with what it said.
    pub fn check_running(&mut self) -> Result<(), Failure> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(Failure::new(
                format_args!("{} ended with {status}", self.name),
                self.stderr.all().join("\n"),
            )),
            Err(error) => Err(Failure::new(self.name, error)),
        }
    }

    /// Sends a signal by name: `TERM`, `KILL`, `STOP`, `CONT`, `HUP`.
    pub async fn signal(&self, signal: &str) -> Result<(), Failure> {
        let pid = self
            .pid()
            .ok_or_else(|| Failure::new(self.name, "has ended already"))?;
        // Rust has no safe call for it, and no crate is worth one line.
        let sent = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, &pid.to_string()])
            .status()
            .await;
        match sent {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new("kill", status)),
            Err(error) => Err(Failure::new("sh", error)),
        }
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> Result<ExitStatus, Failure> {
        match timeout(DEADLINE, self.process.wait()).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => Err(Failure::new(self.name, error)),
            Err(late) => Err(Failure::new(
                format_args!("{} does not end", self.name),
                late,
            )),
        }
    }

    /// Ends the process at once and waits for its end.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.process
            .kill()
            .await
            .map_err(|error| Failure::new(self.name, error))
    }
}

impl Drop for Child {
    /// Shows the last output of a test that fails.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (stream, lines) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let lines = lines.all();
            let skipped = lines.len().saturating_sub(SHOWN_LINES);
            eprintln!("---- {} {stream} ({skipped} lines before)", self.name);
            for line in lines.iter().skip(skipped) {
                eprintln!("{line}");
            }
        }
    }
}
