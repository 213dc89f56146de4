//! `tollgate check`

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::say;
use crate::config::Config;

/// Exits with 0 only if the service would start with the file.
pub(super) fn run(path: &Path) -> Result<ExitCode, String> {
    match Config::load(path) {
        Ok(config) => {
            let certificates = match &config.policy.certificates {
                Some(ring) => format!(", {} certificates", ring.identities()),
                None => String::new(),
            };
            let summary = format!(
                "{}: good: {} clients, {} keys{certificates}\n",
                path.display(),
                config.policy.clients.len(),
                config.policy.keys.len(),
            );
            for warning in &config.warnings {
                say(&mut io::stderr(), &format!("warning: {warning}\n"));
            }
            say(&mut io::stdout(), &summary);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(&mut io::stderr(), &error.report());
            Ok(ExitCode::FAILURE)
        }
    }
}
