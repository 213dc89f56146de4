//! Where the members of a file are: for what is found out about them elsewhere.

use std::path::Path;

use super::finding::Finding;
use super::tree::{Node, path_of};

/// The places of a file that is valid.
pub(crate) struct Places {
    file: String,
    tree: Option<Node>,
}

impl Places {
    /// Reads a file once more.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Self {
            file: path.display().to_string(),
            tree: Node::read(&text).ok(),
        }
    }

    /// A mistake that is about a member.
    pub(crate) fn finding(&self, names: &[&str], message: String) -> Finding {
        let at = self.tree.as_ref().and_then(|tree| tree.place_of(names));
        Finding {
            line: at.map(|at| at.line()),
            column: at.map(|at| at.column()),
            path: Some(path_of(names)),
            ..Finding::error(&self.file, message)
        }
    }
}
