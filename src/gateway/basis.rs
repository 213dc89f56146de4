//! What a decision rests on, for the last look at it.

use std::sync::{Arc, Weak};

use crate::auth::Proof;
use crate::policy::Policy;

/// What a decision was made by.
#[derive(Debug)]
pub(crate) struct Basis {
    /// Names the policy without keeping it: while this is there, no other one has its address.
    pub(super) policy: Weak<Policy>,
    pub(super) proof: Proof,
}

impl Basis {
    pub(crate) fn new(policy: &Arc<Policy>, proof: Proof) -> Self {
        Self {
            policy: Arc::downgrade(policy),
            proof,
        }
    }

    /// For tests of what comes after decisions.
    #[cfg(test)]
    pub(crate) fn of_nothing() -> Self {
        Self {
            policy: Weak::new(),
            proof: Proof::Token(String::new().into()),
        }
    }
}
