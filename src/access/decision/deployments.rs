//! Which deployments a product has: by name, or by a pattern.

use std::collections::HashSet;
use std::sync::Arc;

use crate::access::request::Deployment;

/// The deployments of a product.
#[derive(Clone, Debug, Default)]
pub struct Deployments {
    names: HashSet<String>,
    patterns: Vec<Pattern>,
}

/// Why a text is neither the name of a deployment nor a pattern of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A character that no deployment has, or an end that no deployment has; the text has no `*`.
    #[error("not a valid deployment name")]
    NotAName,
    /// The same, next to a `*`: no name could ever match.
    #[error("not a valid deployment pattern: no name can match it")]
    NoMatch,
    /// `**` says no more than `*`.
    #[error("not a valid deployment pattern: write `**` as `*`")]
    TwoStars,
}

impl Deployments {
    /// Adds a name, or a pattern: `*` in it matches any run of characters, also an empty one.
    ///
    /// # Errors
    /// [`PatternError`] for what matches nothing.
    pub fn add(&mut self, text: &str) -> Result<(), PatternError> {
        match (text.contains('*'), Deployment::parse(text)) {
            (true, _) => self.patterns.push(Pattern::parse(text)?),
            (false, Some(_)) => {
                self.names.insert(text.to_owned());
            }
            (false, None) => return Err(PatternError::NotAName),
        }
        Ok(())
    }

    /// Whether every deployment is among them: one of the patterns is `*`.
    pub fn has_all(&self) -> bool {
        self.patterns.iter().any(Pattern::is_all)
    }

    /// The pattern by which a deployment is among them; `None` where it is listed by its name.
    pub fn pattern_of(&self, deployment: &Deployment) -> Option<&Arc<str>> {
        let name = deployment.as_str();
        let matching = || self.patterns.iter().find(|it| it.matches(name));
        let is_listed = self.names.contains(name);
        (!is_listed).then(matching).flatten().map(|it| &it.text)
    }

    /// Whether the deployment is among them. Names are looked up; patterns are tried one by one.
    pub fn contains(&self, deployment: &Deployment) -> bool {
        let name = deployment.as_str();
        self.names.contains(name) || self.patterns.iter().any(|it| it.matches(name))
    }
}

/// A pattern with at least one `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// As it is written.
    text: Arc<str>,
    /// Before the first `*`.
    start: Box<str>,
    /// Between two of them, in order.
    middle: Box<[Box<str>]>,
    /// After the last one.
    end: Box<str>,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if text.contains("**") {
            return Err(PatternError::TwoStars);
        }
        let (start, rest) = text.split_once('*').ok_or(PatternError::NoMatch)?;
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        // A letter in place of each `*` makes a name, or else nothing does.
        if Deployment::parse(&text.replace('*', "x")).is_none() {
            return Err(PatternError::NoMatch);
        }
        let middle = middle.split('*').filter(|piece| !piece.is_empty());
        Ok(Self {
            text: text.into(),
            start: start.into(),
            middle: middle.map(Into::into).collect(),
            end: end.into(),
        })
    }

    /// Whether every name matches.
    fn is_all(&self) -> bool {
        self.start.is_empty() && self.middle.is_empty() && self.end.is_empty()
    }

    /// Each piece is taken where it first occurs: one pass over the name, no way back.
    fn matches(&self, name: &str) -> bool {
        let between = name
            .strip_prefix(&*self.start)
            .and_then(|it| it.strip_suffix(&*self.end));
        let Some(mut rest) = between else {
            return false;
        };
        for piece in &self.middle {
            match rest.split_once(&**piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        let mut deployments = Deployments::default();
        deployments.add(pattern).expect("a name or a pattern");
        deployments.contains(&Deployment::parse(name).expect("a name"))
    }

    #[test]
    fn a_pattern_matches_the_names_that_it_says() {
        for (pattern, yes, no) in [
            (
                "gpt-4o*",
                vec!["gpt-4o", "gpt-4o-mini"],
                vec!["gpt-4", "my-gpt-4o", "GPT-4o"],
            ),
            (
                "*-mini",
                vec!["gpt-4o-mini", "a-mini"],
                vec!["mini", "gpt-4o-mini2"],
            ),
            (
                "gpt-*-eu",
                vec!["gpt-4o-eu", "gpt-4-x-eu"],
                vec!["gpt-eu", "gpt-4o-us"],
            ),
            (
                "a*b*c",
                vec!["abc", "axbxc", "abbc", "abcbc"],
                vec!["acb", "ac", "abcx"],
            ),
            ("ab*ba", vec!["abba", "ab-ba"], vec!["aba", "ab"]),
            (
                "*4o*",
                vec!["4o", "gpt-4o", "gpt-4o-mini"],
                vec!["gpt-4", "gpt-4-o"],
            ),
            ("*", vec!["x", "gpt-4o", "a.b_c-d"], vec![]),
            (
                "gpt-4o",
                vec!["gpt-4o"],
                vec!["gpt-4o-mini", "gpt-4", "GPT-4o"],
            ),
        ] {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} matches {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} does not match {name}");
            }
        }
    }

    #[test]
    fn what_no_deployment_could_match_is_refused() {
        use PatternError::{NoMatch, NotAName, TwoStars};
        let long = format!("{}*", "a".repeat(64));
        for (text, error) in [
            ("", NotAName),
            ("gpt 4o", NotAName),
            ("gpt-4?", NotAName),
            ("gpt-[4]", NotAName),
            ("-gpt", NotAName),
            ("**", TwoStars),
            ("gpt**o", TwoStars),
            ("gpt-4?*", NoMatch),
            ("-*", NoMatch),
            ("*-", NoMatch),
            ("a..*", NoMatch),
            ("gpt/*", NoMatch),
            (".*", NoMatch),
            (&long, NoMatch),
        ] {
            let refused = Deployments::default().add(text);
            assert_eq!(refused, Err(error), "{text:?}");
        }
    }

    /// The meaning of a pattern, tried in every way.
    fn oracle(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], rest) => rest.is_empty(),
            ([b'*', pattern @ ..], _) => {
                (0..=name.len()).any(|taken| oracle(pattern, &name[taken..]))
            }
            ([first, pattern @ ..], [other, name @ ..]) => first == other && oracle(pattern, name),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_trying_everything_finds(pattern in "[ab*]{1,8}", name in "[ab]{1,10}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                let text = format!("{pattern:?}");
                let written = [&*pattern.start].into_iter()
                    .chain(pattern.middle.iter().map(|it| &**it))
                    .chain([&*pattern.end]).collect::<Vec<_>>().join("*");
                prop_assert_eq!(
                    pattern.matches(&name), oracle(written.as_bytes(), name.as_bytes()),
                    "{} {}", text, name
                );
            }
        }
    }
}
