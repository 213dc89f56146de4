//! What a client is charged under besides its name: team, cost centre, environment.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Labels that a client may have.
pub const MAX_LABELS: usize = 8;
/// Longest name of a label, in characters.
pub const MAX_LABEL_NAME: usize = 32;
/// Longest value of a label, in bytes.
pub const MAX_LABEL_VALUE_BYTES: usize = 128;

/// The labels of a client, as they were when a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Option<Arc<str>>);

/// Why labels are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// More than [`MAX_LABELS`].
    #[error("more than {MAX_LABELS} labels")]
    TooMany,
    /// A name that would need quoting somewhere.
    #[error(
        "`{0}` is not a valid label name: lower-case letters, digits and `_`, a letter first, at most {MAX_LABEL_NAME}"
    )]
    Name(String),
    /// An empty value, one that is too long, or one that has control characters.
    #[error(
        "the value of `{0}` is empty, longer than {MAX_LABEL_VALUE_BYTES} bytes, or has control characters"
    )]
    Value(String),
}

impl Labels {
    /// Labels by name.
    ///
    /// # Errors
    /// [`LabelError`], for the first that is wrong.
    pub fn new(labels: &BTreeMap<String, String>) -> Result<Self, LabelError> {
        if labels.len() > MAX_LABELS {
            return Err(LabelError::TooMany);
        }
        for (name, value) in labels {
            if !is_label_name(name) {
                return Err(LabelError::Name(name.clone()));
            }
            let is_good = !value.is_empty()
                && value.len() <= MAX_LABEL_VALUE_BYTES
                && !value.chars().any(char::is_control);
            if !is_good {
                return Err(LabelError::Value(name.clone()));
            }
        }
        let text = serde_json::to_string(labels).ok();
        Ok(Self(text.filter(|_| !labels.is_empty()).map(Arc::from)))
    }

    /// A JSON object, its members by name; `None` where there is no label. Two clients with the same
    /// labels have the same text.
    pub fn to_json(&self) -> Option<Arc<str>> {
        self.0.clone()
    }
}

/// Whether a text can be the name of a label.
pub fn is_label_name(name: &str) -> bool {
    name.len() <= MAX_LABEL_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, LabelError> {
        let owned = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Labels::new(&owned.collect())
    }

    #[test]
    fn the_same_labels_are_the_same_text() {
        let one = labels(&[("team", "search"), ("cost_center", "42")]).expect("labels");
        let other = labels(&[("cost_center", "42"), ("team", "search")]).expect("labels");
        assert_eq!(one, other);
        assert_eq!(
            one.to_json().as_deref(),
            Some(r#"{"cost_center":"42","team":"search"}"#)
        );
        assert_eq!(labels(&[]).expect("none").to_json(), None);
    }

    #[test]
    fn labels_are_bounded() {
        let many: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
            .map(|name| (name, "x"))
            .to_vec();
        assert_eq!(labels(&many), Err(LabelError::TooMany));
        for name in ["", "Team", "1st", "cost-center", "a.b", &"a".repeat(33)] {
            assert!(
                matches!(labels(&[(name, "x")]), Err(LabelError::Name(_))),
                "{name}"
            );
        }
        for value in ["", "a\nb", &"v".repeat(129)] {
            assert!(
                matches!(labels(&[("team", value)]), Err(LabelError::Value(_))),
                "{value}"
            );
        }
    }
}
