//! What `tollgate envoy` would write now, as a value.

use serde_json::Value;

use super::dump::Dump;
use super::value::{at, list, text};
use crate::config::read_yaml;
use crate::envoy_config::{Backend, Part, Settings, TollgateAddress, Version, render};

const LISTENER: &str = "static_resources/listeners/0";
/// In place of a host that tollgate.yaml does not have.
const NOWHERE: &str = "endpoint.invalid";

/// What is wanted.
pub(super) struct Wanted {
    config: Value,
    /// What it is written from.
    pub(super) settings: Settings,
    /// The Envoy has a file for those that ask several backends in a fixed order.
    pub(super) is_in_order: bool,
}

impl Wanted {
    /// What is wanted of an Envoy. One that follows files has the choice of backends also where there is only one.
    /// What can't run in it is not wanted, and where tollgate.yaml names no version, either kind of file may be there.
    pub(super) fn of(
        settings: Settings,
        dump: &Dump,
        running: Option<Version>,
    ) -> Result<Self, String> {
        let clusters = |pooled| {
            let backends = settings.backends.iter();
            backends.filter_map(move |it| dump.cluster(&Backend::cluster_of(&it.name, pooled)))
        };
        let has = |pooled| clusters(pooled).next().is_some();
        let by_match = |it: &Value| !list(it.get("transport_socket_matches")).is_empty();
        let is_in_order = clusters(true).any(by_match);
        let has_choice = !settings.pooled && !has(false) && has(true);
        let mut settings = match has_choice {
            true => settings.with_choice(),
            false => settings,
        };
        settings.version = match running {
            Some(running) if !running.refreshes() => Some(running),
            _ if settings.version.is_none() && is_in_order => Some(Version::OLDEST),
            _ => settings.version,
        };
        let known = settings.clone();
        for backend in &mut settings.backends {
            backend.host.get_or_insert_with(|| NOWHERE.to_owned());
        }
        let written = render(&settings, Part::Whole).map_err(|error| error.to_string())?;
        Ok(Self {
            config: read_yaml(&written)?,
            settings: known,
            is_in_order,
        })
    }

    /// Whether tollgate.yaml asks for a choice that a version of Envoy does not have. Where it names no version, the
    /// file may have been written for this one.
    pub(super) fn needs_refresh(&self, running: Version, named: Option<Version>) -> bool {
        let asks = match named {
            Some(named) => named.refreshes(),
            None => !self.is_in_order,
        };
        self.settings.pooled && !running.refreshes() && asks
    }

    /// Whether there is more than one backend.
    pub(super) fn has_several(&self) -> bool {
        self.settings.backends.len() > 1
    }

    /// Whether an address stands for one that tollgate.yaml does not have.
    pub(super) fn is_nowhere(address: &str) -> bool {
        address.split(':').next() == Some(NOWHERE)
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

    /// Whether Envoys share tollgate.
    pub(super) const fn is_service(&self) -> bool {
        matches!(self.settings.tollgate, Some(TollgateAddress::Service(_)))
    }

    /// Where tollgate listens, as Envoy's addresses are shown.
    pub(super) fn tollgate(&self) -> String {
        let of = |address: &TollgateAddress| match address {
            TollgateAddress::Pipe { pipe } => format!("unix:{pipe}"),
            TollgateAddress::Service(at) => format!("{}:{}", at.host, at.port),
            TollgateAddress::Socket(at) => format!("{}:{}", at.address, at.port),
        };
        // Without one nothing is written that could be compared.
        self.settings.tollgate.as_ref().map(of).unwrap_or_default()
    }
}
