//! Where thresholds of quotas are sent: what is written, and what it means.

use std::path::Path;

use secrecy::SecretString;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_file;
use super::written::AllLimits;
use crate::events::{BadTarget, Target};

pub(super) fn events(
    written: Option<&AllLimits>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    let written = &written?.events.as_ref()?.value;
    let token: Option<SecretString> = match &written.bearer_file {
        None => None,
        Some(file) => match read_file(&file.value, directory) {
            Ok(token) => Some(token),
            Err(message) => {
                problems.push(Problem::at(file.referenced, message));
                return None;
            }
        },
    };
    let parsed = Target::parse(&written.url.value, token);
    let failed = |error: BadTarget| {
        let file = written.bearer_file.as_ref();
        let at = match error {
            BadTarget::Token => file.map_or(written.url.referenced, |it| it.referenced),
            _ => written.url.referenced,
        };
        let help = match error {
            BadTarget::Credentials => {
                "write the token into a file, and its path under `bearer_file`"
            }
            BadTarget::Token => "the file has the token alone, without `Bearer`",
            _ => {
                "write `https://HOST/PATH`; `http://127.0.0.1:PORT/PATH` where it is on this machine"
            }
        };
        problems.push(Problem::at(at, error.to_string()).help(help));
    };
    parsed.map_err(failed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::read;

    fn parse(events: &str, directory: &Path) -> Result<Config, String> {
        let text = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden }} ]\nlimits: {{ events: {{ {events} }} }}\n"
        );
        let parsed = read("t.yaml", &text, directory);
        parsed.map_err(|error| error.lines().concat())
    }

    #[test]
    fn a_token_s_file_is_one_of_the_files_whose_change_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("token");
        std::fs::write(&file, " abc\n").expect("written");
        let events = "url: \"https://events.example.net/\", bearer_file: token";
        let config = parse(events, directory.path()).expect("good");
        assert!(config.policy.events.is_some());
        assert!(config.files.contains(&file), "{:?}", config.files);
        let none = "url: \"http://127.0.0.1:8080/\"";
        assert!(
            parse(none, directory.path())
                .expect("good")
                .policy
                .events
                .is_some()
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("empty"), "\n").expect("written");
        std::fs::write(directory.path().join("two"), "Bearer abc").expect("written");
        for (events, reason) in [
            ("bearer_file: token", "url"),
            (
                "url: \"http://events.example.net/\"",
                "t.yaml:4:26: only https, or http to a loopback",
            ),
            ("url: \"events\"", "not an https URL"),
            ("url: \"https://a:b@c/\"", "no user and no password"),
            ("url: \"https://a/#b\"", "no fragment"),
            ("url: \"https://a/\", bearer_file: nowhere", "can't be read"),
            ("url: \"https://a/\", bearer_file: empty", "is empty"),
            (
                "url: \"https://a/\", bearer_file: two",
                "t.yaml:4:53: not a bearer token",
            ),
            ("url: \"https://a/\", token: abc", "token"),
        ] {
            let error = parse(events, directory.path())
                .map(|_| ())
                .expect_err(events);
            assert!(error.contains(reason), "{events}: {error}");
        }
    }
}
