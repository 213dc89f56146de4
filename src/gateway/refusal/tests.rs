use std::collections::{BTreeMap, HashSet};

use strum::IntoEnumIterator;

use super::*;
use crate::access::{BodyError, OptionError};
use crate::auth::{CertificateError, KeyFormatError, TokenError};

/// Every reason, each about something.
fn all() -> impl Iterator<Item = Refusal> {
    Reason::iter().map(|reason| Refusal::about(reason, "something"))
}

/// Asserts that each error of a room has a reason of its own, which begins with one of these words.
fn assert_told_apart<E: Into<Reason>>(errors: impl Iterator<Item = E>, prefixes: &[&str]) {
    let mut seen = HashSet::new();
    for error in errors {
        let reason = error.into();
        let label = reason.label();
        assert!(seen.insert(reason), "{label} stands for two errors");
        assert!(
            prefixes.iter().any(|prefix| label.starts_with(prefix)),
            "{label} is for other errors"
        );
    }
    assert!(!seen.is_empty());
}

#[test]
fn every_refusal_has_a_shape_that_the_sdks_parse() {
    for refusal in all() {
        let reason = refusal.reason;
        let body: serde_json::Value = serde_json::from_str(&refusal.body()).expect("JSON");
        for member in ["message", "type", "code"] {
            let text = body["error"][member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{reason}: no {member}");
            assert!(!text.contains(answer::ABOUT), "{reason}: {text}");
        }
        let status = refusal.status();
        assert!(
            [400, 401, 403, 404, 405, 409, 413, 415, 429, 502, 503].contains(&status),
            "{reason}: {status}"
        );
        assert_eq!(refusal.challenge().is_some(), status == 401, "{reason}");
        assert!(
            refusal.retry_after().is_none() || [429, 503].contains(&status),
            "{reason}: {status} with retry-after"
        );
        assert_eq!(refusal.details(), format!("tollgate_{}", reason.label()));
    }
}

#[test]
fn the_table_of_the_documentation_is_the_table_of_the_code() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
    let page = std::fs::read_to_string(page).expect("docs/errors.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let reason = cells.next()?.strip_suffix('`')?.to_owned();
        let status = cells.next()?.to_owned();
        let code = cells.next()?.trim_matches('`').to_owned();
        Some((reason, (status, code)))
    };
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    let documented: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(documented.len(), rows.len(), "a reason has two rows");
    let coded: BTreeMap<_, _> = Reason::iter()
        .map(|reason| (reason, reason.answer()))
        .map(|(reason, is)| {
            let label = reason.label().to_owned();
            (label, (is.status.to_string(), is.code.to_owned()))
        })
        .collect();
    for (reason, answer) in &coded {
        assert_eq!(documented.get(reason), Some(answer), "{reason}");
    }
    for reason in documented.keys() {
        assert!(coded.contains_key(reason), "nothing refuses for {reason}");
    }
}

#[test]
fn every_error_of_a_room_has_a_reason_of_its_own() {
    assert_told_apart(CertificateError::iter(), &["certificate_"]);
    assert_told_apart(TokenError::iter(), &["token_", "client_", "issuer_"]);
    assert_told_apart(KeyFormatError::iter(), &["key_"]);
    let of_paths = ["path_", "query_", "key_in_query", "api_version", "method_"];
    assert_told_apart(PathError::iter(), &of_paths);
}

#[test]
fn an_error_that_is_written_for_the_caller_is_what_the_caller_reads() {
    let refusal = Refusal::from(OptionError::NoNumber("max_tokens"));
    assert_eq!(
        refusal.message(),
        "`max_tokens` must be a whole number above 0."
    );
    let refusal = Refusal::from(OptionError::ApiVersion);
    assert_eq!(
        refusal.message(),
        "This client may not use this version of the API."
    );
    // What comes from a caller is put in once, and not looked at again.
    let refusal = Refusal::from(BodyError::Malformed("`{}` twice".to_owned()));
    assert_eq!(refusal.message(), "The body can't be read: `{}` twice.");
}

#[test]
fn an_attacker_does_not_learn_whether_a_key_exists() {
    let bodies: HashSet<_> = [
        AuthError::KeyFormat(KeyFormatError::NotAKey),
        AuthError::KeyFormat(KeyFormatError::Checksum),
        AuthError::UnknownKey,
    ]
    .map(|error| Refusal::from(error).body())
    .into();
    assert_eq!(bodies.len(), 1, "one answer for all of them");
}
