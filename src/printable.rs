//! Texts of others, for people: in a terminal and on a page.

use std::borrow::Cow;

/// Stands for what is not shown.
const HIDDEN: &str = "\u{fffd}";

/// A text in which nothing moves the cursor, changes colours or turns the direction of letters around.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    hide(text, is_hidden)
}

/// The same of whole output, which has lines and tabs.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    hide(text, |it| !matches!(it, '\n' | '\t') && is_hidden(it))
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

#[cfg(test)]
mod tests {
    use super::*;

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
