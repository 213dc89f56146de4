//! Rules: how a setting of Envoy's must be to that which `tollgate envoy` writes.

use serde_json::Value;

use super::super::finding::{Outcome, Subject};
use super::value::{amount, at, canonical, list, shown};

/// Most members of a list that are named.
const MAX_NAMES: usize = 10;

/// How a setting must be to the wanted one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fit {
    /// The same; where it is not set, it counts as this.
    Same(&'static str),
    /// The same, where one is wanted: more does no harm.
    IfWanted,
    /// A number or duration that is not less.
    AtLeast,
    /// A list that has all that is wanted.
    Contains,
    /// The same, where there is a list at all: without one Envoy takes everything.
    ContainsIfSet,
    /// A list that has nothing besides what is wanted.
    Within,
    /// Nothing, whatever is wanted.
    Absent,
}

/// One setting: where it is, how it must be, how bad it is otherwise, and why.
pub(super) struct Rule(
    pub(super) &'static str,
    pub(super) Fit,
    pub(super) Outcome,
    pub(super) &'static str,
);

/// A part of Envoy's configuration next to the wanted one.
pub(super) struct Compared<'a> {
    /// The check that it is about.
    pub(super) check: &'a str,
    /// What the part is called, and of which listener it is.
    pub(super) part: String,
    pub(super) wanted: &'a Value,
    pub(super) found: &'a Value,
}

impl Compared<'_> {
    /// Says what breaks a rule; gives how many there are.
    pub(super) fn examine(&self, rules: &[Rule], subject: &mut Subject) -> usize {
        let mut broken = 0;
        for Rule(path, fit, outcome, why) in rules {
            let (wanted, found) = (at(self.wanted, path), at(self.found, path));
            let Some((difference, cure)) = difference(*fit, wanted, found) else {
                continue;
            };
            broken += 1;
            let setting = path.replace('/', ".");
            let part = &self.part;
            subject.add(
                self.check,
                *outcome,
                format!("`{setting}` of {part} {difference}: {why}"),
                Some(format!(
                    "{cure}, or start Envoy with what `tollgate envoy` writes (docs/envoy.md)"
                )),
            );
        }
        broken
    }
}

/// What is wrong with a setting, and what to do about it.
fn difference(fit: Fit, wanted: Option<&Value>, found: Option<&Value>) -> Option<(String, String)> {
    let is_there = found.is_some_and(|it| canonical(it).is_some());
    let differs = || {
        let (wanted, found) = (shown(wanted), shown(found));
        let difference = match wanted.as_str() {
            "not set" => format!("is {found}"),
            _ => format!("is {found}, and not {wanted}"),
        };
        let cure = match wanted.as_str() {
            "not set" => "remove it".to_owned(),
            _ => format!("set it to {wanted}"),
        };
        Some((difference, cure))
    };
    match fit {
        Fit::Same(default) => {
            let default = Value::String(default.to_owned());
            let read = |it: Option<&Value>| canonical(it.unwrap_or(&default));
            match read(wanted) == read(found) {
                true => None,
                false => differs(),
            }
        }
        Fit::IfWanted => match wanted.and_then(canonical) {
            Some(wanted) if found.and_then(canonical) != Some(wanted.clone()) => differs(),
            _ => None,
        },
        Fit::AtLeast => match (wanted.and_then(amount), found.and_then(amount)) {
            (Some(least), Some(found)) if found >= least => None,
            (None, _) => None,
            _ => differs(),
        },
        Fit::ContainsIfSet if found.is_none() => None,
        Fit::Contains | Fit::ContainsIfSet => {
            let missing = besides(wanted, found);
            let named = named(&missing)?;
            Some((format!("lacks {named}"), format!("add {named} to it")))
        }
        Fit::Within => {
            let named = named(&besides(found, wanted))?;
            Some((format!("has {named}"), format!("take {named} out of it")))
        }
        Fit::Absent if is_there => Some((format!("is {}", shown(found)), "remove it".to_owned())),
        Fit::Absent => None,
    }
}

/// What one list has and another one has not.
fn besides<'a>(one: Option<&'a Value>, other: Option<&Value>) -> Vec<&'a Value> {
    let other: Vec<_> = list(other).iter().map(canonical).collect();
    let is_missing = |it: &&Value| !other.contains(&canonical(it));
    list(one).iter().filter(is_missing).collect()
}

fn named(values: &[&Value]) -> Option<String> {
    let names = values.iter().take(MAX_NAMES).map(|it| shown(Some(it)));
    let names: Vec<_> = names.collect();
    let more = match values.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!names.is_empty()).then(|| names.join(", ") + &more)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_fit_takes_what_does_no_harm_and_no_more() {
        let list = |names: &[&str]| Some(json!(names));
        let yes = || Some(json!(true));
        for (fit, wanted, found, is_good) in [
            (Fit::Same(""), None, None, true),
            (Fit::Same(""), Some(json!(false)), None, true),
            (Fit::Same(""), None, yes(), false),
            (Fit::Same(""), yes(), None, false),
            (Fit::Same("SEND"), Some(json!("SEND")), None, true),
            (Fit::Same("SEND"), Some(json!("SKIP")), None, false),
            (Fit::IfWanted, None, yes(), true),
            (Fit::IfWanted, yes(), None, false),
            (Fit::AtLeast, Some(json!("5s")), Some(json!("6s")), true),
            (
                Fit::AtLeast,
                Some(json!("5s")),
                Some(json!("0.200s")),
                false,
            ),
            (Fit::AtLeast, Some(json!(7)), Some(json!("8")), true),
            (Fit::AtLeast, Some(json!(7)), None, false),
            (Fit::Contains, list(&["a"]), list(&["b", "a"]), true),
            (Fit::Contains, list(&["a"]), list(&["b"]), false),
            (Fit::Contains, list(&["a"]), None, false),
            (Fit::ContainsIfSet, list(&["a"]), None, true),
            (Fit::ContainsIfSet, list(&["a"]), list(&["b"]), false),
            (Fit::Within, list(&["a", "b"]), list(&["a"]), true),
            (Fit::Within, list(&["a"]), list(&["a", "b"]), false),
            (Fit::Within, None, list(&["b"]), false),
            (Fit::Absent, None, None, true),
            (Fit::Absent, None, Some(json!(false)), true),
            (Fit::Absent, None, Some(json!({ "a": 1 })), false),
        ] {
            let found = difference(fit, wanted.as_ref(), found.as_ref());
            assert_eq!(found.is_none(), is_good, "{fit:?} {wanted:?}: {found:?}");
        }
    }
}
