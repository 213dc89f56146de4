//! Which client a token belongs to, by its claims.
//!
//! Rules that ask for the same claims share one map from values to client, so a look-up costs one
//! hash for each such set of claims, however many clients there are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ClaimPath, TokenError};
use crate::access::{Client, ClientId, Entitlements, Requirements};

/// Claims that would name two clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token with these claims already belongs to client `{0}`")]
pub struct AmbiguousClaims(pub ClientId);

/// The client of every token of an issuer that no other client has.
#[derive(Clone, Debug)]
pub struct DefaultClient {
    /// The client.
    pub client: Arc<Client>,
    /// What the token must grant.
    pub requires: Requirements,
}

/// The clients of one issuer.
#[derive(Debug, Default)]
pub struct Directory {
    by_claims: BTreeMap<Vec<ClaimPath>, HashMap<Vec<String>, Arc<Client>>>,
    default: Option<DefaultClient>,
}

impl Directory {
    /// Tokens with all of these claims are this client's.
    ///
    /// # Errors
    /// [`AmbiguousClaims`] if the same claims are another client's; nothing is added.
    pub fn add(
        &mut self,
        claims: &BTreeMap<ClaimPath, String>,
        client: Arc<Client>,
    ) -> Result<(), AmbiguousClaims> {
        if let Some(other) = self.overlapping(claims, &client) {
            return Err(AmbiguousClaims(other.id.clone()));
        }
        let names = claims.keys().cloned().collect();
        let values = claims.values().cloned().collect();
        let group = self.by_claims.entry(names).or_default();
        group.insert(values, client);
        Ok(())
    }

    /// Tokens of no client are this one's.
    pub fn set_default(&mut self, default: DefaultClient) {
        self.default = Some(default);
    }

    /// Another client whose claims are among these, or these among its: a token would be of both.
    fn overlapping(
        &self,
        claims: &BTreeMap<ClaimPath, String>,
        client: &Client,
    ) -> Option<&Arc<Client>> {
        let is_other = |other: &&Arc<Client>| other.id != client.id;
        self.by_claims.iter().find_map(|(names, group)| {
            let own: Option<Vec<_>> = names.iter().map(|name| claims.get(name).cloned()).collect();
            if let Some(values) = own {
                return group.get(&values).filter(is_other);
            }
            // Only a set with more claims than these is walked, which no ordinary file has.
            let positions: Option<Vec<_>> = claims
                .iter()
                .map(|(name, value)| Some((names.iter().position(|own| own == name)?, value)))
                .collect();
            let positions = positions?;
            group
                .iter()
                .find(|(values, _)| {
                    positions
                        .iter()
                        .all(|(at, own)| values.get(*at) == Some(*own))
                })
                .map(|(_, other)| other)
                .filter(is_other)
        })
    }

