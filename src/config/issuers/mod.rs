//! Issuers, and the clients whose tokens they issue.

mod draft;
mod refresh;
mod source;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_saphyr::Location;

use super::problem::Problem;
use super::problems::{Problems, check_id, duplicate, unknown};
use super::written::{Credential, Issuer};
use crate::access::Client;
use crate::auth::{self, ClaimPath, DefaultClient, Tokens};
use draft::Draft;
pub use refresh::KeyRefresh;

/// The issuers while the file is read.
pub(super) struct Issuers {
    drafts: Vec<Draft>,
    /// Includes issuers with problems, so that clients that name them are not reported as well.
    names: HashMap<String, Location>,
    defaults: HashSet<String>,
}

impl Issuers {
    pub(super) fn read(written: &[Issuer], directory: &Path, problems: &mut Problems) -> Self {
        let mut names = HashMap::new();
        let mut drafts = Vec::new();
        for issuer in written {
            check_id("issuer", &issuer.name, problems);
            let (name, at) = (&issuer.name, issuer.name.referenced);
            match names.get(&name.value) {
                Some(first) => problems.push(duplicate("issuer", name, *first)),
                None => {
                    names.insert(name.value.clone(), at);
                }
            }
            drafts.extend(issuer.draft(directory, problems));
        }
        let default = |issuer: &Issuer| Some(issuer.default_client.as_ref()?.client.value.clone());
        Self {
            drafts,
            names,
            defaults: written.iter().filter_map(default).collect(),
        }
    }

    /// Whether a client is an issuer's default and so needs no credential of its own.
    pub(super) fn is_default(&self, client: &str) -> bool {
        self.defaults.contains(client)
    }

    /// Adds a client's tokens.
    pub(super) fn add_client(
        &mut self,
        credentials: &[Credential],
        client: &Arc<Client>,
        problems: &mut Problems,
    ) {
        for token in credentials.iter().filter_map(|it| it.token.as_ref()) {
            let name = &token.value.issuer;
            let named = |draft: &&mut Draft| draft.name.value == name.value;
            let Some(draft) = self.drafts.iter_mut().find(named) else {
                if !self.names.contains_key(&name.value) {
                    let known = self.names.keys().map(String::as_str);
                    problems.push(unknown("issuer", "issuers", name, known));
                }
                continue;
            };
            let own = &token.value;
            let written = own.claims.iter();
            let mut claims: BTreeMap<_, _> = written
                .map(|(name, value)| (ClaimPath::new([name.clone()]), value.clone()))
                .collect();
            if let Some(id) = &own.client {
                claims.insert(draft.client_claim.clone(), id.clone());
            }
            if claims.is_empty() || claims.values().any(String::is_empty) {
                let message = "`client` or `claims` must say which tokens are the client's";
                let help =
                    "to accept every token of the issuer, set `default_client` on the issuer";
                problems.push(Problem::at(token.referenced, message).help(help));
            } else if let Err(error) = draft.directory.add(&claims, Arc::clone(client)) {
                problems.push(Problem::at(token.referenced, error.to_string()));
            }
        }
    }

    /// Every issuer with its clients.
    pub(super) fn finish(
        self,
        clients: &[Arc<Client>],
        problems: &mut Problems,
    ) -> (Tokens, Vec<KeyRefresh>) {
        let (mut tokens, mut refreshes) = (Tokens::default(), Vec::new());
        for mut draft in self.drafts {
            if let Some((name, requires)) = draft.default {
                match clients.iter().find(|it| it.id.as_str() == name.value) {
                    Some(client) => draft.directory.set_default(DefaultClient {
                        client: Arc::clone(client),
                        requires,
                    }),
                    None => {
                        let known = clients.iter().map(|it| it.id.as_str());
                        problems.push(unknown("client", "clients", &name, known));
                    }
                }
            }
            let store = Arc::clone(&draft.refresh.store);
            let issuer = auth::Issuer::new(draft.rules, store, draft.directory);
            if let Err(error) = tokens.add(Arc::new(issuer)) {
                problems.push(Problem::at(draft.issuer.referenced, error.to_string()));
            }
            refreshes.push(draft.refresh);
        }
        (tokens, refreshes)
    }
}

#[cfg(test)]
mod tests;
