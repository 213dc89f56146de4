//! Texts of others, for a terminal and for spreadsheets.

use std::borrow::Cow;

/// Stands for what is not shown.
const HIDDEN: &str = "\u{fffd}";

/// A text in which nothing moves the cursor, changes colours or turns the direction of letters around.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    hide(text, is_hidden)
}

/// The same of whole output, which has lines and tabs.
pub(super) fn printable_lines(text: &str) -> Cow<'_, str> {
    hide(text, |it| !matches!(it, '\n' | '\t') && is_hidden(it))
}

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

fn hide(text: &str, is_hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    match text.contains(&is_hidden) {
        true => Cow::Owned(text.replace(is_hidden, HIDDEN)),
        false => Cow::Borrowed(text),
    }
}

/// Control characters, and those of Unicode that turn the direction around
/// (<https://www.unicode.org/reports/tr9/>).
fn is_hidden(it: char) -> bool {
    it.is_control() || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        let hostile = "a\u{1b}[2Jb\u{9b}31mc\u{7}d\u{202e}e\nf";
        assert_eq!(
            printable(hostile),
            "a\u{fffd}[2Jb\u{fffd}31mc\u{fffd}d\u{fffd}e\u{fffd}f"
        );
        assert!(printable_lines(hostile).ends_with("e\nf"));
        assert!(matches!(printable("Grüße 😀"), Cow::Borrowed(_)));
    }
}
