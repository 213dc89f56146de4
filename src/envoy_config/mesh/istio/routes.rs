//! Where requests go: destinations with TLS, and the routes to them.

use serde_json::{Value, json};

use super::place::Place;
use super::{host, object};
use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::mesh::own::{HTTP_OPTIONS, Own, Path, Route};
use crate::envoy_config::mesh::units::duration;
use crate::envoy_config::mesh::{Document, object_names};
use crate::envoy_config::settings::{Backend, Settings};

/// What browsers ask before a request.
pub(super) const PREFLIGHT: &str = "tollgate-preflight";
/// All other paths.
pub(super) const REST: &str = "tollgate-rest";

/// Where requests go.
pub(super) fn destinations(settings: &Settings, own: &Own, place: &Place<'_>) -> Vec<Document> {
    let mut all = Vec::new();
    // Where there is a choice, routes lead to the clusters of the filters: another host here would be a way without them.
    for (backend, name) in settings.backends.iter().zip(object_names(settings)).take(1) {
        let comment = format!("The backend `{}` of tollgate.yaml.", backend.name);
        let name = format!("{}-{name}", place.name);
        all.push(Document::new(&comment, entry(backend, &name, place)));
        all.push(Document::new("", destination(backend, own, &name, place)));
    }
    all
}

/// What leads there.
pub(super) fn document(settings: &Settings, own: &Own, place: &Place<'_>) -> Document {
    Document::new(
        "What leads to Azure OpenAI. The filters above give each of these routes its way; without them all is refused.",
        service(settings, own, place),
    )
}

/// The backend as a service: plain HTTP, until its destination adds TLS. Only the proxies see it.
fn entry(backend: &Backend, name: &str, place: &Place<'_>) -> Value {
    let mut port = json!({
        "name": "http-azure",
        "number": place.destination_port(backend.port),
        "protocol": "HTTP",
    });
    if !place.is_gateway() {
        port.put("targetPort", json!(backend.port));
    }
    let spec = json!({
        "hosts": [host(backend)],
        "exportTo": [place.proxies()],
        "location": "MESH_EXTERNAL",
        "ports": [port],
        "resolution": "DNS",
    });
    object("ServiceEntry", name, place.namespace, spec)
}

fn destination(backend: &Backend, own: &Own, name: &str, place: &Place<'_>) -> Value {
    let name_of_it = host(backend);
    let cluster = own.backend();
    let breaker = cluster.at("circuit_breakers/thresholds/0");
    let keepalive = cluster.at("upstream_connection_options/tcp_keepalive");
    let http = cluster.at(HTTP_OPTIONS);
    let settings = json!({
        "port": { "number": place.destination_port(backend.port) },
        "connectionPool": {
            "http": {
                // One connection for one request, so one that breaks takes no other with it.
                "h2UpgradePolicy": "DO_NOT_UPGRADE",
                "http1MaxPendingRequests": breaker.at("max_pending_requests"),
                "http2MaxRequests": breaker.at("max_requests"),
                // Shorter than Azure keeps a connection.
                "idleTimeout": http.at("common_http_protocol_options/idle_timeout"),
            },
            "tcp": {
                "connectTimeout": cluster.at("connect_timeout"),
                "maxConnections": breaker.at("max_connections"),
                "tcpKeepalive": {
                    "interval": duration(keepalive.at("keepalive_interval")),
                    "probes": keepalive.at("keepalive_probes"),
                    "time": duration(keepalive.at("keepalive_time")),
                },
            },
        },
        "tls": {
            "caCertificates": backend.trusted_ca,
            "mode": "SIMPLE",
            "sni": name_of_it,
            "subjectAltNames": [name_of_it],
        },
    });
    let spec = json!({
        "host": name_of_it,
        "exportTo": [place.proxies()],
        "trafficPolicy": { "portLevelSettings": [settings] },
    });
    object("DestinationRule", name, place.namespace, spec)
}

/// What matches, and no more than that: the filters give each route its way, in one patch with what decides about it,
/// so that nothing goes out undecided where they are missing.
fn service(settings: &Settings, own: &Own, place: &Place<'_>) -> Value {
    let closed = json!({ "status": own.unavailable });
    let routes = own.routes.iter().map(|it| route(it, &closed));
    let mut routes: Vec<_> = routes.collect();
    if !settings.allowed_origins.is_empty() {
        let is_there = json!({ "regex": ".+" });
        routes.push(json!({
            "name": PREFLIGHT,
            "match": [{
                "headers": { "access-control-request-method": is_there, "origin": is_there },
                "method": { "exact": "OPTIONS" },
            }],
            "directResponse": closed,
        }));
    }
    routes.push(json!({ "name": REST, "directResponse": { "status": own.nothing } }));
    let spec = json!({
        "hosts": place.hosts,
        "gateways": place.gateways(),
        "exportTo": [place.proxies()],
        "http": routes,
    });
    object("VirtualService", place.name, place.namespace, spec)
}

fn route(route: &Route, closed: &Value) -> Value {
    let path = match &route.path {
        Path::Regex(regex) => json!({ "regex": regex }),
        Path::Prefix(prefix) => json!({ "prefix": prefix }),
    };
    let method = match route.methods.as_slice() {
        [one] => json!({ "exact": one }),
        all => json!({ "regex": all.join("|") }),
    };
    json!({
        "name": name_of(route),
        "match": [{ "method": method, "uri": path }],
        "directResponse": closed,
    })
}

/// What Envoy calls a route.
pub(super) fn name_of(route: &Route) -> String {
    format!("tollgate-{}", route.name)
}
