//! What an Envoy of one's own would have, by its parts.

use http::StatusCode;
use serde_json::Value;

use super::super::render::{Part, RenderError, render};
use super::super::settings::{Service, Settings, TollgateAddress};
use super::json::Members as _;

/// A reader of YAML: that of tollgate.yaml, which belongs to another room.
pub type ReadYaml = fn(&str) -> Result<Value, String>;

/// Where a cluster says how HTTP is spoken with it.
pub(super) const HTTP_OPTIONS: &str =
    "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The configuration of an Envoy of one's own.
pub(super) struct Own {
    /// Where tollgate is.
    pub(super) address: TollgateAddress,
    /// The listener of callers.
    pub(super) listener: Value,
    /// The HTTP connection manager.
    pub(super) manager: Value,
    /// `ext_authz`.
    pub(super) authz: Value,
    /// `ext_proc`.
    pub(super) proc: Value,
    /// The virtual host.
    pub(super) host: Value,
    /// The status of what leads nowhere, once it is decided about.
    pub(super) nothing: Value,
    /// The status where tollgate can't be asked.
    pub(super) unavailable: u16,
    /// The cluster of tollgate.
    pub(super) tollgate: Value,
    /// The clusters of the backends.
    pub(super) clusters: Vec<Value>,
    /// The routes to the backends.
    pub(super) routes: Vec<Route>,
}

/// A route to the backends.
pub(super) struct Route {
    /// What it is for.
    pub(super) name: &'static str,
    /// Its paths.
    pub(super) path: Path,
    /// The methods that it takes.
    pub(super) methods: Vec<String>,
    /// How much of a body is held, where it differs from the host's.
    pub(super) buffer: Option<Value>,
    /// Where it leads.
    pub(super) action: Value,
}

/// The paths of a route.
pub(super) enum Path {
    /// A regular expression of them, whole.
    Regex(String),
    /// What they begin with, to a slash.
    Prefix(String),
}

impl Own {
    pub(super) fn of(settings: &Settings, read: ReadYaml) -> Result<Self, RenderError> {
        let address = settings.tollgate.clone().ok_or(RenderError::NoTollgate)?;
        let text = render(settings, Part::Whole)?;
        let whole = read(&text).map_err(RenderError::Unreadable)?;
        let listener = at(&whole, "/static_resources/listeners/0")?;
        let manager = at(&listener, "/filter_chains/0/filters/0/typed_config")?;
        let filter = |name: &str| {
            let filters = manager.at("http_filters").as_array().into_iter().flatten();
            let mut found = filters
                .filter(|it| it.at("name") == name)
                .map(|it| it.at("typed_config"));
            let missing = || RenderError::Unreadable(format!("there is no filter {name}"));
            found.next().cloned().ok_or_else(missing)
        };
        let host = at(&manager, "/route_config/virtual_hosts/0")?;
        let clusters = at(&whole, "/static_resources/clusters")?;
        let clusters = clusters.as_array().into_iter().flatten().cloned();
        let (tollgate, clusters): (Vec<_>, Vec<_>) =
            clusters.partition(|it| it.at("name") == "tollgate");
        let missing = || RenderError::Unreadable("there is no cluster of tollgate".to_owned());
        let authz = filter("envoy.filters.http.ext_authz")?;
        Ok(Self {
            address,
            unavailable: status(authz.at("status_on_error/code"))?,
            authz,
            proc: filter("envoy.filters.http.ext_proc")?,
            routes: routes(&host)?,
            nothing: nothing(&host)?,
            host,
            manager,
            listener,
            tollgate: tollgate.into_iter().next().ok_or_else(missing)?,
            clusters: clusters
                .into_iter()
                .filter(|it| it.at("name") != "tracing")
                .collect(),
        })
    }

    /// Where tollgate is a service with replicas.
    pub(super) fn service(&self) -> Option<&Service> {
        match &self.address {
            TollgateAddress::Service(service) => Some(service),
            TollgateAddress::Pipe { .. } | TollgateAddress::Socket(_) => None,
        }
    }

