//! Which client a stored response belongs to.
//!
//! All clients share one identity at the backend, so the backend would give any stored response to
//! any of them. The gateway remembers who created each id and treats every other one as unknown.
//! The memory is bounded and is this process's own: what it no longer remembers is not found.

use quick_cache::sync::Cache;

use super::ClientId;

/// How many ids are remembered; the least used go first. About 200 bytes each.
const MAX_REMEMBERED: usize = 100_000;

/// The owners of stored responses, by the response's id.
#[derive(Debug)]
pub struct ResponseOwners(Cache<String, ClientId>);

impl Default for ResponseOwners {
    fn default() -> Self {
        Self(Cache::new(MAX_REMEMBERED))
    }
}

impl ResponseOwners {
    /// Remembers that the client created the response.
    pub fn remember(&self, response_id: String, owner: ClientId) {
        self.0.insert(response_id, owner);
    }

    /// Whether the client created the response.
    pub fn owns(&self, client: &ClientId, response_id: &str) -> bool {
        self.0
            .get(response_id)
            .is_some_and(|owner| owner == *client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_belongs_to_its_creator_only() {
        let owners = ResponseOwners::default();
        let (mine, other) = (ClientId::new("mine"), ClientId::new("other"));
        owners.remember("resp_1".to_owned(), mine.clone());
        assert!(owners.owns(&mine, "resp_1"), "its creator finds it");
        assert!(!owners.owns(&other, "resp_1"), "nobody else does");
        assert!(!owners.owns(&mine, "resp_2"), "an unknown id is nobody's");
    }
}
