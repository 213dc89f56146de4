//! What the control socket asks of the running service: which clients there are, and who is told of
//! changes.

use std::time::SystemTime;

use super::state::Gateway;
use crate::access::ClientId;
use crate::auth::{ConfiguredKey, IssuedKey, KeySlot};
use crate::control::{AuditEvents, Clients, KeyAction, KeyEvents, Recomputed};

impl Clients for Gateway {
    fn is_known(&self, client: &ClientId) -> bool {
        self.policy.load().clients.get(client).is_some()
    }

    fn has_key(&self, client: &ClientId, slot: KeySlot, now: SystemTime) -> bool {
        self.policy.load().keys.holds(client, slot, now)
    }

    fn configured_keys(&self) -> Vec<ConfiguredKey> {
        self.policy.load().keys.iter().collect()
    }
}

impl KeyEvents for Gateway {
    fn changed(&self, action: KeyAction, key: &IssuedKey) {
        self.metrics.key_changed(action);
        self.audit.key_changed(action, key.clone(), None);
    }

    fn moved(&self, from: &ClientId, key: &IssuedKey) {
        self.metrics.key_changed(KeyAction::Move);
        let from = Some(from.to_shared());
        self.audit.key_changed(KeyAction::Move, key.clone(), from);
    }
}

impl AuditEvents for Gateway {
    fn recomputed(&self, recomputed: &Recomputed, by: &str) {
        self.audit.recomputed(recomputed.clone(), by);
    }
}
