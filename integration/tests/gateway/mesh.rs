//! What an Envoy must have, whoever configures it: `make mesh-test` runs these through the Envoys that the control
//! planes of meshes configure.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_integration::stack::{EnvoyConfig, Options, Stack, mesh};

const AUTHZ: &str = "envoy.filters.http.ext_authz";
const PROC: &str = "envoy.filters.http.ext_proc";
const ORIGIN: &str = "https://app.example.com";

/// Whether `there` has all that `own` says; what Envoy takes by default may be missing.
fn holds(there: &Value, own: &Value, path: &str, missing: &mut Vec<String>) {
    match own {
        Value::Object(members) => {
            for (name, member) in members {
                holds(&there[name], member, &format!("{path}/{name}"), missing);
            }
        }
        Value::Array(items) => {
            let others = there.as_array().map(Vec::as_slice).unwrap_or_default();
            if items.len() != others.len() {
                missing.push(format!("{path}: {own} is wanted, and there is {there}"));
                return;
            }
            for (number, (item, other)) in items.iter().zip(others).enumerate() {
                holds(other, item, &format!("{path}/{number}"), missing);
            }
        }
        own if own == there => {}
        // What Envoy takes where nothing is said.
        own if there.is_null() && is_default(own) => {}
        own => missing.push(format!("{path}: {own} is wanted, and there is {there}")),
    }
}

fn is_default(value: &Value) -> bool {
    [json!(false), json!("NONE"), json!("SKIP"), json!("EQ")].contains(value)
}

/// A filter, without where tollgate is.
fn filter(config: &mut EnvoyConfig, name: &str) -> Value {
    let mut filter = config.http_filter(name).clone();
    filter["grpc_service"]["envoy_grpc"] = Value::Null;
    if name == PROC {
        // Its timeout is that of messages.
        filter["grpc_service"] = Value::Null;
        let unseen = &mut filter["forward_rules"]["disallowed_headers"]["patterns"];
        let patterns = unseen.as_array_mut().expect("a list");
        patterns.retain(|it| *it != json!({ "prefix": "x-fake-" }));
    }
    filter
}

/// The one virtual host.
fn host(config: &mut EnvoyConfig) -> Value {
    config.connection_manager()["route_config"]["virtual_hosts"][0].clone()
}

/// What holds for a route, by itself or by its host.
fn effective(host: &Value, route: &Value, name: &str) -> Value {
    match &route[name] {
        Value::Null => host[name].clone(),
        own => own.clone(),
    }
}

fn policy(host: &Value, route: &Value, filter: &str) -> Option<Value> {
    [route, host].into_iter().find_map(|level| {
        let policies = level["typed_per_filter_config"].as_object()?;
        let mut all = policies.iter();
        let found = all.find(|(name, _)| name.starts_with(filter))?;
        Some(found.1.clone())
    })
}

