//! `decisions`: what is written, and what it means.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_secret;
use super::written::{Decisions, File, SecretRef};
use crate::auth::SealKeys;

/// The one that seals, and the one that comes or goes.
const MAX_KEYS: usize = 2;
const MAKE_ONE: &str = "`openssl rand -base64 32` makes one";

type Key = Zeroizing<[u8; SealKeys::KEY_BYTES]>;

/// The keys; `None` where decisions stay in the process that has made them.
pub(super) fn decisions(
    written: Option<&Decisions>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<Arc<SealKeys>> {
    let written = &written?.keys;
    if !(1..=MAX_KEYS).contains(&written.value.len()) {
        let message = "there must be one key, or two while it is replaced";
        problems.push(Problem::at(written.referenced, message).help(MAKE_ONE));
    }
    let mut keys: Vec<Key> = Vec::new();
    for secret in &written.value {
        match read_key(&secret.value, directory) {
            Ok(key) if keys.contains(&key) => {
                let message = "duplicate key: the same bytes are there already";
                problems.push(Problem::at(secret.referenced, message));
            }
            Ok(key) => keys.push(key),
            Err(message) => {
                problems.push(Problem::at(secret.referenced, message).help(MAKE_ONE));
            }
        }
    }
    let made = SealKeys::new(&keys);
    let made =
        made.map_err(|error| problems.push(Problem::at(written.referenced, error.to_string())));
    made.ok().map(Arc::new)
}

fn read_key(secret: &SecretRef, directory: &Path) -> Result<Key, String> {
    let text = read_secret(secret, directory)?;
    let text = text.expose_secret();
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text));
    let bytes = Zeroizing::new(bytes.map_err(|_| "the key is not base64".to_owned())?);
    let key = <[u8; SealKeys::KEY_BYTES]>::try_from(bytes.as_slice());
    let key = key.map_err(|_| {
        let wanted = SealKeys::KEY_BYTES;
        format!("the key has {} bytes, and must have {wanted}", bytes.len())
    });
    key.map(Zeroizing::new)
}

/// Replicas that share decisions should share the rest, too.
pub(super) fn unshared(file: &File) -> Option<Problem> {
    let keys = &file.decisions.as_ref()?.keys;
    let message = "decisions travel between replicas, which have no `database` in common: each knows its own issued keys and stored objects alone";
    let help = "write `database: { url: { env: NAME } }`, unless there is one replica";
    file.database
        .is_none()
        .then(|| Problem::at(keys.referenced, message).help(help))
}

/// A service that Envoys share mostly has replicas, and each request may reach two of them.
pub(super) fn unsealed(file: &File) -> Option<Problem> {
    let tls = file.listen.grpc_tls.as_ref()?;
    let message = "Envoys share this tollgate, whose replicas share no key of decisions: a request whose two filters reach different ones is refused";
    let help = "write `decisions: { keys: [ { file: PATH } ] }`, unless there is one replica: docs/replicas.md";
    file.decisions
        .is_none()
        .then(|| Problem::at(tls.referenced, message).help(help))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    /// The keys, or what is wrong; and the warnings.
    fn parse(keys: &str, directory: &Path) -> Result<(bool, Vec<String>), String> {
        let text = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\n\
             identity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden }} ]\n{keys}\n"
        );
        let parsed = Config::parse("tollgate.yaml", &text, directory);
        let config = parsed.map_err(|error| error.lines().concat())?;
        let warnings = config.warnings.iter().map(|it| it.message.clone());
        Ok((config.policy.decision_keys.is_some(), warnings.collect()))
    }

    #[test]
    fn keys_are_read_and_wrong_ones_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("written");
        };
        write("one", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
        write("two", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
        write("short", "AAAA");
        write("hex", &"-".repeat(64));
        let parse = |keys: &str| parse(keys, directory.path());
        assert_eq!(parse(""), Ok((false, Vec::new())));
        let one = parse("decisions: { keys: [ { file: one } ] }").expect("good");
        assert!(one.0);
        assert!(one.1.iter().any(|it| it.contains("no `database`")));
        assert!(parse("decisions: { keys: [ { file: two }, { file: one } ] }").is_ok());
        for (keys, reason) in [
            ("[]", "one key, or two"),
            (
                "[ { file: one }, { file: two }, { file: short } ]",
                "one key, or two",
            ),
            ("[ { file: one }, { file: one } ]", "duplicate key"),
            ("[ { file: short } ]", "3 bytes, and must have 32"),
            ("[ { file: hex } ]", "not base64"),
            ("[ { file: none } ]", "can't be read"),
            ("[ AAAA ]", "not the secret"),
        ] {
            let error = parse(&format!("decisions: {{ keys: {keys} }}")).expect_err("wrong");
            assert!(error.contains(reason), "{keys}: {error}");
        }
    }
}
