//! What looks like a secret, whatever it is called; and passwords in addresses.

use std::ops::Range;

use super::members::{Holds, is_digest, is_digest_name, is_of_name};

/// What begins like a key of tollgate's is one.
const KEY_PREFIX: &str = "tgk_";
/// Shorter texts are mostly names.
const MIN_CHARS: usize = 24;

/// The bytes of what may be a secret.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = passwords(text);
    found.extend(assigned(text));
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(begin) = rest.find(is_of_word)
    {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|it| !is_of_word(it)).unwrap_or(from.len());
        let (word, _) = from.split_at(end);
        let begin = at + before.len();
        at = begin + word.len();
        if is_secret(word) && !(is_digest(word) && is_of_digest(text.get(..begin))) {
            found.push(begin..at);
        }
    }
    found
}

/// Passwords of the addresses in a text. Rather too much is masked than a part too little.
fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = 0;
    for part in text.split_inclusive(char::is_whitespace) {
        let shifted = |it: Range<usize>| begin + it.start..begin + it.end;
        found.extend(password(part).map(shifted));
        begin += part.len();
    }
    found
}

/// Secrets of connection strings, such as `AccountKey=…`.
fn assigned(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begin = 0;
    let ends = |it: char| it.is_whitespace() || matches!(it, ';' | '&' | ',');
    for part in text.split_inclusive(ends) {
        if let Some((name, value)) = part.trim_end_matches(ends).split_once('=')
            && let Some(name) = name.rsplit(|it| !is_of_name(it)).next()
            && Holds::of(name).is_about_secrets()
        {
            let end = begin + part.trim_end_matches(ends).len();
            found.push(end - value.len()..end);
        }
        begin += part.len();
    }
    found
}

/// The password of an address: `scheme://user:password@host`. It may have anything in it.
pub(super) fn password(address: &str) -> Option<Range<usize>> {
    let begin = address.find("://")? + 3;
    let rest = address.get(begin..)?;
    let begin = begin + rest.find(':')? + 1;
    let length = address.get(begin..)?.rfind('@')?;
    Some(begin..begin + length)
}

/// Whether what comes after a text is the value of a member that has digests.
fn is_of_digest(before: Option<&str>) -> bool {
    let before = before.unwrap_or_default();
    let before = before
        .trim_end_matches(['"', '\''])
        .trim_end_matches([' ', '\t']);
    let Some(before) = before.strip_suffix(':') else {
        return false;
    };
    let before = before.trim_end_matches(['"', '\'', ' ', '\t']);
    let name = before.rsplit(|it| !is_of_name(it)).next();
    name.is_some_and(is_digest_name)
}

fn is_of_word(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '+' | '=' | '~' | '$' | '!' | '%')
}

fn is_secret(word: &str) -> bool {
    if word.starts_with(KEY_PREFIX) {
        return true;
    }
    let is_long = word.len() >= MIN_CHARS && !is_guid(word);
    let has = |what: fn(&u8) -> bool| word.as_bytes().iter().any(what);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_hex = word.len() >= 32 && word.bytes().all(|it| it.is_ascii_hexdigit());
    is_long && has(u8::is_ascii_digit) && (is_mixed || is_hex)
}

fn is_guid(word: &str) -> bool {
    word.len() == 36 && word.bytes().all(|it| it.is_ascii_hexdigit() || it == b'-')
}
