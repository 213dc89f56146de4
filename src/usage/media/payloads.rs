//! Long bodies without the files in them: what is kept for an estimate is their beginnings and lengths.

use memchr::memchr2;

/// Files that are shorter stay as they are, in characters of Base64.
const MIN_FILE_CHARS: usize = 16 * 1024;
/// How much of a file is kept: of the first ones, and of all others.
const FIRST_FILES: usize = 8;
const KEPT_OF_FIRST: usize = 48 * 1024;
const KEPT_OF_OTHERS: usize = 4 * 1024;
/// Stands between what is kept of a file and its length; it is not in the alphabet of Base64.
const LENGTH: char = '#';
/// Members whose strings are files.
const FILES: [&[u8]; 4] = [b"url", b"image_url", b"data", b"file_data"];

/// The body, with the files in it cut.
pub(in crate::usage) fn without_payloads(body: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let (mut rest, mut name, mut files): (_, &[u8], _) = (body, b"", 0);
    while let Some(quote) = memchr::memchr(b'"', rest) {
        let (before, after) = rest.split_at(quote + 1);
        kept.extend_from_slice(before);
        let end = end_of_string(after);
        let (text, tail) = after.split_at(end);
        let is_name = tail
            .get(1..)
            .is_some_and(|it| it.trim_ascii_start().first() == Some(&b':'));
        if is_name {
            name = text;
        }
        let is_file = !is_name && text.len() >= MIN_FILE_CHARS && FILES.contains(&name);
        if is_file {
            files += 1;
            let most = if files <= FIRST_FILES {
                KEPT_OF_FIRST
            } else {
                KEPT_OF_OTHERS
            };
            kept.extend_from_slice(text.get(..most).unwrap_or(text));
            kept.extend_from_slice(format!("{LENGTH}{}", text.len()).as_bytes());
        } else {
            kept.extend_from_slice(text);
        }
        let (quote, tail) = tail.split_at(tail.len().min(1));
        kept.extend_from_slice(quote);
        rest = tail;
    }
    kept.extend_from_slice(rest);
    kept
}

/// What there is of a file's Base64, and how long it was.
pub(super) fn whole_length(data: &str) -> (&str, usize) {
    match data.split_once(LENGTH) {
        Some((kept, length)) => (kept, length.parse().unwrap_or(kept.len())),
        None => (data, data.len()),
    }
}

/// Where a string ends that begins before these bytes.
fn end_of_string(bytes: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = bytes
        .get(from..)
        .and_then(|rest| memchr2(b'"', b'\\', rest))
    {
        if bytes.get(from + at) == Some(&b'"') {
            return from + at;
        }
        from += at + 2;
    }
    bytes.len()
}
