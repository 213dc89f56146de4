//! What a caller must have been granted, from what is written.

use super::written::Requires;
use crate::access::Requirements;

pub(super) fn requirements(written: &Requires) -> Requirements {
    Requirements {
        scopes: written.scopes.clone(),
        roles: written.roles.clone(),
        groups: written.groups.clone(),
    }
}
