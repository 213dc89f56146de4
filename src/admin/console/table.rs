//! What every part of the page is: a table with a caption.

use serde::Serialize;

use super::figures::{count, money};
use crate::usage::Amount;

/// A section of the page.
#[derive(Serialize)]
pub(super) struct Section {
    /// Its name in the page's address.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What must be said before the figures.
    pub(super) notes: Vec<String>,
    pub(super) tables: Vec<Table>,
}

/// A table.
#[derive(Default, Serialize)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Rows at its foot.
    pub(super) totals: Vec<Vec<Cell>>,
    /// What is said where there is no row.
    pub(super) empty: String,
    /// What is said of rows that are left out.
    pub(super) more: Option<String>,
}

/// A column.
#[derive(Serialize)]
pub(super) struct Column {
    title: String,
    is_number: bool,
}

/// A cell. Its texts may be a caller's: the page escapes all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    text: String,
    /// The same for a program.
    value: Option<String>,
    /// The length of a bar, in percent.
    percent: Option<u8>,
    /// Whether it is well.
    mood: Option<&'static str>,
    /// What stands below it, smaller.
    detail: Option<String>,
}

impl Column {
    pub(super) fn text(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            is_number: false,
        }
    }

    pub(super) fn number(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            is_number: true,
        }
    }
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn optional(text: Option<impl Into<String>>) -> Self {
        Self::text(text.map(Into::into).unwrap_or_default())
    }

    pub(super) fn count(number: u64) -> Self {
        Self {
            text: count(number),
            value: Some(number.to_string()),
            ..Self::default()
        }
    }

    pub(super) fn signed(number: i64) -> Self {
        Self::count(number.unsigned_abs())
    }

    pub(super) fn money(amount: Amount) -> Self {
        let (text, exact) = money(amount);
        Self {
            text,
            value: Some(exact),
            ..Self::default()
        }
    }

    pub(super) fn bar(percent: u8) -> Self {
        Self {
            text: format!("{percent} %"),
            percent: Some(percent),
            ..Self::default()
        }
    }

    /// What needs no attention, or does.
    pub(super) fn state(text: impl Into<String>, is_well: bool) -> Self {
        Self {
            text: text.into(),
            mood: Some(if is_well { "well" } else { "ill" }),
            ..Self::default()
        }
    }

    pub(super) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    #[cfg(test)]
    pub(super) fn shown(&self) -> &str {
        &self.text
    }
}

/// Keeps so many rows, and says how many it leaves out.
pub(super) fn bounded<T>(all: &mut Vec<T>, at_most: usize, what: &str) -> Option<String> {
    let left_out = all.len().saturating_sub(at_most);
    all.truncate(at_most);
    let left_out = u64::try_from(left_out).ok().filter(|it| *it > 0)?;
    Some(format!("{} more {what}", count(left_out)))
}
