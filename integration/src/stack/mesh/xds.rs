//! xDS as a control plane would send it → a file that Envoy starts with.

use serde_json::{Map, Value, json};

use super::Surroundings;
use crate::stack::config::EnvoyConfig;
use crate::stack::failure::Failure;

/// What Envoy Gateway calls the secret of Envoy's certificate, and the authorities of tollgate's.
const CLIENT_SECRET: &str = "tollgate/tollgate-client";
const AUTHORITIES: &str = "tollgate/tollgate-ca";

/// What a control plane has for one Envoy.
pub(super) struct Xds {
    pub(super) listeners: Vec<Value>,
    pub(super) routes: Vec<Value>,
    pub(super) clusters: Vec<Value>,
    pub(super) endpoints: Vec<Value>,
    /// The layers of the runtime that it is started with.
    pub(super) runtime: Vec<Value>,
}

/// Puts it into one file, with the addresses and certificates that a test has.
pub(super) fn bootstrap(found: Xds, surroundings: &Surroundings) -> Result<EnvoyConfig, Failure> {
    let untyped = |all: Vec<Value>| all.into_iter().map(untyped).collect::<Vec<_>>();
    let (listeners, routes) = (untyped(found.listeners), untyped(found.routes));
    let (mut clusters, endpoints) = (untyped(found.clusters), untyped(found.endpoints));
    // Envoy Gateway has one more, for probes.
    let is_probes = |it: &Value| it["name"].as_str().is_some_and(|it| it.contains("-ready-"));
    let listeners: Vec<_> = listeners.into_iter().filter(|it| !is_probes(it)).collect();
    let [mut listener] = <[Value; 1]>::try_from(listeners).map_err(|all| {
        let names: Vec<_> = all.iter().map(|it| it["name"].to_string()).collect();
        Failure::new("one listener is wanted, not", names.join(", "))
    })?;
    let manager = manager(&mut listener)
        .ok_or_else(|| Failure::new("the listener", "has no connection manager"))?;
    let name = manager["rds"]["route_config_name"].clone();
    let route = routes.into_iter().find(|it| it["name"] == name);
    let route = route.ok_or_else(|| Failure::new("no routes of the name", &name))?;
    if let Some(manager) = manager.as_object_mut() {
        manager.remove("rds");
        manager.insert("route_config".to_owned(), route);
    }
    // It is the operator's and not tollgate's; the tests read this one.
    manager["access_log"] = EnvoyConfig::standalone()?.connection_manager()["access_log"].take();
    for cluster in &mut clusters {
        settle(cluster, &endpoints);
    }
    let all = json!({
        "admin": { "address": {} },
        "static_resources": { "listeners": [listener], "clusters": clusters },
        "layered_runtime": { "layers": found.runtime },
    });
    let all = with_secrets(all, surroundings);
    let all = surroundings.names.iter().fold(all, |all, (name, at)| {
        // What tollgate is told, and what choices and filters of clusters are made by: where a backend is.
        let (name, at) = (format!("{name}:443"), at.to_string());
        let lua = |text: &str| text.replace(':', "\\058");
        let all = replaced(all, &name, &at);
        let all = replaced(all, &lua(&name), &lua(&at));
        replaced(all, &escaped(&name), &escaped(&at))
    });
    let mut config = EnvoyConfig(all);
    config.listen_on_loopback();
    Ok(config)
}

/// A resource as it is in a file, where its place says its type.
fn untyped(mut resource: Value) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.remove("@type");
    }
    resource
}

/// The connection manager of a listener with one filter chain, wherever that is.
fn manager(listener: &mut Value) -> Option<&mut Value> {
    let members = listener.as_object_mut()?;
    // A sidecar's gets its connections from another one.
    members.remove("bind_to_port");
    let default = members.remove("default_filter_chain");
    if let (Some(chain), None) = (default, members.get("filter_chains")) {
        listener["filter_chains"] = json!([chain]);
    }
    let chain = listener.pointer("/filter_chains/0")?;
    if chain["transport_socket"].is_null() {
        with_tls(listener);
    }
    let filters = listener.pointer_mut("/filter_chains/0/filters")?;
    let filters = filters.as_array_mut()?;
    // A limit of connections stands before it; tests look for the manager in the first place.
    filters.retain(|it| it["name"] == "envoy.filters.network.http_connection_manager");
    filters.first_mut()?.get_mut("typed_config")
}

/// Those who ask through a sidecar use no TLS, by which it knows them; the callers of the tests do.
fn with_tls(listener: &mut Value) {
    if let Some(members) = listener.as_object_mut() {
        members.remove("listener_filters");
    }
    if let Some(Value::Object(chain)) = listener.pointer_mut("/filter_chains/0") {
        chain.remove("filter_chain_match");
        let tls = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificate_sds_secret_configs": [],
                },
            },
        });
        chain.insert("transport_socket".to_owned(), tls);
    }
}

