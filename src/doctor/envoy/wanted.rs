//! What `tollgate envoy` would write now, as a value.

use serde_json::Value;

use super::dump::Dump;
use super::value::{at, list, text};
use crate::config::read_yaml;
use crate::envoy_config::{Backend, Part, Settings, TollgateAddress, render};

const LISTENER: &str = "static_resources/listeners/0";
/// In place of a host that tollgate.yaml does not have.
const NOWHERE: &str = "endpoint.invalid";

/// What is wanted.
pub(super) struct Wanted {
    config: Value,
    /// What it is written from.
    pub(super) settings: Settings,
}

impl Wanted {
    /// What is wanted of an Envoy. One that follows files has the choice of backends also where there is only one.
    pub(super) fn of(settings: Settings, dump: &Dump) -> Result<Self, String> {
        let has = |pooled| {
            let mut backends = settings.backends.iter();
            backends.any(|it| {
                dump.cluster(&Backend::cluster_of(&it.name, pooled))
                    .is_some()
            })
        };
        let mut settings = match !settings.pooled && !has(false) && has(true) {
            true => settings.with_choice(),
            false => settings,
        };
        let known = settings.clone();
        for backend in &mut settings.backends {
            backend.host.get_or_insert_with(|| NOWHERE.to_owned());
        }
        let written = render(&settings, Part::Whole).map_err(|error| error.to_string())?;
        Ok(Self {
            config: read_yaml(&written)?,
            settings: known,
        })
    }

    /// Something of the filter chain.
    pub(super) fn chain(&self) -> Option<&Value> {
        at(&self.config, &format!("{LISTENER}/filter_chains/0"))
    }

    /// The connection manager.
    pub(super) fn manager(&self) -> Option<&Value> {
        at(self.chain()?, "filters/0/typed_config")
    }

    /// The configuration of an HTTP filter, by its name.
    pub(super) fn filter(&self, name: &str) -> Option<&Value> {
        let filters = list(self.manager()?.get("http_filters")).iter();
        let mut named = filters.filter(|it| text(it, "name") == Some(name));
        named.next()?.get("typed_config")
    }

    /// The routes.
    pub(super) fn routes(&self) -> Option<&Value> {
        self.manager()?.get("route_config")
    }

    /// The one virtual host.
    pub(super) fn virtual_host(&self) -> Option<&Value> {
        at(self.routes()?, "virtual_hosts/0")
    }

    /// A cluster by its name.
    pub(super) fn cluster(&self, name: &str) -> Option<&Value> {
        let mut clusters = list(at(&self.config, "static_resources/clusters")).iter();
        clusters.find(|it| text(it, "name") == Some(name))
    }

    /// Whether a cluster is one of the backends'.
    pub(super) fn is_backend(&self, cluster: &str) -> bool {
        self.settings
            .backends
            .iter()
            .any(|it| it.cluster == cluster)
    }

    /// Where tollgate listens, as Envoy's addresses are shown.
    pub(super) fn tollgate(&self) -> String {
        match &self.settings.tollgate {
            TollgateAddress::Pipe { pipe } => format!("unix:{pipe}"),
            TollgateAddress::Socket(at) => format!("{}:{}", at.address, at.port),
        }
    }
}
