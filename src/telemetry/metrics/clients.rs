//! Which clients the metrics call by their names. With ten thousand of them, each of many metrics would have ten
//! thousand series.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::places::Places;

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

/// The clients that have a name: those that were served first.
pub(super) struct Clients(Option<Places>);

impl Clients {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self(most.map(Places::new))
    }

    /// The label of a client that is served. It may take a place.
    pub(super) fn label_of_served(&self, client: &Arc<str>) -> Option<KeyValue> {
        if let Some(places) = &self.0 {
            places.give(client);
        }
        self.known_label(client)
    }

    /// The label of a client, which takes no place.
    pub(super) fn known_label(&self, client: &Arc<str>) -> Option<KeyValue> {
        match (&self.0, self.is_named(client)) {
            (Some(places), false) if places.is_none() => None,
            (_, true) => Some(KeyValue::new(CLIENT, Arc::clone(client))),
            (_, false) => Some(KeyValue::new(CLIENT, OTHERS)),
        }
    }

    /// Whether it has a name of its own.
    pub(super) fn is_named(&self, client: &Arc<str>) -> bool {
        self.0.as_ref().is_none_or(|places| places.has(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(clients: &Clients, name: &str) -> Option<String> {
        let label = clients.label_of_served(&Arc::from(name));
        label.map(|label| label.value.to_string())
    }

    #[test]
    fn as_many_clients_have_names_as_there_is_room_for() {
        let all = Clients::new(None);
        assert_eq!(served(&all, "a").as_deref(), Some("a"));
        let two = Clients::new(Some(2));
        for (name, shown) in [
            ("a", "a"),
            ("b", "b"),
            ("c", OTHERS),
            ("a", "a"),
            ("d", OTHERS),
        ] {
            assert_eq!(served(&two, name).as_deref(), Some(shown), "{name}");
        }
        assert_eq!(served(&Clients::new(Some(0)), "a"), None);
    }

    #[test]
    fn whoever_is_only_looked_at_takes_no_name() {
        let one = Clients::new(Some(1));
        let idle = Arc::from("idle");
        assert!(!one.is_named(&idle));
        let shown = one.known_label(&idle).map(|it| it.value.to_string());
        assert_eq!(shown.as_deref(), Some(OTHERS));
        assert_eq!(served(&one, "busy").as_deref(), Some("busy"));
    }
}
