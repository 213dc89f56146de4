//! A key, as a client sends it.

use std::sync::LazyLock;
use std::time::SystemTime;

use tollgate::auth::{KeyDigest, KeyRing};

use crate::Fixture;

static KEYS: LazyLock<KeyRing> = LazyLock::new(|| Fixture::config().policy.keys);

/// Only a configured key is accepted, to the last byte.
pub(crate) fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    if KeyDigest::of_presented(text).is_ok() {
        assert!(
            text.starts_with("tgk_") && text.is_ascii(),
            "{text:?} has the form of a key"
        );
    }
    let is_accepted = KEYS.authenticate(text, SystemTime::now()).is_ok();
    let is_known = Fixture::get().good_keys.iter().any(|good| good == data);
    assert_eq!(is_accepted, is_known, "{text:?}");
    is_accepted
}
