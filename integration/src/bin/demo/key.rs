//! A client's key, made by the real `tollgate key generate`.

use tokio::process::Command;
use tollgate_integration::stack::{Failure, paths};

/// The command, as the reader sees it.
pub const COMMAND: &str = "tollgate key generate";

/// A key that the demo shows, because it opens nothing but the demo.
pub struct DemoKey {
    /// What the command printed.
    pub printed: String,
    /// The key.
    pub text: String,
    /// The line for tollgate.yaml, without its indentation.
    pub yaml: String,
}

impl DemoKey {
    /// Runs the command.
    pub async fn generate() -> Result<Self, Failure> {
        let ran = Command::new(paths::binary("tollgate")?)
            .args(["key", "generate"])
            .output()
            .await
            .map_err(|error| Failure::new(COMMAND, error))?;
        let printed = String::from_utf8_lossy(&ran.stdout).trim_end().to_owned();
        let text = printed.lines().next();
        let yaml = printed.lines().find(|line| line.starts_with("- { key:"));
        match (ran.status.success(), text, yaml) {
            (true, Some(text), Some(yaml)) => Ok(Self {
                text: text.to_owned(),
                yaml: yaml.to_owned(),
                printed,
            }),
            _ => Err(Failure::new(
                COMMAND,
                format_args!(
                    "{} {printed}{}",
                    ran.status,
                    String::from_utf8_lossy(&ran.stderr)
                ),
            )),
        }
    }

    /// Its id, which is no secret: the part between the underscores.
    pub fn id(&self) -> String {
        let id = self.text.split('_').nth(1);
        id.unwrap_or_default().to_owned()
    }

    /// The key with its last character changed, as by a slip when it was copied.
    pub fn mistyped(&self) -> String {
        let mut text = self.text.clone();
        let last = text.pop();
        text.push(if last == Some('x') { 'y' } else { 'x' });
        text
    }
}