#[tokio::test]
async fn the_filters_are_set_as_in_an_envoy_of_ones_own() {
    let stack = Stack::start(Options::default().envoy_as_written()).await;
    let mut own = EnvoyConfig::written_from(stack.config_path(), &[])
        .await
        .expect("a configuration");
    let mut there = stack.envoy_config().clone();
    let mut missing = Vec::new();
    for name in [AUTHZ, PROC] {
        let (own, there) = (filter(&mut own, name), filter(&mut there, name));
        holds(&there, &own, name, &mut missing);
    }
    let manager = own.connection_manager().clone();
    for name in [
        "normalize_path",
        "merge_slashes",
        "path_with_escaped_slashes_action",
        "internal_address_config",
        "max_request_headers_kb",
        "common_http_protocol_options",
        "http2_protocol_options",
        "request_headers_timeout",
        "request_timeout",
        "stream_idle_timeout",
        "always_set_request_id_in_response",
        "local_reply_config",
        "use_remote_address",
    ] {
        let there = &there.connection_manager()[name];
        holds(there, &manager[name], name, &mut missing);
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What the runtime says that an Envoy is started with, by its names.
fn runtime(config: &EnvoyConfig) -> BTreeMap<String, String> {
    let layers = config.0["layered_runtime"]["layers"].as_array();
    let layers = layers.into_iter().flatten();
    let values = layers
        .filter_map(|it| it["static_layer"].as_object())
        .flatten();
    // Istio has texts where Envoy has numbers, and Envoy takes both.
    let text = |it: &Value| {
        it.as_str()
            .map_or_else(|| it.to_string(), ToOwned::to_owned)
    };
    values.map(|(name, it)| (name.clone(), text(it))).collect()
}

#[tokio::test]
async fn it_is_started_with_the_limits_of_an_envoy_of_ones_own() {
    let stack = Stack::start(Options::default().envoy_as_written()).await;
    let own = EnvoyConfig::written_from(stack.config_path(), &[]).await;
    let own = runtime(&own.expect("a configuration"));
    assert_eq!(own.len(), 3, "{own:?}");
    let there = runtime(stack.envoy_config());
    for (name, value) in own {
        assert_eq!(there.get(&name), Some(&value), "{name}");
    }
}

#[tokio::test]
async fn every_route_is_decided_about_and_limited_as_in_an_envoy_of_ones_own() {
    let stack = Stack::start(Options::default().envoy_as_written()).await;
    let mut own = EnvoyConfig::written_from(stack.config_path(), &[])
        .await
        .expect("a configuration");
    let mut there = stack.envoy_config().clone();
    let (own_host, host) = (host(&mut own), host(&mut there));
    let manager = there.connection_manager().clone();
    let filters = manager["http_filters"].as_array().expect("a list");
    let is_off = |name: &str| {
        let mut of_it = filters
            .iter()
            .filter(|it| it["name"].as_str().is_some_and(|it| it.starts_with(name)));
        of_it.any(|it| it["disabled"] == true)
    };
    let mut missing = Vec::new();
    for route in host["routes"].as_array().expect("a list") {
        for name in [AUTHZ, PROC] {
            if is_off(name) && policy(&host, route, name).is_none() {
                missing.push(format!("{name} is off on {route}"));
            }
        }
        // Others lead nowhere.
        if route["route"]["auto_host_rewrite"] != true {
            continue;
        }
        let regex = &route["match"]["safe_regex"]["regex"];
        let mut all = own_host["routes"].as_array().expect("a list").iter();
        let own = all.find(|it| {
            it["route"]["auto_host_rewrite"] == true && it["match"]["safe_regex"]["regex"] == *regex
        });
        let Some(own) = own else {
            missing.push(format!("no such route is wanted: {route}"));
            continue;
        };
        for name in [
            "request_body_buffer_limit",
            "response_headers_to_remove",
            "request_headers_to_remove",
        ] {
            let (wanted, found) = (
                effective(&own_host, own, name),
                effective(&host, route, name),
            );
            // A number may be a text.
            let text = |value: &Value| value.to_string().replace('"', "");
            let is_all = match (wanted.as_array(), found.as_array()) {
                (Some(wanted), Some(found)) => wanted.iter().all(|it| found.contains(it)),
                _ => text(&wanted) == text(&found),
            };
            if !is_all {
                missing.push(format!("{name}: {wanted} is wanted, and there is {found}"));
            }
        }
        for name in ["timeout", "idle_timeout", "max_stream_duration"] {
            holds(
                &route["route"][name],
                &own["route"][name],
                name,
                &mut missing,
            );
        }
        let upgrades = effective(&manager, &route["route"], "upgrade_configs");
        let wanted = effective(own_manager(), &own["route"], "upgrade_configs");
        holds(&upgrades, &wanted, "upgrade_configs", &mut missing);
        // The harness takes it out of an Envoy of one's own, whose backends are elsewhere.
        if mesh::platform().is_some() {
            let told = policy(&host, route, PROC).unwrap_or_default();
            let told = &told["overrides"]["grpc_initial_metadata"];
            let policies = &own_host["typed_per_filter_config"];
            let wanted = &policies[PROC]["overrides"]["grpc_initial_metadata"];
            holds(told, wanted, "grpc_initial_metadata", &mut missing);
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What a connection manager has where a route says nothing of WebSockets.
fn own_manager() -> &'static Value {
    static OWN: std::sync::LazyLock<Value> = std::sync::LazyLock::new(
        || json!({ "upgrade_configs": [{ "upgrade_type": "websocket", "enabled": false }] }),
    );
    &OWN
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_decided_about_too() {
    let stack = Stack::start(Options::default().envoy_as_written()).await;
    for path in ["/", "/elsewhere", "/openai", "/openaix/deployments"] {
        let url = stack.callers.url(path);
        let answer = stack
            .callers
            .http1()
            .get(url)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
    }
    assert_eq!(stack.azure.ledger().len(), 0);
}

#[tokio::test]
async fn pages_of_a_listed_origin_may_call_and_others_may_not() {
    let options = Options::default()
        .envoy_as_written()
        .edit_config(|yaml| format!("{yaml}envoy:\n  allowed_origins: [\"{ORIGIN}\"]\n"));
    let stack = Stack::start(options).await;
    for (origin, allowed) in [(ORIGIN, Some(ORIGIN)), ("https://evil.example", None)] {
        let url = stack.callers.url(tollgate_integration::stack::CHAT_PATH);
        let asked = stack
            .callers
            .http1()
            .request(reqwest::Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "api-key");
        let answer = asked.send().await.expect("an answer");
        let said = answer.headers().get("access-control-allow-origin");
        assert_eq!(said.and_then(|it| it.to_str().ok()), allowed, "{origin}");
        // A refusal is readable, too.
        let refused = stack.chat(&json!({})).header("api-key", "wrong");
        let refused = refused.header("origin", origin).send().await.expect("one");
        assert!(refused.status().is_client_error());
        let said = refused.headers().get("access-control-allow-origin");
        assert_eq!(said.and_then(|it| it.to_str().ok()), allowed, "{origin}");
    }
    assert_eq!(stack.azure.ledger().len(), 0);
}

/// What somebody may forget to paste, or a control plane may not take: of a mesh alone.
fn forgotten() -> &'static [&'static [&'static str]] {
    match mesh::platform().as_deref() {
        Some("envoy-gateway") => &[
            &["EnvoyPatchPolicy"],
            &["SecurityPolicy", "EnvoyPatchPolicy"],
            &["EnvoyExtensionPolicy", "EnvoyPatchPolicy"],
        ],
        Some("istio") => &[&["EnvoyFilter"], &["VirtualService"]],
        // Without its routes the workload asks Azure itself, as it may anyway.
        Some(_) => &[&["EnvoyFilter"]],
        None => &[],
    }
}

#[tokio::test]
async fn what_is_forgotten_lets_no_credential_and_nothing_undecided_out() {
    for kinds in forgotten() {
        let stack = Stack::start(Options::default().without_manifests(kinds)).await;
        let body = json!({ "messages": [{ "role": "user", "content": "hello" }] });
        let url = stack.callers.url(tollgate_integration::stack::CHAT_PATH);
        let nobody = || stack.callers.http1().post(&url).json(&body);
        // What is patched besides makes the decisions sound, and they are made without it, too.
        let may_pass = *kinds == ["EnvoyPatchPolicy"];
        for (request, may_pass) in [
            (stack.chat(&body), may_pass),
            (nobody().bearer_auth("wrong"), false),
            (nobody(), false),
        ] {
            let answer = request.send().await.expect("an answer");
            assert!(may_pass || !answer.status().is_success(), "{kinds:?}");
        }
        for request in stack.azure.requests() {
            let shown = format!("{:?}", request.headers);
            assert!(!shown.contains("wrong"), "{kinds:?}: {shown}");
            assert!(!shown.contains(stack.key.text()), "{kinds:?}: {shown}");
        }
    }
}
