//! `authorization: Bearer TOKEN`: the whole way from a text to a caller.

use std::time::{Duration, SystemTime};

use crate::Fixture;

/// When the tokens of the corpus are looked at: 1 January 2030, in seconds since 1970.
const NOW_S: u64 = 1_893_456_000;

/// Only texts that the issuer has signed are tokens.
pub(crate) fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let fixture = Fixture::get();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S);
    let authenticate = || {
        let caller = fixture
            .runtime
            .block_on(fixture.tokens.authenticate(text, now));
        caller.map(|caller| caller.client.id.to_string())
    };
    let first = authenticate();
    assert_eq!(first, authenticate(), "remembered otherwise than verified");
    if let Ok(client) = &first {
        let is_known = fixture.good_tokens.iter().any(|good| good == data);
        assert!(is_known, "a token that the issuer never signed is accepted");
        assert_eq!(client, "mobile-app");
    }
    first.is_ok()
}
