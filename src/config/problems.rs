//! What every section checks, and where its problems go.

use serde_saphyr::Location;

use super::spanned::Spanned;
use crate::nearest::nearest;

use super::problem::Problem;

/// Longest id of a client, product or backend: it is a metric label and a log field.
const MAX_ID_CHARS: usize = 64;
/// Most names that are listed where none of them is like the one that is written.
const MAX_SHOWN: usize = 20;

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

/// A name that something before has, too.
pub(super) fn duplicate(what: &str, id: &Spanned<String>, first: Location) -> Problem {
    Problem::at(id.referenced, format!("duplicate {what} `{}`", id.value)).first(Some(first))
}

/// A name that nothing in a section has, with those that there are.
pub(super) fn unknown<'a>(
    what: &str,
    section: &'static str,
    name: &Spanned<String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Problem {
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let help = match (nearest(&name.value, known.iter().copied()), &*known) {
        (_, []) => format!("this file has no `{section}`"),
        (Some(word), _) => format!("did you mean `{word}`?"),
        (None, known) => {
            let shown = known.get(..MAX_SHOWN).unwrap_or(known).join(", ");
            let more = known.len().saturating_sub(MAX_SHOWN);
            let more = match more {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("{section} in this file: {shown}{more}")
        }
    };
    let message = format!("there is no {what} `{}`", name.value);
    let problem = Problem::at(name.referenced, message).help(help);
    problem.unknown(section, &name.value)
}
