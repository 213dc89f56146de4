//! Texts of others, for a terminal and for spreadsheets.

use std::borrow::Cow;

pub(super) use crate::printable::{printable, printable_lines};

/// A field of a CSV file. Spreadsheets take what begins with `=`, `+`, `-` or `@`, also behind a tab or a
/// line's end, for a formula: then an apostrophe before it says that it is a text
/// (<https://owasp.org/www-community/attacks/CSV_Injection>). Numbers stay numbers.
pub(super) fn csv_field(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_number(text);
    let text = printable(text);
    match is_formula {
        true => Cow::Owned(format!("'{text}")),
        false => text,
    }
}

/// What we write for counts and amounts: digits, with a sign and a decimal point at most.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_texts_and_numbers_are_numbers() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+41 44", "'+41 44"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\u{fffd}=1"),
            ("\r=1", "'\u{fffd}=1"),
            ("-12", "-12"),
            ("-0.5", "-0.5"),
            ("-", "'-"),
            ("-1.", "'-1."),
            ("1e5", "1e5"),
            ("ann@example.com", "ann@example.com"),
            ("", ""),
        ] {
            assert_eq!(csv_field(text), expected, "{text:?}");
        }
    }
}
