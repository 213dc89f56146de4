//! Percent-encoding (RFC 3986, section 2.1), read strictly.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Decodes `%XX`; `None` where a percent sign is not followed by two hexadecimal digits. Decoders
/// differ in what they make of such a sign, so it is refused instead.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, [u8]>> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let all_whole = text.split('%').skip(1).all(is_escape);
    all_whole.then(|| percent_decode_str(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_once_and_all_else_stays() {
        for (text, decoded) in [
            ("", b"".as_slice()),
            ("a+b", b"a+b"),
            ("%41%2b%2B", b"A++"),
            ("%2541", b"%41"),
            ("%ff%00", b"\xff\0"),
            ("é%20", b"\xc3\xa9 "),
        ] {
            assert_eq!(decode(text).as_deref(), Some(decoded), "{text}");
        }
    }

    #[test]
    fn a_percent_sign_that_begins_no_escape_is_refused() {
        for text in [
            "%", "a%", "%4", "%4g", "%g4", "%%41", "%4%41", "%+1", "% 1", "%41%", "%é1",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
