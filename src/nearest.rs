//! The word that may have been meant.

/// How alike a word must be to one that there is, from 0 to 1, to be taken for it.
const ALIKE: f64 = 0.7;
/// How much of it must be right, unless it is the beginning: a few letters are in many long words.
const NEAR: f64 = 0.4;
/// The shortest beginning, in letters.
const MIN_PART: usize = 3;

/// The word that is most like what was written, where one is like it at all.
pub(crate) fn nearest<'a>(
    written: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let likeness = |word: &str| strsim::jaro_winkler(written, word);
    let is_part = |word: &str| written.len() >= MIN_PART && word.starts_with(written);
    let is_near = |word: &str| strsim::normalized_damerau_levenshtein(written, word) >= NEAR;
    words
        .into_iter()
        .map(|word| (likeness(word), word))
        .filter(|(likeness, word)| *likeness >= ALIKE && (is_part(word) || is_near(word)))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_for_one_that_it_is_like() {
        let words = ["client", "model", "month"];
        assert_eq!(nearest("modell", words), Some("model"));
        assert_eq!(nearest("clients", words), Some("client"));
        assert_eq!(nearest("mod", words), Some("model"));
        assert_eq!(nearest("xyz", words), None);
        assert_eq!(nearest("a", ["database"]), None, "a letter of it");
        assert_eq!(nearest("model", []), None);
    }
}
