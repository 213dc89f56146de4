//! Keys: the configuration's first, then those that were issued at run time.

use std::sync::Arc;
use std::time::SystemTime;

use super::gateway::Gateway;
use crate::access::ClientId;
use crate::auth::{AuthError, Caller, IssuedKey, KeyDigest, KeySlot};
use crate::control::{Clients, KeyAction, KeyEvents};

impl Gateway {
    /// Finds the caller that a presented key belongs to. What the configuration says of a key wins.
    pub(super) fn authenticate_key(
        &self,
        presented: &str,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        let digest = KeyDigest::of_presented(presented)?;
        match (self.keys.find(&digest, now), &self.issued) {
            (Err(AuthError::UnknownKey), Some(issued)) => {
                let client = |id: &ClientId| self.clients.get(id).map(Arc::clone);
                issued.authenticate(&digest, now, client)
            }
            (found, _) => found,
        }
    }
}

impl Clients for Gateway {
    fn is_known(&self, client: &ClientId) -> bool {
        self.clients.contains_key(client)
    }

    fn has_key(&self, client: &ClientId, slot: KeySlot, now: SystemTime) -> bool {
        self.keys.holds(client, slot, now)
    }
}

impl KeyEvents for Gateway {
    fn changed(&self, action: KeyAction, key: &IssuedKey) {
        self.metrics.key_changed(action);
        self.audit.key_changed(action, key.clone());
    }
}
