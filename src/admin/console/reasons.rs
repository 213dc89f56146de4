//! What each reason of a refusal means: the table of docs/errors.md, which has a row for every reason.

use std::collections::HashMap;

const PAGE: &str = include_str!("../../../docs/errors.md");

/// What is said of each of them.
pub(super) struct Reasons(HashMap<&'static str, String>);

impl Reasons {
    /// Reads the table.
    pub(super) fn new() -> Self {
        Self(PAGE.lines().filter_map(row).collect())
    }

    /// What happened, and what to do.
    pub(super) fn words(&self, reason: &str) -> &str {
        self.0.get(reason).map_or("", String::as_str)
    }
}

fn row(line: &'static str) -> Option<(&'static str, String)> {
    let mut cells = line
        .strip_prefix("| `")?
        .strip_suffix(" |")?
        .splitn(4, " | ");
    let reason = cells.next()?.strip_suffix('`')?;
    Some((reason, plain(cells.nth(2)?)))
}

/// Without the marks of Markdown: a link is its text.
fn plain(markdown: &str) -> String {
    let text = markdown.replace('`', "").replace("\\|", "|");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        match link.split_once("](").and_then(|(text, target)| {
            let (_, after) = target.split_once(')')?;
            Some((text, after))
        }) {
            Some((text, after)) => {
                plain.push_str(text);
                rest = after;
            }
            None => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::gateway::Reason;

    #[test]
    fn every_reason_has_words_without_marks() {
        let reasons = Reasons::new();
        for reason in Reason::iter() {
            let text = reasons.words(reason.label());
            assert!(!text.is_empty(), "{reason}");
            assert!(
                !text.contains(['`', '|']) && !text.contains("]("),
                "{reason}: {text}"
            );
        }
        assert_eq!(reasons.words("no_reason"), "");
    }

    #[test]
    fn a_link_is_its_text_and_a_bracket_stays() {
        assert_eq!(plain("see [a](b.md), `c[0]` \\| [d"), "see a, c[0] | [d");
    }
}
