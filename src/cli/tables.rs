//! How all tables look.

use comfy_table::{Table, TableComponent};

use crate::digits;

/// A line under the titles is enough.
pub(super) fn no_lines_between_rows(table: &mut Table) {
    for line in [
        TableComponent::HorizontalLines,
        TableComponent::LeftBorderIntersections,
        TableComponent::MiddleIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        table.remove_style(line);
    }
}

/// `1 234 567`
pub(super) fn grouped(count: u64) -> String {
    digits::grouped(count, ' ')
}
