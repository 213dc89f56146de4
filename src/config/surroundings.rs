//! What the references of a configuration lead to.

use std::path::Path;

use crate::upstream::IdentityConfig;

/// What lies around the file.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// Where relative paths begin.
    pub(super) directory: &'a Path,
    /// Who asks a vault; `None` where the identity is not valid, which is said elsewhere.
    pub(super) identity: Option<&'a IdentityConfig>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(directory: &'a Path, identity: Option<&'a IdentityConfig>) -> Self {
        Self {
            directory,
            identity,
        }
    }
}