    /// The client of a token.
    ///
    /// # Errors
    /// [`TokenError::ClientUnknown`], or [`TokenError::ClientAmbiguous`] where sets of claims that
    /// have nothing in common name two clients.
    pub(super) fn find(
        &self,
        claims: &Map<String, Value>,
        entitlements: &Entitlements,
    ) -> Result<Arc<Client>, TokenError> {
        let mut found: Option<&Arc<Client>> = None;
        for (names, group) in &self.by_claims {
            let values: Option<Vec<_>> = names
                .iter()
                .map(|name| name.text(claims).map(str::to_owned))
                .collect();
            let Some(client) = values.and_then(|values| group.get(&values)) else {
                continue;
            };
            match found {
                Some(other) if other.id != client.id => return Err(TokenError::ClientAmbiguous),
                _ => found = Some(client),
            }
        }
        let default = || {
            let default = self.default.as_ref()?;
            default
                .requires
                .are_met(entitlements)
                .then_some(&default.client)
        };
        found
            .or_else(default)
            .map(Arc::clone)
            .ok_or(TokenError::ClientUnknown)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client(id: &str) -> Arc<Client> {
        Arc::new(Client::new(ClientId::new(id), Vec::new()))
    }

    fn rule(claims: &[(&str, &str)]) -> BTreeMap<ClaimPath, String> {
        let path = |name: &str| ClaimPath::new([name.to_owned()]);
        claims
            .iter()
            .map(|(name, value)| (path(name), (*value).to_owned()))
            .collect()
    }

    fn find(directory: &Directory, claims: Value) -> Result<String, TokenError> {
        let claims = claims.as_object().expect("an object");
        directory
            .find(claims, &Entitlements::default())
            .map(|client| client.id.to_string())
    }

    #[test]
    fn a_token_is_its_clients_by_exact_claims() {
        let mut directory = Directory::default();
        for number in 0..1000 {
            let cid = format!("app-{number}");
            directory
                .add(&rule(&[("cid", &cid)]), client(&cid))
                .expect("new");
        }
        assert_eq!(directory.by_claims.len(), 1, "one look-up for all of them");
        assert_eq!(
            find(&directory, json!({"cid": "app-7"})),
            Ok("app-7".into())
        );
        for wrong in [
            json!({"cid": "APP-7"}),
            json!({"cid": ["app-7"]}),
            json!({"cid": 7}),
            json!({"cid": ""}),
            json!({"azp": "app-7"}),
            json!({}),
        ] {
            assert_eq!(
                find(&directory, wrong.clone()),
                Err(TokenError::ClientUnknown),
                "{wrong}"
            );
        }
    }

    #[test]
    fn claims_that_name_two_clients_are_refused() {
        for (first, second) in [
            (rule(&[("cid", "1")]), rule(&[("cid", "1")])),
            (rule(&[("cid", "1")]), rule(&[("cid", "1"), ("sub", "2")])),
            (rule(&[("cid", "1"), ("sub", "2")]), rule(&[("sub", "2")])),
        ] {
            let mut directory = Directory::default();
            directory.add(&first, client("a")).expect("new");
            let again = directory.add(&second, client("b"));
            assert_eq!(
                again,
                Err(AmbiguousClaims(ClientId::new("a"))),
                "{second:?}"
            );
            directory.add(&second, client("a")).expect("its own");
        }
    }

    #[test]
    fn a_token_that_two_rules_fit_is_of_nobody() {
        let mut directory = Directory::default();
        directory
            .add(&rule(&[("cid", "1")]), client("a"))
            .expect("new");
        directory
            .add(&rule(&[("sub", "2")]), client("b"))
            .expect("nothing in common");
        assert_eq!(find(&directory, json!({"cid": "1"})), Ok("a".into()));
        assert_eq!(
            find(&directory, json!({"cid": "1", "sub": "2"})),
            Err(TokenError::ClientAmbiguous)
        );
    }

    #[test]
    fn the_default_client_takes_the_rest_if_they_have_what_it_requires() {
        let mut directory = Directory::default();
        directory
            .add(&rule(&[("cid", "1")]), client("a"))
            .expect("new");
        directory.set_default(DefaultClient {
            client: client("everyone"),
            requires: Requirements {
                roles: vec!["llm".to_owned()],
                ..Requirements::default()
            },
        });
        let found = |claims: Value, roles: &[&str]| {
            let roles = roles.iter().map(|&role| role.to_owned()).collect();
            let has = Entitlements {
                roles,
                ..Entitlements::default()
            };
            let claims = claims.as_object().expect("an object").clone();
            directory
                .find(&claims, &has)
                .map(|client| client.id.to_string())
        };
        assert_eq!(found(json!({"cid": "1"}), &[]), Ok("a".into()));
        assert_eq!(
            found(json!({"cid": "2"}), &["x", "llm"]),
            Ok("everyone".into())
        );
        assert_eq!(
            found(json!({"cid": "2"}), &["x"]),
            Err(TokenError::ClientUnknown)
        );
    }
}
