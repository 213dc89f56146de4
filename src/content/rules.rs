//! What is taken out of prompts and answers before they are written, and how much is written of them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{NoExpand, Regex, RegexBuilder};

/// Most bytes of a compiled pattern.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// What nobody may find in the log, whatever the configuration says.
static ALWAYS: LazyLock<Vec<Redaction>> = LazyLock::new(|| {
    let known = [
        // `auth/key.rs`
        ("key", "tgk_[0-9A-Za-z_]+"),
        // RFC 7519: the header of a token begins with `{"`.
        (
            "token",
            r"eyJ[0-9A-Za-z_-]{5,}\.[0-9A-Za-z_-]{5,}\.[0-9A-Za-z_-]*",
        ),
        // RFC 7468
        (
            "private key",
            r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)",
        ),
    ];
    let known = known.map(|(name, pattern)| Redaction::new(name, pattern));
    known.into_iter().filter_map(Result::ok).collect()
});

/// A pattern, and what is written in the place of what it finds.
#[derive(Clone, Debug)]
pub struct Redaction {
    /// `[name]`
    placeholder: String,
    pattern: Regex,
}

/// Why a pattern can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    /// What the grammar says of it.
    #[error("the pattern can't be read: {0}")]
    Grammar(String),
    /// It is larger than [`MAX_COMPILED_BYTES`].
    #[error("the pattern is too large: counted repetitions multiply")]
    TooLarge,
    /// It would be found between any two characters.
    #[error("the pattern matches the empty text, so that it is found everywhere")]
    MatchesNothing,
}

impl Redaction {
    /// A pattern with a name.
    ///
    /// # Errors
    /// [`RedactionError`]
    pub fn new(name: &str, pattern: &str) -> Result<Self, RedactionError> {
        let mut builder = RegexBuilder::new(pattern);
        let built = builder.size_limit(MAX_COMPILED_BYTES).build();
        let pattern = built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => RedactionError::TooLarge,
            // Its last line says what is wrong; those before draw where.
            other => {
                let said = other.to_string();
                let last = said.lines().last().unwrap_or_default();
                RedactionError::Grammar(last.trim_start_matches("error: ").to_owned())
            }
        })?;
        if pattern.is_match("") {
            return Err(RedactionError::MatchesNothing);
        }
        Ok(Self {
            placeholder: format!("[{name}]"),
            pattern,
        })
    }
}

/// How prompts and answers are written.
#[derive(Clone, Debug, Default)]
pub struct ContentRules {
    /// Most bytes of each prompt, and of each answer.
    pub max_bytes: usize,
    /// What is taken out of them.
    pub redactions: Vec<Redaction>,
}

impl ContentRules {
    /// A text without what is to be taken out, which is counted.
    pub(super) fn apply<'a>(&self, text: &'a str, count: &mut u64) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for redaction in ALWAYS.iter().chain(&self.redactions) {
            let found = redaction.pattern.find_iter(&text).count();
            if found > 0 {
                *count = count.saturating_add(u64::try_from(found).unwrap_or(u64::MAX));
                let placeholder = NoExpand(&redaction.placeholder);
                let replaced = redaction.pattern.replace_all(&text, placeholder);
                text = Cow::Owned(replaced.into_owned());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rules: &ContentRules, text: &str) -> (String, u64) {
        let mut count = 0;
        (rules.apply(text, &mut count).into_owned(), count)
    }

    #[test]
    fn patterns_are_replaced_by_their_names_and_counted() {
        let rules = ContentRules {
            redactions: vec![
                Redaction::new("email", r"[\w.+-]+@[\w.-]+\w").expect("a pattern"),
                Redaction::new("order", "(?i)order-[0-9]+").expect("a pattern"),
            ],
            ..ContentRules::default()
        };
        assert_eq!(
            applied(&rules, "Ada@example.com and bob@example.org: ORDER-7, $1"),
            ("[email] and [email]: [order], $1".to_owned(), 3)
        );
        assert_eq!(applied(&rules, "nothing"), ("nothing".to_owned(), 0));
    }

    #[test]
    fn credentials_are_always_taken_out() {
        assert_eq!(ALWAYS.len(), 3, "each of them is a pattern");
        let key = crate::auth::Key::generate().expect("random");
        for (text, replaced) in [
            (format!("it is {}.", key.expose()), "it is [key]."),
            (
                "Bearer eyJhbGciOiJ.eyJzdWIi0.c2ln".to_owned(),
                "Bearer [token]",
            ),
            ("eyJhbGciOiJub25lIn0.eyJzdWIi0.".to_owned(), "[token]"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nrest"
                    .to_owned(),
                "[private key]\nrest",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nMII".to_owned(),
                "[private key]",
            ),
        ] {
            let rules = ContentRules::default();
            assert_eq!(applied(&rules, &text), (replaced.to_owned(), 1));
        }
    }

    #[test]
    fn patterns_that_can_not_be_used_are_refused() {
        for (pattern, reason) in [
            ("(", "unclosed group"),
            ("a(?=b)", "look-around"),
            ("[0-9]*", "the empty text"),
            ("", "the empty text"),
            (r"(\w{1000}){1000}", "too large"),
        ] {
            let error = Redaction::new("x", pattern).expect_err(pattern);
            assert!(error.to_string().contains(reason), "{pattern}: {error}");
        }
    }
}
