//! Envoy's dump of its configuration, as far as it is needed
//! (<https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/config_dump.proto>).

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::value::{at, is_a, list, text};

/// The dump's parts, unread: most of them are not needed.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    configs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "@type")]
    kind: String,
}

/// What an Envoy runs with.
#[derive(Default)]
pub(super) struct Dump {
    listeners: Vec<Value>,
    routes: Vec<Value>,
    clusters: Vec<Value>,
    /// Envoy has been given a listener that it did not take.
    pub(super) has_refused_update: bool,
}

/// One connection manager, and the listener that it is of.
#[derive(Clone, Copy)]
pub(super) struct Manager<'a> {
    /// The listener's name.
    pub(super) listener: &'a str,
    /// The filter chain that it is in.
    pub(super) chain: &'a Value,
    /// Its configuration.
    pub(super) config: &'a Value,
}

impl Dump {
    /// Reads a dump; `None` where it is not one.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let parts: Parts<'_> = serde_json::from_slice(bytes).ok()?;
        let mut dump = Self::default();
        for part in parts.configs {
            let Kind { kind } = serde_json::from_str(part.get()).ok()?;
            let (into, lists, item) = match kind.rsplit('.').next()? {
                "ListenersConfigDump" => (
                    &mut dump.listeners,
                    ["static_listeners", "dynamic_listeners"],
                    "listener",
                ),
                "RoutesConfigDump" => (
                    &mut dump.routes,
                    ["static_route_configs", "dynamic_route_configs"],
                    "route_config",
                ),
                "ClustersConfigDump" => (
                    &mut dump.clusters,
                    ["static_clusters", "dynamic_active_clusters"],
                    "cluster",
                ),
                _ => continue,
            };
            let part: Value = serde_json::from_str(part.get()).ok()?;
            for entry in lists.iter().flat_map(|name| list(part.get(*name))) {
                dump.has_refused_update |= entry.get("error_state").is_some();
                // A listener that changes while Envoy runs is below its state.
                let state = entry.get("active_state").unwrap_or(entry);
                into.extend(state.get(item).cloned());
            }
        }
        Some(dump)
    }

    /// A cluster by its name.
    pub(super) fn cluster(&self, name: &str) -> Option<&Value> {
        let mut clusters = self.clusters.iter();
        clusters.find(|it| text(it, "name") == Some(name))
    }

    /// The HTTP connection managers of all listeners.
    pub(super) fn managers(&self) -> Vec<Manager<'_>> {
        let mut all = Vec::new();
        for listener in &self.listeners {
            let name = text(listener, "name").unwrap_or_default();
            let chains = list(listener.get("filter_chains")).iter();
            for chain in chains.chain(listener.get("default_filter_chain")) {
                let filters = list(chain.get("filters")).iter();
                let configs = filters.filter_map(|it| it.get("typed_config"));
                let managers = configs.filter(|it| is_a(it, "HttpConnectionManager"));
                all.extend(managers.map(|config| Manager {
                    listener: name,
                    chain,
                    config,
                }));
            }
        }
        all
    }

    /// The routes of a connection manager: its own, or those that it follows.
    pub(super) fn routes<'a>(&'a self, manager: &Manager<'a>) -> Option<&'a Value> {
        if let Some(own) = manager.config.get("route_config") {
            return Some(own);
        }
        let name = text(manager.config, "rds/route_config_name")?;
        let mut routes = self.routes.iter();
        routes.find(|it| text(it, "name") == Some(name))
    }
}

impl<'a> Manager<'a> {
    /// The HTTP filters, in their order.
    pub(super) fn filters(&self) -> &'a [Value] {
        list(at(self.config, "http_filters"))
    }

    /// The first HTTP filter whose configuration is of a type.
    pub(super) fn filter(&self, kind: &str) -> Option<&'a Value> {
        self.entry(kind)?.get("typed_config")
    }

    /// The name of that filter, by which routes set it in another way.
    pub(super) fn filter_name(&self, kind: &str) -> Option<&'a str> {
        text(self.entry(kind)?, "name")
    }

    fn entry(&self, kind: &str) -> Option<&'a Value> {
        let is_it = |it: &&Value| it.get("typed_config").is_some_and(|it| is_a(it, kind));
        self.filters().iter().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manager(stat_prefix: &str) -> Value {
        json!({ "filters": [{ "typed_config": {
            "@type": "type.googleapis.com/envoy.x.v3.HttpConnectionManager",
            "stat_prefix": stat_prefix,
            "rds": { "route_config_name": "openai" },
        } }] })
    }

    #[test]
    fn what_is_static_and_what_changes_is_found() {
        let listeners = json!({
            "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
            "static_listeners": [{ "listener": { "name": "a", "filter_chains": [manager("1")] } }],
            "dynamic_listeners": [
                { "name": "b", "active_state": { "listener": { "name": "b", "default_filter_chain": manager("2") } } },
                { "name": "c", "error_state": { "details": "no" } },
            ],
        });
        let routes = json!({
            "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
            "dynamic_route_configs": [{ "route_config": { "name": "openai" } }],
        });
        let other = json!({ "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump" });
        let text = json!({ "configs": [other, listeners, routes] }).to_string();
        let dump = Dump::parse(text.as_bytes()).expect("a dump");
        let managers = dump.managers();
        let names: Vec<_> = managers.iter().map(|it| it.listener).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(dump.has_refused_update);
        assert!(dump.routes(&managers[1]).is_some());
    }

    #[test]
    fn what_is_not_a_dump_is_none() {
        let deep = "[".repeat(100_000);
        let nested = format!(r#"{{"configs":[{{"@type":"a.ClustersConfigDump","x":{deep}"#);
        for not in [
            "",
            "[]",
            "{}",
            r#"{"configs":7}"#,
            r#"{"configs":[7]}"#,
            &deep,
            &nested,
        ] {
            let shown: String = not.chars().take(20).collect();
            assert!(Dump::parse(not.as_bytes()).is_none(), "{shown}");
        }
    }
}
