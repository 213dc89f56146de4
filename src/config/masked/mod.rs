//! Text of a configuration that people will see, without what may be a secret.
//!
//! A secret does not belong into the file. Where one is written there all the same, what says so must not
//! repeat it: in terminals, logs and CI, where others read it. What is masked keeps its width, so columns hold.

mod members;
mod places;
mod shape;
mod words;

use std::ops::Range;

use super::tree::Node;

/// The text of a file, by the places of its values. Where it is not YAML they are anybody's guess: then no value
/// is shown.
pub(super) fn file(text: &str, tree: Option<&Node>) -> String {
    let mut hidden = match tree {
        Some(tree) => places::ranges(tree, text),
        None => shape::ranges(text),
    };
    hidden.extend(words::ranges(text));
    starred(text, hidden)
}

/// A message: words that look like secrets, and passwords in addresses.
pub(super) fn message(text: &str) -> String {
    starred(text, words::ranges(text))
}

/// A star for each character of these ranges of bytes; what is between words stays.
fn starred(text: &str, mut hidden: Vec<Range<usize>>) -> String {
    hidden.sort_unstable_by_key(|it| it.start);
    let mut hidden = hidden.into_iter().peekable();
    let mut masked = String::with_capacity(text.len());
    for (at, it) in text.char_indices() {
        while hidden.next_if(|range| range.end <= at).is_some() {}
        let is_hidden = hidden
            .peek()
            .is_some_and(|range| range.start < at + it.len_utf8());
        match is_hidden && !it.is_whitespace() {
            true => masked.push('*'),
            false => masked.push(it),
        }
    }
    masked
}

#[cfg(test)]
mod tests;
