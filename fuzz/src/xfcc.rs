//! `x-forwarded-client-cert`, on a connection whose certificate is the good one.

use std::time::SystemTime;

use tollgate::auth::PresentedCertificate;

use crate::{Fixture, contains};

/// Nothing is accepted that does not begin with the certificate of the connection.
pub(crate) fn run(data: &[u8]) -> bool {
    let fixture = Fixture::get();
    let mut presented = PresentedCertificate::new(&fixture.leaf);
    presented.add(data);
    let caller = fixture
        .certificates
        .authenticate(&presented, SystemTime::now());
    let Ok(caller) = caller else {
        return false;
    };
    assert_eq!(caller.client.id.as_str(), "factory-7");
    assert!(
        contains(&plain(data), fixture.leaf_base64.as_bytes()),
        "accepted without the certificate"
    );
    let is_list = !data.contains(&b'"') && data.contains(&b',');
    assert!(!is_list, "a header with several elements is accepted");
    true
}

/// A header without escapes, white space and control characters, all of which PEM may have. Backslashes go first, as
/// they do in the header: one may stand between a per cent sign and its digits.
pub(crate) fn plain(data: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let unquoted: Vec<u8> = data.iter().copied().filter(|byte| *byte != b'\\').collect();
    let mut plain = Vec::with_capacity(unquoted.len());
    let mut rest = unquoted.as_slice();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = match byte {
            b'%' => digit(rest.first()).zip(digit(rest.get(1))),
            _ => None,
        };
        let byte = match escaped {
            Some((high, low)) => {
                rest = &rest[2..];
                u8::try_from(high * 16 + low).expect("two digits")
            }
            None => byte,
        };
        if byte.is_ascii_graphic() {
            plain.push(byte);
        }
    }
    plain
}
