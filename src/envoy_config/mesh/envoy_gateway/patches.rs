//! What the policies can't say: changes of what Envoy Gateway makes of them.

use serde_json::{Value, json};

use super::{API, GATEWAY_GROUP, Input, NAME, meta};
use crate::envoy_config::mesh::Document;
use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::mesh::own::HTTP_OPTIONS;

const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

pub(super) fn document(input: &Input<'_>) -> Document {
    let mut patches = manager(input);
    patches.extend(authz(input));
    patches.extend(proc(input));
    patches.extend(replicas(input));
    if input.settings.pooled {
        // The routes name what is chosen from.
        patches.extend(pool(input));
    }
    patches.extend(routes(input));
    let value = json!({
        "apiVersion": API,
        "kind": "EnvoyPatchPolicy",
        "metadata": meta(NAME, &input.gateway.namespace),
        "spec": {
            "type": "JSONPatch",
            "targetRef": {
                "group": GATEWAY_GROUP,
                "kind": "Gateway",
                "name": input.gateway.name,
            },
            "jsonPatches": patches,
        },
    });
    Document::new(
        "What no policy can say. The names are those that Envoy Gateway gives without `XDSNameSchemeV2`; where it finds\nnone of them, the status of this object says so (`Programmed: False`).",
        value,
    )
}

/// What Envoy Gateway calls the listener, its filter chain and its routes.
fn listener(input: &Input<'_>) -> String {
    let gateway = input.gateway;
    format!(
        "{}/{}/{}",
        gateway.namespace, gateway.name, gateway.listener
    )
}

/// Adds a member, or puts another one in its place.
fn put(input: &Input<'_>, kind: &str, json_path: &str, path: &str, value: &Value) -> Value {
    let mut operation = json!({ "op": "add", "path": path, "value": value });
    if !json_path.is_empty() {
        operation.put("jsonPath", json!(json_path));
    }
    json!({ "type": kind, "name": listener(input), "operation": operation })
}

/// The connection manager of the listener alone: others may share its port.
fn manager_path(input: &Input<'_>) -> String {
    let chain = match input.settings.tls {
        Some(_) => format!("filter_chains[?(@.name=='{}')]", listener(input)),
        None => "default_filter_chain".to_owned(),
    };
    format!(
        "$.{chain}.filters[?(@.name=='envoy.filters.network.http_connection_manager')].typed_config"
    )
}

fn filter_path(input: &Input<'_>, name: &str) -> String {
    format!(
        "{}.http_filters[?(@.name=='{name}')].typed_config",
        manager_path(input)
    )
}

fn manager(input: &Input<'_>) -> Vec<Value> {
    let own = &input.own.manager;
    let path = manager_path(input);
    let one = |to: &str, value: &Value| put(input, LISTENER, &path, to, value);
    let mut all = vec![
        // No address counts as internal.
        one(
            "/internal_address_config",
            own.at("internal_address_config"),
        ),
        one("/max_request_headers_kb", own.at("max_request_headers_kb")),
        one(
            "/common_http_protocol_options/max_headers_count",
            own.at("common_http_protocol_options/max_headers_count"),
        ),
        one("/always_set_request_id_in_response", &json!(true)),
        one("/server_header_transformation", &json!("OVERWRITE")),
        one("/server_name", own.at("server_name")),
        one("/local_reply_config", own.at("local_reply_config")),
    ];
    if input.settings.tracing.is_some() {
        // `EnvoyProxy` says where spans go; they show no path with its query, where a caller may have put a key.
        all.push(one("/tracing/max_path_tag_length", &json!(0)));
    }
    all
}

/// What Envoy Gateway calls the filter.
fn authz_name(input: &Input<'_>) -> String {
    let namespace = &input.kubernetes.namespace;
    format!("envoy.filters.http.ext_authz/securitypolicy/{namespace}/{NAME}")
}

fn authz(input: &Input<'_>) -> Vec<Value> {
    let own = &input.own.authz;
    let path = filter_path(input, &authz_name(input));
    let one = |to: &str, value: &Value| put(input, LISTENER, &path, to, value);
    vec![
        one("/encode_raw_headers", own.at("encode_raw_headers")),
        one(
            "/include_peer_certificate",
            own.at("include_peer_certificate"),
        ),
        one("/validate_mutations", own.at("validate_mutations")),
        one(
            "/grpc_service/initial_metadata",
            own.at("grpc_service/initial_metadata"),
        ),
        one("/grpc_service/envoy_grpc/skip_envoy_headers", &json!(true)),
    ]
}

