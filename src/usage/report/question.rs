//! What a report is asked for: what it is by, and what of the usage it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::By;
use super::key::{NotADimension, labels_of};
use crate::usage::store::{Dimension, Only, Sum};

/// One choice: `model=gpt-4o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is looked at.
    pub what: By,
    /// What it must be; empty for records that have none.
    pub value: String,
}

/// Why a text is not a choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAChoice {
    /// It has no `=`.
    #[error("write WHAT=VALUE, such as model=gpt-4o or label:team=search")]
    Shape,
    /// What stands before the `=` is unknown.
    #[error("`{0}`: {1}")]
    What(String, NotADimension),
}

impl FromStr for Choice {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        let (what, value) = text.split_once('=').ok_or(NotAChoice::Shape)?;
        let parsed = what.parse();
        Ok(Self {
            what: parsed.map_err(|error| NotAChoice::What(what.to_owned(), error))?,
            value: value.to_owned(),
        })
    }
}

/// What a report is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What its rows are by.
    pub by: Vec<By>,
    /// The values that are looked for, by what they are values of: any of those of one, of all of them.
    wanted: Vec<(By, Vec<String>)>,
    columns: Vec<Dimension>,
}

impl Question {
    /// A question; choices of the same are alternatives.
    pub fn new(by: Vec<By>, choices: impl IntoIterator<Item = Choice>) -> Self {
        let mut wanted: Vec<(By, Vec<String>)> = Vec::new();
        for Choice { what, value } in choices {
            match wanted.iter_mut().find(|(known, _)| *known == what) {
                Some((_, values)) => values.push(value),
                None => wanted.push((what, vec![value])),
            }
        }
        let all = by.iter().chain(wanted.iter().map(|(by, _)| by));
        let mut columns = Vec::new();
        for dimension in all.filter_map(By::dimension) {
            if !columns.contains(&dimension) {
                columns.push(dimension);
            }
        }
        Self {
            by,
            wanted,
            columns,
        }
    }

    /// What is chosen by, with the values.
    pub fn wanted(&self) -> impl Iterator<Item = (&By, &[String])> {
        self.wanted
            .iter()
            .map(|(by, values)| (by, values.as_slice()))
    }

    fn all(&self) -> impl Iterator<Item = &By> {
        self.by.iter().chain(self.wanted.iter().map(|(by, _)| by))
    }

    /// The names of the labels that it names.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.all().filter_map(|by| match by {
            By::Label(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The columns that the sums must be by.
    pub fn columns(&self) -> &[Dimension] {
        &self.columns
    }

    /// Whether the sums must be by day.
    pub fn needs_days(&self) -> bool {
        self.all().any(By::is_time)
    }

    /// What the database can leave out.
    pub fn only(&self) -> Vec<Only> {
        let of_column = |(by, values): &(By, Vec<String>)| match by {
            By::Dimension(dimension) => Some(Only {
                dimension: *dimension,
                any_of: values.clone(),
            }),
            By::Label(_) | By::Day | By::Month => None,
        };
        self.wanted.iter().filter_map(of_column).collect()
    }

    /// Whether a sum over its columns is asked for.
    pub fn admits(&self, sum: &Sum) -> bool {
        let fits =
            |(by, values): &(By, Vec<String>)| values.contains(&by.value(sum, &self.columns));
        self.wanted.iter().all(fits)
    }

    /// The values of a sum that its row has.
    pub(super) fn keys(&self, sum: &Sum) -> Vec<String> {
        let value = |by: &By| by.value(sum, &self.columns);
        self.by.iter().map(value).collect()
    }

    /// The names of the labels that occur in these sums.
    pub fn known_labels(&self, sums: &[Sum]) -> BTreeSet<String> {
        let at = self
            .columns()
            .iter()
            .position(|it| *it == Dimension::Labels);
        let labels: BTreeSet<&str> = sums
            .iter()
            .filter_map(|sum| sum.keys.get(at?))
            .map(String::as_str)
            .collect();
        let names = labels.into_iter().map(labels_of);
        names.flat_map(BTreeMap::into_keys).collect()
    }

    /// Of what is chosen by, the values that occur in these sums.
    pub fn occurring(&self, sums: &[Sum]) -> BTreeMap<String, Vec<String>> {
        let values = |by: &By| {
            let mut values: Vec<_> = sums
                .iter()
                .map(|sum| by.value(sum, &self.columns))
                .collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let of = |(by, _): &(By, Vec<String>)| (by.to_string(), values(by));
        self.wanted.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(by: &[&str], choices: &[&str]) -> Question {
        let by = by.iter().map(|it| it.parse().expect("a dimension"));
        let choices = choices.iter().map(|it| it.parse().expect("a choice"));
        Question::new(by.collect(), choices)
    }

    #[test]
    fn alternatives_of_one_are_joined_and_all_must_fit() {
        let asked = question(
            &["model", "month"],
            &["client=a", "client=b", "label:team=search", "month=2026-02"],
        );
        let columns = [Dimension::Model, Dimension::Client, Dimension::Labels];
        assert_eq!(asked.columns(), columns);
        assert!(asked.needs_days());
        let only = asked.only();
        let any_of = vec!["a".to_owned(), "b".to_owned()];
        let dimension = Dimension::Client;
        assert_eq!(only, [Only { dimension, any_of }]);
        let sum = |client: &str, team: &str, day| Sum {
            keys: vec![
                "gpt-4o".to_owned(),
                client.to_owned(),
                format!(r#"{{"team":"{team}"}}"#),
            ],
            day,
            ..Sum::default()
        };
        assert!(asked.admits(&sum("b", "search", 20_485)));
        assert_eq!(
            asked.keys(&sum("b", "search", 20_485)),
            ["gpt-4o", "2026-02"]
        );
        for other in [
            sum("c", "search", 20_485),
            sum("a", "ads", 20_485),
            sum("a", "search", 20_484),
        ] {
            assert!(!asked.admits(&other), "{other:?}");
        }
        assert_eq!(asked.labels().collect::<Vec<_>>(), ["team"]);
        let known = asked.known_labels(&[sum("a", "search", 0)]);
        assert_eq!(known.into_iter().collect::<Vec<_>>(), ["team"]);
    }

    #[test]
    fn a_choice_of_nothing_is_of_records_that_have_none() {
        let asked = question(&["client"], &["user="]);
        let sum = |user: &str| Sum {
            keys: vec!["app".to_owned(), user.to_owned()],
            ..Sum::default()
        };
        assert!(asked.admits(&sum("")));
        assert!(!asked.admits(&sum("ann")));
    }

    #[test]
    fn what_is_not_a_choice_says_why() {
        for (wrong, said) in [
            ("model", "write WHAT=VALUE"),
            ("modle=gpt-4o", "`modle`: did you mean `model`?"),
            ("label:=x", "not a label's name"),
        ] {
            let error = wrong.parse::<Choice>().expect_err(wrong).to_string();
            assert!(error.contains(said), "{wrong}: {error}");
        }
        let with_equals: Choice = "user=a=b".parse().expect("a choice");
        assert_eq!(with_equals.value, "a=b");
    }
}
