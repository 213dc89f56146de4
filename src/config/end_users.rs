//! What is kept of the names of end users: what is written, and what it means.

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_secret;
use super::spanned::Spanned;
use super::written;
use crate::access::EndUsers;
use crate::auth::pseudonyms;

/// Names are few enough to try them all; a key must not be.
const MIN_KEY_BYTES: usize = 16;

pub(super) fn end_users(
    file: &written::File,
    directory: &Path,
    problems: &mut Problems,
) -> EndUsers {
    let Some(ledger) = file.ledger.as_ref().map(|it| &it.value) else {
        return EndUsers::Keep;
    };
    let kept = ledger.end_users.as_ref();
    let key = ledger.end_users_key.as_ref();
    match (kept.map(|it| it.value).unwrap_or_default(), kept, key) {
        (written::EndUsers::Hash, _, Some(key)) => match read_key(key, directory) {
            Ok(key) => return hashed(key.expose_secret().as_bytes()),
            Err(message) => problems.push(Problem::at(key.referenced, message)),
        },
        (written::EndUsers::Hash, Some(kept), None) => {
            let message = "`end_users: hash` needs `end_users_key`";
            let help = "name a secret that all replicas have: `end_users_key: { file: PATH }`, or `{ env: NAME }`; `openssl rand -hex 32` makes one";
            problems.push(Problem::at(kept.referenced, message).help(help));
        }
        (_, _, Some(key)) => {
            let message = "`end_users_key` belongs to `end_users: hash`";
            problems.push(Problem::at(key.referenced, message));
        }
        (written::EndUsers::Drop, _, None) => {
            let limits = file.clients.iter().filter_map(|it| it.limits.as_ref());
            for per_user in limits.filter_map(|it| it.per_user.as_ref()) {
                let message = "`per_user` limits can't be counted: `ledger` has `end_users: drop`";
                let help =
                    "take the limits out, or write `end_users: hash`, which counts by pseudonym";
                problems.push(Problem::at(per_user.referenced, message).help(help));
            }
            return EndUsers::Drop;
        }
        _ => {}
    }
    EndUsers::Keep
}

fn hashed(key: &[u8]) -> EndUsers {
    EndUsers::Hash(Arc::new(pseudonyms(key)))
}

fn read_key(key: &Spanned<written::SecretRef>, directory: &Path) -> Result<SecretString, String> {
    let key = read_secret(&key.value, directory)?;
    match key.expose_secret().len() >= MIN_KEY_BYTES {
        true => Ok(key),
        false => Err(format!(
            "the key has less than {MIN_KEY_BYTES} bytes: names could be found by trying (`openssl rand -hex 32` makes one)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::access::{ClientId, EndUsers};
    use crate::config::tests::read;

    fn parse(ledger: &str, client: &str, directory: &Path) -> Result<EndUsers, String> {
        let text = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\n\
             identity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden }} ]\n\
             products: [ {{ id: p, deployments: [d], operations: [responses] }} ]\n\
             clients: [ {{ id: c, credentials: [], products: [p]{client} }} ]\n\
             data_directory: data\nledger: {{ {ledger} }}\n"
        );
        let parsed = read("tollgate.yaml", &text, directory);
        let config = parsed.map_err(|error| error.lines().concat())?;
        let client = config
            .policy
            .clients
            .get(&ClientId::new("c"))
            .expect("the client");
        Ok(client.options.end_users.clone())
    }

    #[test]
    fn names_are_kept_hashed_or_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let parse = |ledger: &str, client: &str| parse(ledger, client, directory.path());
        for (name, text) in [("key", "0123456789abcdef\n"), ("short", "secret")] {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let limits = ", limits: { per_user: { requests_per_minute: 1 } }";
        let hash = "end_users: hash, end_users_key: { file: key }";
        assert_eq!(parse("", limits), Ok(EndUsers::Keep));
        assert_eq!(parse("end_users: drop", ""), Ok(EndUsers::Drop));
        assert_eq!(parse(hash, limits), Ok(super::hashed(b"0123456789abcdef")));
        for (ledger, client, reason) in [
            ("end_users: hash", "", "needs `end_users_key`"),
            (
                "end_users_key: { file: key }",
                "",
                "belongs to `end_users: hash`",
            ),
            (
                "end_users: hash, end_users_key: { file: short }",
                "",
                "less than 16 bytes",
            ),
            (
                "end_users: hash, end_users_key: { file: none }",
                "",
                "can't be read",
            ),
            (
                "end_users: drop",
                limits,
                "`per_user` limits can't be counted",
            ),
            ("end_users: forget", "", "forget"),
        ] {
            let error = parse(ledger, client).expect_err("wrong");
            assert!(error.contains(reason), "{ledger}: {error}");
        }
    }
}