/// Endpoints of a service of their own become part of the cluster.
fn settle(cluster: &mut Value, endpoints: &[Value]) {
    if cluster["type"] != "EDS" {
        return;
    }
    let service = &cluster["eds_cluster_config"]["service_name"];
    let name = match service.is_string() {
        true => service.clone(),
        false => cluster["name"].clone(),
    };
    let found = endpoints.iter().find(|it| it["cluster_name"] == name);
    if let (Some(cluster), Some(found)) = (cluster.as_object_mut(), found) {
        cluster.remove("eds_cluster_config");
        cluster.insert("type".to_owned(), json!("STATIC"));
        cluster.insert("load_assignment".to_owned(), found.clone());
    }
}

/// Secrets as files, and addresses of names: what a cluster's own services would say.
fn with_secrets(value: Value, surroundings: &Surroundings) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Map<_, _> = members
                .into_iter()
                .map(|(name, member)| (name, with_secrets(member, surroundings)))
                .collect();
            secrets(&mut members, surroundings);
            resolve(&mut members, surroundings);
            Value::Object(members)
        }
        Value::Array(items) => {
            let items = items.into_iter();
            items.map(|it| with_secrets(it, surroundings)).collect()
        }
        other => other,
    }
}

fn secrets(members: &mut Map<String, Value>, surroundings: &Surroundings) {
    if let Some(asked) = members.remove("tls_certificate_sds_secret_configs") {
        let is_clients = asked[0]["name"] == CLIENT_SECRET;
        let (chain, key) = match &surroundings.client {
            Some(client) if is_clients => (&client.certificate, &client.key),
            _ => (&surroundings.certificate.0, &surroundings.certificate.1),
        };
        let pair = json!({
            "certificate_chain": { "filename": chain }, "private_key": { "filename": key },
        });
        members.insert("tls_certificates".to_owned(), json!([pair]));
    }
    let trusted = json!({ "filename": surroundings.authority });
    if let Some(asked) = members.remove("validation_context_sds_secret_config") {
        let own = members.remove("default_validation_context");
        let mut own = own.unwrap_or_else(|| json!({}));
        own["trusted_ca"] = match &surroundings.client {
            Some(client) if asked["name"] == AUTHORITIES => {
                json!({ "filename": client.authorities })
            }
            _ => trusted.clone(),
        };
        members.insert("validation_context".to_owned(), own);
    }
    let combined = members.remove("combined_validation_context");
    if let Some(Value::Object(mut own)) = combined
        && let Some(context) = own.remove("validation_context")
    {
        members.insert("validation_context".to_owned(), context);
    }
    if let Some(file) = members.get_mut("trusted_ca")
        && file["filename"] == "/etc/ssl/certs/ca-certificates.crt"
    {
        *file = trusted;
    }
}

/// An endpoint with the name of a backend gets its address, and keeps the name for its certificate.
fn resolve(members: &mut Map<String, Value>, surroundings: &Surroundings) {
    let address = members
        .get("address")
        .and_then(|it| it.get("socket_address"));
    let host = address.and_then(|it| it["address"].as_str());
    let mut known = surroundings.names.iter();
    let Some((name, at)) = host.and_then(|host| known.find(|(name, _)| name == host)) else {
        return;
    };
    let at = json!({ "socket_address": {
        "address": at.ip().to_string(), "port_value": at.port(),
    } });
    let name = json!(name);
    members.insert("hostname".to_owned(), name);
    members.insert("address".to_owned(), at);
}

/// A text as it is in a regular expression that means it.
fn escaped(text: &str) -> String {
    let characters = text.chars();
    let escaped = characters.map(|it| match it.is_ascii_alphanumeric() {
        true => it.to_string(),
        false => format!("\\{it}"),
    });
    escaped.collect()
}

/// In texts and in the names of members: some of those are values of headers.
fn replaced(value: Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(from, to)),
        Value::Object(members) => {
            let members = members.into_iter();
            members
                .map(|(name, it)| (name.replace(from, to), replaced(it, from, to)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(|it| replaced(it, from, to)).collect(),
        other => other,
    }
}

/// The names of members as Envoy's files have them: Envoy takes both, but tests look for one.
pub(super) fn snake(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let all = members
                .iter()
                .map(|(name, it)| (snake_name(name), snake(it)));
            Value::Object(all.collect())
        }
        Value::Array(items) => items.iter().map(snake).collect(),
        other => other.clone(),
    }
}

/// `requestHeaderMode` → `request_header_mode`; keys of maps, which are names of things, stay.
fn snake_name(name: &str) -> String {
    let is_member = name.chars().all(|it| it.is_ascii_alphanumeric())
        && name.starts_with(|it: char| it.is_ascii_lowercase());
    if !is_member {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    // `consecutive_5xx`: before digits there is nothing to see.
    match out.strip_suffix("5xx") {
        Some(rest) => format!("{rest}_5xx"),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_the_names_of_files() {
        let value = json!({ "http2Options": [{ "typedConfig": { "@type": "aB" } }], "a.bC": 1, "enforcingConsecutive5xx": 0 });
        let wanted = json!({ "http2_options": [{ "typed_config": { "@type": "aB" } }], "a.bC": 1, "enforcing_consecutive_5xx": 0 });
        assert_eq!(snake(&value), wanted);
    }
}
