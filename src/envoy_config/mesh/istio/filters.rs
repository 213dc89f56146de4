//! What routes and destinations can't say: the filters themselves, and settings of the proxy.

use serde_json::{Value, json};

use super::place::{Kind, Place};
use super::routes::{PREFLIGHT, REST, name_of};
use super::{host, object};
use crate::envoy_config::mesh::Document;
use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::mesh::own::{Own, Route};
use crate::envoy_config::settings::Settings;

/// What the filters are called: Istio has an `ext_authz` of its own.
const AUTHZ: &str = "envoy.filters.http.ext_authz/tollgate";
const PROC: &str = "envoy.filters.http.ext_proc/tollgate";
const CORS: &str = "envoy.filters.http.cors";
const MANAGER: &str = "envoy.filters.network.http_connection_manager";

pub(super) fn document(settings: &Settings, own: &Own, place: &Place<'_>) -> Document {
    let mut patches = vec![added("CLUSTER", place, own.tollgate.clone())];
    patches.push(manager(own, place));
    if settings.certificates && place.is_gateway() {
        patches.push(handshake(own, place));
    }
    patches.push(filter(place, AUTHZ, &own.authz));
    patches.push(filter(place, PROC, &own.proc));
    if settings.pooled {
        let clusters = own.clusters.iter().cloned();
        patches.extend(clusters.map(|it| added("CLUSTER", place, it)));
        let plugins = own.manager.at("route_config/cluster_specifier_plugins");
        patches.push(merged(
            "ROUTE_CONFIGURATION",
            place,
            routes_of(place),
            json!({ "cluster_specifier_plugins": plugins }),
        ));
    }
    for route in &own.routes {
        let value = way(settings, own, route, place);
        patches.push(routed(place, &name_of(route), value));
    }
    if !settings.allowed_origins.is_empty() {
        // The filter for browsers answers; nothing goes there.
        let mut value = decided(settings, own);
        value.put("route", json!({ "cluster": cluster(settings, place) }));
        patches.push(routed(place, PREFLIGHT, value));
    }
    patches.push(routed(place, REST, decided(settings, own)));
    let spec = json!({
        "workloadSelector": { "labels": place.pods() },
        "configPatches": patches,
    });
    Document::new(
        "Never open: where tollgate is down, Envoy answers 503. On other routes of these proxies the filters are off.",
        object("EnvoyFilter", place.name, place.proxies(), spec),
    )
}

/// The listener of the place, and what of it is meant.
fn listener(place: &Place<'_>, chain: Value) -> Value {
    json!({ "portNumber": place.port, "filterChain": chain })
}

/// A route by its name, in whichever host and at whichever port of the gateway it is.
fn routed(place: &Place<'_>, name: &str, value: Value) -> Value {
    let mut at = routes_of(place);
    at.put("vhost", json!({ "route": { "name": name } }));
    merged("HTTP_ROUTE", place, at, value)
}

fn routes_of(place: &Place<'_>) -> Value {
    match &place.kind {
        // Istio puts all that is plain HTTP at one port together, whichever Gateway it is from.
        Kind::Gateway(_) if !place.tls => json!({}),
        Kind::Gateway(gateway) => json!({
            "gateway": format!("{}/{}", gateway.namespace, gateway.name),
        }),
        Kind::Sidecars(_) => json!({ "portNumber": place.port }),
    }
}

fn patch(kind: &str, place: &Place<'_>, place_in_it: (&str, Value), patch: Value) -> Value {
    let mut at = json!({ "context": place.context() });
    let (name, value) = place_in_it;
    if !value.is_null() {
        at.put(name, value);
    }
    json!({ "applyTo": kind, "match": at, "patch": patch })
}

fn added(kind: &str, place: &Place<'_>, value: Value) -> Value {
    let operation = json!({ "operation": "ADD", "value": value });
    patch(kind, place, ("cluster", Value::Null), operation)
}

fn merged(kind: &str, place: &Place<'_>, routes: Value, value: Value) -> Value {
    let operation = json!({ "operation": "MERGE", "value": value });
    patch(kind, place, ("routeConfiguration", routes), operation)
}

