use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::envoy_config::mesh::testing::{Documents, get, placed, read, read_yaml, write};
use crate::envoy_config::mesh::{ControlPlane, manifests};
use crate::envoy_config::render::tests::{backend, service};
use crate::envoy_config::settings::{Settings, Sidecars, TollgateAddress};

fn written(settings: &Settings) -> Documents {
    read(&write(settings, ControlPlane::Istio))
}

/// The values of the patches of a kind.
fn patches(all: &Documents, name: &str, kind: &str) -> Vec<Value> {
    let spec = &get(all, "EnvoyFilter", name)["spec"];
    let patches = spec["configPatches"].as_array().expect("a list").iter();
    let of_it = patches.filter(|it| it["applyTo"] == kind);
    of_it.map(|it| it["patch"]["value"].clone()).collect()
}

fn with_sidecars() -> Settings {
    let mut settings = placed();
    if let Some(kubernetes) = &mut settings.kubernetes {
        kubernetes.gateway = None;
        kubernetes.sidecars = Some(Sidecars {
            namespace: "apps".to_owned(),
            port: 8080,
            pods: BTreeMap::from([("app".to_owned(), "chat".to_owned())]),
        });
    }
    settings
}

#[test]
fn a_gateway_has_the_filters_of_an_envoy_of_ones_own_and_they_are_off_elsewhere() {
    let all = written(&placed());
    let filter = get(&all, "EnvoyFilter", "tollgate");
    assert_eq!(filter["metadata"]["namespace"], "gateways");
    let selector = &filter["spec"]["workloadSelector"]["labels"];
    assert_eq!(*selector, json!({ "istio": "ingressgateway" }));
    let filters = patches(&all, "tollgate", "HTTP_FILTER");
    let names: Vec<_> = filters
        .iter()
        .map(|it| it["name"].as_str().expect("a name"))
        .collect();
    // In this order, and before the router.
    let wanted = [
        "envoy.filters.http.ext_authz/tollgate",
        "envoy.filters.http.ext_proc/tollgate",
    ];
    assert_eq!(names, wanted);
    assert!(filters.iter().all(|it| it["disabled"] == true));
    let (authz, proc) = (&filters[0]["typed_config"], &filters[1]["typed_config"]);
    assert_eq!(authz["failure_mode_allow"], false);
    assert_eq!(authz["encode_raw_headers"], true);
    assert_eq!(authz["status_on_error"]["code"], "ServiceUnavailable");
    assert_eq!(proc["failure_mode_allow"], false);
    assert_eq!(proc["processing_mode"]["request_body_mode"], "BUFFERED");
    let manager = &patches(&all, "tollgate", "NETWORK_FILTER")[0]["typed_config"];
    assert_eq!(
        manager["path_with_escaped_slashes_action"],
        "REJECT_REQUEST"
    );
    assert_eq!(manager["tracing"]["max_path_tag_length"], 0);
    let common = &manager["common_http_protocol_options"];
    assert_eq!(common["headers_with_underscores_action"], "REJECT_REQUEST");
    assert!(patches(&all, "tollgate", "FILTER_CHAIN").is_empty());
    let routes = patches(&all, "tollgate", "HTTP_ROUTE");
    let off = json!([{ "upgrade_type": "websocket", "enabled": false }]);
    let leading = routes.iter().filter(|it| it["route"].is_object());
    let upgrades: Vec<_> = leading.map(|it| &it["route"]["upgrade_configs"]).collect();
    assert_eq!(
        upgrades,
        [&json!([{ "upgrade_type": "websocket" }]), &off, &off]
    );
}

#[test]
fn a_route_has_its_way_from_the_patch_that_has_the_filters_on() {
    let all = written(&Settings {
        allowed_origins: vec!["https://app.example.com".to_owned()],
        ..placed()
    });
    let service = &get(&all, "VirtualService", "tollgate")["spec"];
    let routes = service["http"].as_array().expect("a list");
    // Nothing leads anywhere by itself.
    assert!(routes.iter().all(|it| it["directResponse"].is_object()));
    let names = routes.iter().map(|it| it["name"].as_str().expect("a name"));
    let names: Vec<_> = names.collect();
    let spec = &get(&all, "EnvoyFilter", "tollgate")["spec"];
    let patches = spec["configPatches"].as_array().expect("a list").iter();
    let patches: Vec<_> = patches.filter(|it| it["applyTo"] == "HTTP_ROUTE").collect();
    let at = |it: &Value| it["match"]["routeConfiguration"]["vhost"]["route"]["name"].clone();
    let patched: Vec<_> = patches.iter().map(|it| at(it)).collect();
    assert_eq!(patched, names);
    for patch in patches {
        let value = &patch["patch"]["value"];
        for name in [
            "envoy.filters.http.ext_authz/tollgate",
            "envoy.filters.http.ext_proc/tollgate",
        ] {
            assert!(
                value["typed_per_filter_config"][name].is_object(),
                "{patch}"
            );
        }
        let removed = value["request_headers_to_remove"]
            .as_array()
            .expect("a list");
        assert!(removed.contains(&json!("api-key")));
    }
}

