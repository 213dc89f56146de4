//! Which clients the metrics call by their names. With ten thousand of them, each of many metrics would have ten
//! thousand series.

use std::sync::Arc;

use dashmap::DashSet;
use opentelemetry::KeyValue;

/// The label.
const CLIENT: &str = "tollgate.client";
/// The clients beyond those that there is room for, together. No client can have this id: it has a space.
const OTHERS: &str = "all others";

/// How much the metrics tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelLimits {
    /// Clients with a name of their own; `None`: all of them; 0: the metrics have no clients.
    pub max_clients: Option<usize>,
    /// Series of each metric.
    pub max_series: usize,
}

impl Default for LabelLimits {
    fn default() -> Self {
        Self {
            max_clients: None,
            max_series: 2000,
        }
    }
}

/// The clients that have a name, first come, first served.
pub(super) struct Clients {
    most: Option<usize>,
    named: DashSet<Arc<str>>,
}

impl Clients {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self {
            most,
            named: DashSet::new(),
        }
    }

    /// The label of a client.
    pub(super) fn label(&self, client: &Arc<str>) -> Option<KeyValue> {
        match (self.most, self.is_named(client)) {
            (Some(0), _) => None,
            (_, true) => Some(KeyValue::new(CLIENT, Arc::clone(client))),
            (_, false) => Some(KeyValue::new(CLIENT, OTHERS)),
        }
    }

    /// Whether it has a name of its own.
    pub(super) fn is_named(&self, client: &Arc<str>) -> bool {
        let Some(most) = self.most else { return true };
        if self.named.contains(client) {
            return true;
        }
        let has_room = self.named.len() < most;
        if has_room {
            self.named.insert(Arc::clone(client));
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_clients_have_names_as_there_is_room_for() {
        let label = |clients: &Clients, name: &str| {
            let label = clients.label(&Arc::from(name));
            label.map(|label| label.value.to_string())
        };
        let all = Clients::new(None);
        assert_eq!(label(&all, "a").as_deref(), Some("a"));
        let two = Clients::new(Some(2));
        for (name, shown) in [
            ("a", "a"),
            ("b", "b"),
            ("c", OTHERS),
            ("a", "a"),
            ("d", OTHERS),
        ] {
            assert_eq!(label(&two, name).as_deref(), Some(shown), "{name}");
        }
        assert_eq!(label(&Clients::new(Some(0)), "a"), None);
    }
}
