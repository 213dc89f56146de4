//! What an Envoy of one's own would have, by its parts.

use serde_json::Value;

use super::super::render::{Part, RenderError, render};
use super::super::settings::Settings;
use super::json::Members as _;

/// A reader of YAML: that of tollgate.yaml, which belongs to another room.
pub type ReadYaml = fn(&str) -> Result<Value, String>;

/// The configuration of an Envoy of one's own.
pub(super) struct Own {
    /// The HTTP connection manager.
    pub(super) manager: Value,
    /// `ext_authz`.
    pub(super) authz: Value,
    /// `ext_proc`.
    pub(super) proc: Value,
    /// The virtual host.
    pub(super) host: Value,
    /// How certificates of callers are looked at; nothing where they are not asked for.
    pub(super) validation: Value,
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
    /// A regular expression of its paths; `None`: all below `/openai/`.
    pub(super) regex: Option<String>,
    /// The methods that it takes.
    pub(super) methods: Vec<String>,
    /// How much of a body is held, where it differs from the host's.
    pub(super) buffer: Option<Value>,
    /// Where it leads.
    pub(super) action: Value,
}

impl Own {
    pub(super) fn of(settings: &Settings, read: ReadYaml) -> Result<Self, RenderError> {
        let text = render(settings, Part::Whole)?;
        let whole = read(&text).map_err(RenderError::Unreadable)?;
        let manager = at(
            &whole,
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config",
        )?;
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
        let tls = whole.pointer(
            "/static_resources/listeners/0/filter_chains/0/transport_socket/typed_config/common_tls_context/validation_context",
        );
        Ok(Self {
            authz: filter("envoy.filters.http.ext_authz")?,
            proc: filter("envoy.filters.http.ext_proc")?,
            routes: routes(&host)?,
            host,
            manager,
            validation: tls.cloned().unwrap_or_default(),
            tollgate: tollgate.into_iter().next().unwrap_or_default(),
            clusters: clusters
                .into_iter()
                .filter(|it| it.at("name") != "tracing")
                .collect(),
        })
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
            let regex = route.at("match/safe_regex/regex").as_str();
            let method = route.at("match/headers/0/string_match");
            let methods = method.at("exact").as_str();
            let methods = methods.or(method.at("safe_regex/regex").as_str())?;
            let name = match regex {
                Some(regex) if regex.contains("realtime") => "realtime",
                Some(_) => "audio",
                None => "openai",
            };
            Some(Route {
                name,
                regex: regex.map(str::to_owned),
                methods: methods.split('|').map(str::to_owned).collect(),
                buffer: route.get("request_body_buffer_limit").cloned(),
                action: route.at("route").clone(),
            })
        })
        .collect();
    routes.ok_or_else(|| RenderError::Unreadable("a route has no method".to_owned()))
}
