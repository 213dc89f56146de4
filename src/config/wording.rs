//! What the parser finds wrong, in words for whoever has written the file.

use serde_saphyr::Error;

use crate::nearest::nearest;

/// What is wrong, and what to do about it; `None` where the parser's own words are for a person.
pub(super) fn of(error: &Error) -> Option<(String, Option<String>)> {
    let (message, help) = match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => (
            format!("there is no member `{field}` here"),
            Some(instead(field, expected)),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("`{variant}` is none of the words that this can be"),
            Some(instead(variant, expected)),
        ),
        Error::SerdeMissingField { field, .. } => (format!("`{field}` is missing"), None),
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            (format!("duplicate member `{key}`"), None)
        }
        Error::InvalidScalar { ty, .. } if is_whole_number(ty) => (
            "must be a whole number, written in digits".to_owned(),
            Some("such as 100000: without a sign, point, separator or unit".to_owned()),
        ),
        Error::InvalidScalar { ty, .. } if *ty == "bool" => {
            ("must be `true` or `false`".to_owned(), None)
        }
        Error::Unexpected { expected, .. } => match *expected {
            "mapping start" => (
                "must have members".to_owned(),
                Some("such as `{ name: value }`".to_owned()),
            ),
            "sequence start" => (
                "must be a list".to_owned(),
                Some("such as `[value]`".to_owned()),
            ),
            "string scalar" => ("must be one word or text".to_owned(), None),
            _ => return None,
        },
        _ => return None,
    };
    Some((message, help))
}

fn is_whole_number(name: &str) -> bool {
    let size = name.strip_prefix(['u', 'i']).unwrap_or_default();
    !size.is_empty() && (size == "size" || size.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The word that may have been meant, or all that there are.
pub(super) fn instead(written: &str, words: &[&str]) -> String {
    match nearest(written, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write one of: {}", words.join(", ")),
    }
}