    /// The cluster of the first backend; all of them have the same limits.
    pub(super) fn backend(&self) -> &Value {
        self.clusters.first().unwrap_or(&Value::Null)
    }

    /// How connections of callers are encrypted; null where they are not.
    pub(super) fn tls(&self) -> &Value {
        let chain = self.listener.at("filter_chains/0");
        chain.at("transport_socket/typed_config/common_tls_context")
    }

    /// What tollgate is told with each request: which backends there are.
    pub(super) fn initial_metadata(&self) -> Value {
        let policies = self.host.at("typed_per_filter_config");
        policies
            .at("envoy.filters.http.ext_proc/overrides/grpc_initial_metadata")
            .clone()
    }

    /// What the filter for browsers allows.
    pub(super) fn cors(&self) -> &Value {
        self.host
            .at("typed_per_filter_config/envoy.filters.http.cors")
    }

    /// The headers that `ext_authz` is shown.
    pub(super) fn shown_headers(&self) -> Vec<Value> {
        let patterns = self.authz.at("allowed_headers/patterns").as_array();
        let exact = patterns
            .into_iter()
            .flatten()
            .map(|it| it.at("exact").clone());
        exact.collect()
    }

    /// All retries and timeouts of a route, of which there is one kind.
    pub(super) fn action(&self) -> Value {
        let last = self.routes.last();
        last.map(|it| it.action.clone()).unwrap_or_default()
    }
}

fn at(value: &Value, path: &str) -> Result<Value, RenderError> {
    let found = value.pointer(path).cloned();
    found.ok_or_else(|| RenderError::Unreadable(format!("there is no {path}")))
}

fn routes(host: &Value) -> Result<Vec<Route>, RenderError> {
    let all = host.at("routes").as_array().into_iter().flatten();
    // What browsers ask before a request leads nowhere.
    let lead = all.filter(|it| it.at("route/auto_host_rewrite") == true);
    let routes: Option<Vec<_>> = lead
        .map(|route| {
            let matched = route.at("match");
            let path = match matched.at("safe_regex/regex").as_str() {
                Some(regex) => Path::Regex(regex.to_owned()),
                None => Path::Prefix(matched.at("prefix").as_str()?.to_owned()),
            };
            let method = matched.at("headers/0/string_match");
            let methods = method.at("exact").as_str();
            let methods = methods.or(method.at("safe_regex/regex").as_str())?;
            let name = match &path {
                Path::Regex(regex) if regex.contains("realtime") => "realtime",
                Path::Regex(_) => "audio",
                Path::Prefix(_) => "openai",
            };
            Some(Route {
                name,
                path,
                methods: methods.split('|').map(str::to_owned).collect(),
                buffer: route.get("request_body_buffer_limit").cloned(),
                action: route.at("route").clone(),
            })
        })
        .collect();
    routes.ok_or_else(|| RenderError::Unreadable("a route has no path or no method".to_owned()))
}

/// The status of what no other route takes.
fn nothing(host: &Value) -> Result<Value, RenderError> {
    let mut all = host.at("routes").as_array().into_iter().flatten();
    let rest = all.find(|it| it.at("match/prefix") == "/" && !it.at("direct_response").is_null());
    let missing = || RenderError::Unreadable("there is no route for the rest".to_owned());
    let status = rest.map(|it| it.at("direct_response/status").clone());
    status.ok_or_else(missing)
}

/// The number of a status that Envoy names: `ServiceUnavailable`.
fn status(name: &Value) -> Result<u16, RenderError> {
    let is_it = |status: &StatusCode| {
        let reason = status.canonical_reason().unwrap_or_default();
        *name == reason.replace(' ', "")
    };
    let mut all = (100..600).filter_map(|it| StatusCode::from_u16(it).ok());
    let unknown = || RenderError::Unreadable(format!("there is no status {name}"));
    all.find(is_it).map(|it| it.as_u16()).ok_or_else(unknown)
}