/// One spelling of a path and of a header, limits, and errors that SDKs parse.
fn manager(own: &Own, place: &Place<'_>) -> Value {
    let mut config = json!({
        "@type": own.manager.at("@type"),
        // Spans show no path with its query, where a caller may have put a key.
        "tracing": { "max_path_tag_length": 0 },
    });
    let mut names = vec![
        "normalize_path",
        "merge_slashes",
        "path_with_escaped_slashes_action",
        "always_set_request_id_in_response",
        "max_request_headers_kb",
        "common_http_protocol_options",
        "request_headers_timeout",
        "request_timeout",
        "stream_idle_timeout",
        "local_reply_config",
        "server_name",
        "internal_address_config",
        "http2_protocol_options",
        // A sidecar believes its application by default: where it says that it is, and the id of its request.
        "use_remote_address",
    ];
    if place.is_gateway() {
        names.extend([
            "forward_client_cert_details",
            "set_current_client_cert_details",
            "xff_num_trusted_hops",
        ]);
    }
    for name in names {
        if let Some(value) = own.manager.get(name) {
            config.put(name, value.clone());
        }
    }
    let value = json!({ "name": MANAGER, "typed_config": config });
    let operation = json!({ "operation": "MERGE", "value": value });
    let at = listener(place, json!({ "filter": { "name": MANAGER } }));
    patch("NETWORK_FILTER", place, ("listener", at), operation)
}

/// Asked for, not required: the handshake proves that the caller has the key, and tollgate judges the chain.
fn handshake(own: &Own, place: &Place<'_>) -> Value {
    let value = json!({ "transport_socket": {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": false,
            "common_tls_context": { "validation_context": own.tls().at("validation_context") },
        },
    } });
    let operation = json!({ "operation": "MERGE", "value": value });
    let at = listener(place, json!({}));
    patch("FILTER_CHAIN", place, ("listener", at), operation)
}

/// A filter that is off, but where a route says otherwise: so it may be in all of these proxies, and can't be missing
/// where a port is another one than was thought.
fn filter(place: &Place<'_>, name: &str, config: &Value) -> Value {
    let value = json!({ "name": name, "disabled": true, "typed_config": config });
    let router = json!({ "name": MANAGER, "subFilter": { "name": "envoy.filters.http.router" } });
    let operation = json!({ "operation": "INSERT_BEFORE", "value": value });
    let at = json!({ "filterChain": { "filter": router } });
    patch("HTTP_FILTER", place, ("listener", at), operation)
}

/// What is decided about and removed on each route.
fn decided(settings: &Settings, own: &Own) -> Value {
    let mut policies = json!({
        (AUTHZ): {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
            "check_settings": {},
        },
        (PROC): own.host.at("typed_per_filter_config/envoy.filters.http.ext_proc"),
    });
    if !settings.allowed_origins.is_empty() {
        policies.put(CORS, own.cors().clone());
    }
    json!({
        "request_body_buffer_limit": own.host.at("request_body_buffer_limit"),
        "request_headers_to_remove": own.host.at("request_headers_to_remove"),
        "response_headers_to_remove": own.host.at("response_headers_to_remove"),
        "typed_per_filter_config": policies,
    })
}

/// What a route does: it leads to the backend, and only after the filters.
fn way(settings: &Settings, own: &Own, route: &Route, place: &Place<'_>) -> Value {
    let mut action = route.action.clone();
    if !settings.pooled {
        action.put("cluster", json!(cluster(settings, place)));
    }
    if action.get("upgrade_configs").is_none() {
        // On another route a WebSocket would pass without its body being read.
        action.put("upgrade_configs", own.manager.at("upgrade_configs").clone());
    }
    let mut value = decided(settings, own);
    value.put("route", action);
    if let Some(buffer) = &route.buffer {
        value.put("request_body_buffer_limit", buffer.clone());
    }
    value
}

/// What Istio calls the cluster of the first backend.
fn cluster(settings: &Settings, place: &Place<'_>) -> String {
    let first = settings.backends.first();
    let port = place.destination_port(first.map_or(0, |it| it.port));
    format!("outbound|{port}||{}", first.map_or("", host))
}