/// What Envoy Gateway calls the filter.
fn proc_name(input: &Input<'_>) -> String {
    format!(
        "envoy.filters.http.ext_proc/envoyextensionpolicy/{}/{NAME}/extproc/0",
        input.kubernetes.namespace
    )
}

fn proc(input: &Input<'_>) -> Vec<Value> {
    let own = &input.own.proc;
    let path = filter_path(input, &proc_name(input));
    let one = |to: &str, value: &Value| put(input, LISTENER, &path, to, value);
    vec![
        one("/mutation_rules", own.at("mutation_rules")),
        one("/response_attributes", own.at("response_attributes")),
        one("/forward_rules", own.at("forward_rules")),
        one("/grpc_service/envoy_grpc/skip_envoy_headers", &json!(true)),
    ]
}

/// Where tollgate has replicas: one that has died gets nothing, and what was meant for it goes to another one.
fn replicas(input: &Input<'_>) -> Vec<Value> {
    if input.own.service().is_none() {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (name, own) in [
        (authz_name(input), &input.own.authz),
        (proc_name(input), &input.own.proc),
    ] {
        let path = filter_path(input, &name);
        for member in ["retry_host_predicate", "host_selection_retry_max_attempts"] {
            let member = format!("grpc_service/retry_policy/{member}");
            let to = format!("/{member}");
            all.push(put(input, LISTENER, &path, &to, own.at(&member)));
        }
    }
    let own = &input.own.tollgate;
    let keepalive =
        format!("{HTTP_OPTIONS}/explicit_http_config/http2_protocol_options/connection_keepalive");
    let namespace = &input.kubernetes.namespace;
    for cluster in [
        format!("securitypolicy/{namespace}/{NAME}/extauth/0"),
        format!("envoyextensionpolicy/{namespace}/{NAME}/extproc/0"),
    ] {
        for member in ["outlier_detection", &keepalive] {
            let operation =
                json!({ "op": "add", "path": format!("/{member}"), "value": own.at(member) });
            all.push(json!({ "type": CLUSTER, "name": cluster, "operation": operation }));
        }
    }
    all
}

/// The routes of one rule: there may be one for each name, method and path.
fn route_path(input: &Input<'_>, rule: usize) -> String {
    format!(
        "$.virtual_hosts[*].routes[?(@.name =~ /^httproute[\\/]{}[\\/]{NAME}[\\/]rule[\\/]{rule}[\\/]/)]",
        input.kubernetes.namespace
    )
}

fn routes(input: &Input<'_>) -> Vec<Value> {
    let own = input.own;
    let mut all = Vec::new();
    for (number, route) in own.routes.iter().enumerate() {
        let path = route_path(input, number);
        let mut one = |to: &str, value: &Value| all.push(put(input, ROUTES, &path, to, value));
        let ordinary = own.host.at("request_body_buffer_limit");
        one(
            "/request_body_buffer_limit",
            route.buffer.as_ref().unwrap_or(ordinary),
        );
        one(
            "/response_headers_to_remove",
            own.host.at("response_headers_to_remove"),
        );
        let upgrades = match route.action.get("upgrade_configs") {
            Some(upgrades) => upgrades.clone(),
            // On another route a WebSocket would pass without its body being read.
            None => own.manager.at("upgrade_configs").clone(),
        };
        if input.settings.pooled {
            let mut action = route.action.clone();
            action.put("upgrade_configs", upgrades);
            one("/route", &action);
        } else {
            one("/route/upgrade_configs", &upgrades);
        }
        // The backends that this Envoy leads to: tollgate sends a request to no other.
        let escaped = proc_name(input).replace('/', "~1");
        let policy = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
            "overrides": { "grpc_initial_metadata": own.initial_metadata() },
        });
        one(&format!("/typed_per_filter_config/{escaped}"), &policy);
    }
    all
}

/// The choice of a backend for each attempt, and the clusters that it chooses from.
fn pool(input: &Input<'_>) -> Vec<Value> {
    let own = input.own;
    let clusters = own.clusters.iter().map(|cluster| {
        let operation = json!({ "op": "add", "path": "", "value": cluster });
        json!({ "type": CLUSTER, "name": cluster.at("name"), "operation": operation })
    });
    let count = put(
        input,
        ROUTES,
        "$.virtual_hosts[*]",
        "/include_request_attempt_count",
        &json!(true),
    );
    let mut all: Vec<_> = clusters.collect();
    let choice = own.manager.at("route_config/cluster_specifier_plugins");
    all.push(put(input, ROUTES, "", "/cluster_specifier_plugins", choice));
    all.push(count);
    all
}