#[test]
fn destinations_have_tls_and_only_the_proxies_see_them() {
    let all = written(&placed());
    let rule = &get(&all, "DestinationRule", "tollgate-azure-sweden")["spec"];
    assert_eq!(rule["exportTo"], json!(["gateways"]));
    let tls = &rule["trafficPolicy"]["portLevelSettings"][0]["tls"];
    assert_eq!(tls["mode"], "SIMPLE");
    assert_eq!(tls["caCertificates"], "/ca.pem");
    assert_eq!(
        tls["subjectAltNames"],
        json!(["acme-sweden.openai.azure.com"])
    );
    let entry = &get(&all, "ServiceEntry", "tollgate-azure-sweden")["spec"];
    assert_eq!(entry["ports"][0]["number"], 443);
    assert_eq!(entry["exportTo"], json!(["gateways"]));
    let service = &get(&all, "VirtualService", "tollgate")["spec"];
    assert_eq!(service["gateways"], json!(["gateways/eg"]));
    assert_eq!(service["hosts"], json!(["*"]));
    let last = service["http"]
        .as_array()
        .and_then(|it| it.last())
        .expect("one");
    assert_eq!(last["directResponse"]["status"], 404);
    assert!(last["match"].is_null());
}

#[test]
fn certificates_of_callers_are_asked_for_at_a_gateway() {
    let all = written(&Settings {
        certificates: true,
        ..placed()
    });
    let chain = &patches(&all, "tollgate", "FILTER_CHAIN")[0];
    let tls = &chain["transport_socket"]["typed_config"];
    let validation = &tls["common_tls_context"]["validation_context"];
    assert_eq!(validation["trust_chain_verification"], "ACCEPT_UNTRUSTED");
    let manager = &patches(&all, "tollgate", "NETWORK_FILTER")[0]["typed_config"];
    assert_eq!(manager["forward_client_cert_details"], "SANITIZE_SET");
    assert_eq!(manager["set_current_client_cert_details"]["chain"], true);
}

#[test]
fn routes_of_plain_http_are_known_by_their_names() {
    let all = written(&Settings {
        tls: None,
        ..placed()
    });
    let spec = &get(&all, "EnvoyFilter", "tollgate")["spec"];
    let patches = spec["configPatches"].as_array().expect("a list").iter();
    let routes = patches.filter(|it| it["applyTo"] == "HTTP_ROUTE");
    for patch in routes {
        let at = &patch["match"]["routeConfiguration"];
        assert!(at["gateway"].is_null() && at["vhost"]["route"]["name"].is_string());
    }
}

#[test]
fn sidecars_ask_at_a_port_of_their_own() {
    let all = written(&with_sidecars());
    let filter = get(&all, "EnvoyFilter", "tollgate-egress");
    assert_eq!(filter["metadata"]["namespace"], "apps");
    let patches = filter["spec"]["configPatches"].as_array().expect("a list");
    assert!(
        patches
            .iter()
            .all(|it| it["match"]["context"] == "SIDECAR_OUTBOUND")
    );
    let entry = &get(&all, "ServiceEntry", "tollgate-egress-azure-sweden")["spec"];
    let port = json!({
        "name": "http-azure", "number": 8080, "protocol": "HTTP", "targetPort": 443,
    });
    assert_eq!(entry["ports"], json!([port]));
    assert_eq!(entry["exportTo"], json!(["apps"]));
    let service = &get(&all, "VirtualService", "tollgate-egress")["spec"];
    assert_eq!(service["gateways"], json!(["mesh"]));
    assert_eq!(service["hosts"], json!(["acme-sweden.openai.azure.com"]));
}

#[test]
fn a_service_is_asked_by_a_cluster_with_tls() {
    let all = written(&Settings {
        tollgate: Some(TollgateAddress::Service(service())),
        ..placed()
    });
    let cluster = &patches(&all, "tollgate", "CLUSTER")[0];
    assert_eq!(cluster["name"], "tollgate");
    let tls = &cluster["transport_socket"]["typed_config"];
    assert_eq!(tls["sni"], "tollgate.svc");
}

#[test]
fn several_backends_are_clusters_that_the_routes_choose_from() {
    let mut settings = placed().with_choice();
    settings.backends = vec![
        backend("sweden", "azure_openai.sweden"),
        backend("east", "azure_openai.east"),
    ];
    let all = written(&settings);
    let clusters = patches(&all, "tollgate", "CLUSTER");
    let names: Vec<_> = clusters
        .iter()
        .map(|it| it["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        names,
        ["tollgate", "azure_openai.sweden", "azure_openai.east"]
    );
    let entries = all.iter().filter(|(_, it)| it["kind"] == "ServiceEntry");
    assert_eq!(
        entries.count(),
        1,
        "each would be a way without the filters"
    );
    let plugins = &patches(&all, "tollgate", "ROUTE_CONFIGURATION")[0];
    assert!(plugins["cluster_specifier_plugins"].is_array());
    for route in patches(&all, "tollgate", "HTTP_ROUTE") {
        if route["route"].is_null() {
            continue;
        }
        assert_eq!(route["route"]["cluster_specifier_plugin"], "backends");
        assert_eq!(
            route["route"]["retry_policy"]["refresh_cluster_on_retry"],
            true
        );
    }
}

#[test]
fn what_can_not_be_written_is_an_error() {
    let mut nowhere = with_sidecars();
    if let Some(kubernetes) = &mut nowhere.kubernetes {
        kubernetes.sidecars = None;
    }
    let error = manifests(&nowhere, ControlPlane::Istio, read_yaml).expect_err("an error");
    assert!(error.to_string().contains("sidecars: {"), "{error}");
    let mut address = placed();
    address.backends[0].is_address = true;
    let error = manifests(&address, ControlPlane::Istio, read_yaml).expect_err("an error");
    assert!(
        error
            .to_string()
            .contains("backend `sweden` has an address")
    );
}
