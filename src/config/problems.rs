//! What every section checks, and where its problems go.

use serde_saphyr::{Location, Spanned};

use super::problem::Problem;

/// Longest id of a client, product or backend: it is a metric label and a log field.
const MAX_ID_CHARS: usize = 64;

/// Everything that is wrong with a file.
pub(super) type Problems = Vec<Problem>;

/// Ids are metric labels and log fields: short, and of characters that need no quoting anywhere.
pub(super) fn check_id(what: &str, id: &Spanned<String>, problems: &mut Problems) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.value.is_empty() || id.value.len() > MAX_ID_CHARS || !id.value.chars().all(plain) {
        let message = format!("`{}` is not a valid {what} id", id.value);
        let help =
            format!("use letters, digits, `-`, `_` and `.`, at most {MAX_ID_CHARS} characters");
        problems.push(Problem::at(id.referenced, message).help(help));
    }
}

pub(super) fn not_empty<T>(what: &str, list: &Spanned<Vec<T>>, problems: &mut Problems) {
    if list.value.is_empty() {
        problems.push(empty(what, list.referenced));
    }
}

fn empty(what: &str, at: Location) -> Problem {
    Problem::at(at, format!("`{what}` is empty: it would allow nothing"))
}

pub(super) fn duplicate(what: &str, id: &Spanned<String>) -> Problem {
    Problem::at(id.referenced, format!("duplicate {what} `{}`", id.value))
}
