//! What a caller's credential grants, and what a product asks for.

/// What a token grants its caller. A key or a certificate grants nothing of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entitlements {
    /// Delegated permissions (`scp`, `scope`).
    pub scopes: Vec<String>,
    /// Roles of the user or the application.
    pub roles: Vec<String>,
    /// Groups of the user.
    pub groups: Vec<String>,
}

impl Entitlements {
    /// Nothing.
    pub const NONE: &'static Self = &Self {
        scopes: Vec::new(),
        roles: Vec::new(),
        groups: Vec::new(),
    };
}

/// What a caller must have been granted: every scope, one of the roles, and one of the groups. An
/// empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// All of these.
    pub scopes: Vec<String>,
    /// One of these.
    pub roles: Vec<String>,
    /// One of these.
    pub groups: Vec<String>,
}

impl Requirements {
    /// Whether a caller has what is asked for.
    pub fn are_met(&self, has: &Entitlements) -> bool {
        let one_of = |asked: &[String], has: &[String]| {
            asked.is_empty() || asked.iter().any(|name| has.contains(name))
        };
        self.scopes.iter().all(|scope| has.scopes.contains(scope))
            && one_of(&self.roles, &has.roles)
            && one_of(&self.groups, &has.groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn every_scope_and_one_role_and_one_group_are_asked_for() {
        let asks = Requirements {
            scopes: names(&["read", "write"]),
            roles: names(&["admin", "user"]),
            groups: names(&["a", "b"]),
        };
        let has = Entitlements {
            scopes: names(&["write", "x", "read"]),
            roles: names(&["user"]),
            groups: names(&["b"]),
        };
        assert!(asks.are_met(&has));
        for lacking in [
            Entitlements {
                scopes: names(&["read"]),
                ..has.clone()
            },
            Entitlements {
                roles: names(&["guest"]),
                ..has.clone()
            },
            Entitlements {
                groups: names(&[]),
                ..has.clone()
            },
            Entitlements {
                scopes: names(&["READ", "write"]),
                ..has
            },
        ] {
            assert!(!asks.are_met(&lacking), "{lacking:?}");
        }
        assert!(!asks.are_met(Entitlements::NONE));
        assert!(Requirements::default().are_met(Entitlements::NONE));
    }
}
