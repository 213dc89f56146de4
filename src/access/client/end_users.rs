//! What is kept of the names of end users.

use std::fmt;
use std::sync::Arc;

/// Gives the pseudonym of a name.
type Pseudonym = Arc<dyn Fn(&str) -> Arc<str> + Send + Sync>;

/// What limits, records and the audit log know of an end user. Two are equal if they say the same of a name.
#[derive(Clone, Default)]
pub enum EndUsers {
    /// The name itself.
    #[default]
    Keep,
    /// A pseudonym in its place.
    Hash(Pseudonym),
    /// Nothing.
    Drop,
}

impl EndUsers {
    /// What is kept of a name.
    pub fn kept(&self, name: Arc<str>) -> Option<Arc<str>> {
        match self {
            Self::Keep => Some(name),
            Self::Hash(pseudonym) => Some(pseudonym(&name)),
            Self::Drop => None,
        }
    }
}

impl PartialEq for EndUsers {
    fn eq(&self, other: &Self) -> bool {
        let name = || Arc::from("a name");
        self.kept(name()) == other.kept(name())
    }
}

impl Eq for EndUsers {}

impl fmt::Debug for EndUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::Hash(_) => "Hash",
            Self::Drop => "Drop",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_replaced_or_dropped() {
        let name = || Arc::from("ann");
        let hash = EndUsers::Hash(Arc::new(|name| format!("not {name}").into()));
        assert_eq!(EndUsers::Keep.kept(name()), Some(name()));
        assert_eq!(hash.kept(name()).as_deref(), Some("not ann"));
        assert_eq!(EndUsers::Drop.kept(name()), None);
        assert_eq!(format!("{hash:?}"), "Hash");
    }
}
