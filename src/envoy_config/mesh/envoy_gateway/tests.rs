use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::mesh::testing::{Documents, get, placed, read, read_yaml, write};
use crate::envoy_config::mesh::{ControlPlane, manifests};
use crate::envoy_config::render::tests::{backend, service, settings};
use crate::envoy_config::settings::{Service, Settings, Tls, TollgateAddress};

fn written(settings: &Settings) -> Documents {
    read(&write(settings, ControlPlane::EnvoyGateway))
}

/// What is patched, by the last part of its path.
fn patched(all: &Documents) -> BTreeMap<String, Value> {
    let policy = get(all, "EnvoyPatchPolicy", "tollgate");
    let patches = policy["spec"]["jsonPatches"].as_array().expect("a list");
    let one = |it: &Value| {
        let path = it["operation"]["path"].as_str().unwrap_or_default();
        (path.to_owned(), it["operation"]["value"].clone())
    };
    patches.iter().map(one).collect()
}

#[test]
fn envoy_gateway_is_told_what_an_envoy_of_ones_own_has() {
    let all = written(&placed());
    let authz = &get(&all, "SecurityPolicy", "tollgate")["spec"]["extAuth"];
    assert_eq!(authz["failOpen"], false);
    assert_eq!(authz["statusOnError"], 503);
    assert_eq!(authz["timeout"], "1s");
    let shown = authz["headersToExtAuth"].as_array().expect("a list");
    for header in ["authorization", "api-key", "x-api-key", "content-length"] {
        assert!(shown.contains(&json!(header)), "{header}");
    }
    assert!(!shown.contains(&json!("x-forwarded-client-cert")));
    let proc = &get(&all, "EnvoyExtensionPolicy", "tollgate")["spec"]["extProc"][0];
    assert_eq!(proc["failOpen"], false);
    assert_eq!(proc["messageTimeout"], "5s");
    let mode = json!({ "allowModeOverride": true, "request": { "body": "Buffered" } });
    assert_eq!(proc["processingMode"], mode);
    let metadata = &proc["metadata"];
    assert_eq!(
        metadata["accessibleNamespaces"],
        json!(["envoy.filters.http.ext_authz"])
    );
    assert_eq!(metadata["writableNamespaces"], json!(["tollgate"]));
    let client = get(&all, "ClientTrafficPolicy", "tollgate");
    assert_eq!(client["metadata"]["namespace"], "gateways");
    let client = &client["spec"];
    assert_eq!(client["path"]["escapedSlashesAction"], "RejectRequest");
    assert_eq!(client["headers"]["withUnderscoresAction"], "RejectRequest");
    assert_eq!(
        client["headers"]["xForwardedClientCert"]["mode"],
        "Sanitize"
    );
    assert_eq!(client["tls"]["clientValidation"], Value::Null);
    let patched = patched(&all);
    for (path, value) in [
        ("/encode_raw_headers", json!(true)),
        ("/include_peer_certificate", json!(false)),
        ("/mutation_rules", json!({ "allow_envoy": true })),
        (
            "/response_attributes",
            json!(["upstream.request_attempt_count"]),
        ),
        ("/max_request_headers_kb", json!(32)),
    ] {
        assert_eq!(patched.get(path), Some(&value), "{path}");
    }
    for path in [
        "/grpc_service/initial_metadata",
        "/forward_rules",
        "/internal_address_config",
        "/local_reply_config",
        "/request_body_buffer_limit",
        "/response_headers_to_remove",
    ] {
        assert!(patched.get(path).is_some_and(|it| !it.is_null()), "{path}");
    }
    assert!(!patched.contains_key("/route"), "routes are as written");
    assert!(!patched.contains_key("/tracing/max_path_tag_length"));
}

#[test]
fn client_certificates_are_asked_for_and_shown() {
    let all = written(&Settings {
        certificates: true,
        ..placed()
    });
    let client = &get(&all, "ClientTrafficPolicy", "tollgate")["spec"];
    assert_eq!(client["tls"]["clientValidation"]["mode"], "Request");
    let shown = &client["headers"]["xForwardedClientCert"];
    assert_eq!(shown["mode"], "SanitizeSet");
    let details = shown["certDetailsToAdd"].as_array().expect("a list");
    assert!(details.contains(&json!("Chain")), "{details:?}");
    let authz = &get(&all, "SecurityPolicy", "tollgate")["spec"]["extAuth"];
    let headers = authz["headersToExtAuth"].as_array().expect("a list");
    assert!(headers.contains(&json!("x-forwarded-client-cert")));
    assert_eq!(
        patched(&all).get("/include_peer_certificate"),
        Some(&json!(true))
    );
}

#[test]
fn tollgate_is_where_tollgate_yaml_says() {
    let all = written(&placed());
    let spec = &get(&all, "Backend", "tollgate")["spec"];
    assert_eq!(spec["endpoints"][0]["unix"]["path"], "/run/t.sock");
    assert_eq!(spec["appProtocols"], json!(["gateway.envoyproxy.io/h2c"]));
    let all = written(&Settings {
        tollgate: Some(TollgateAddress::Service(service())),
        ..placed()
    });
    let spec = &get(&all, "Backend", "tollgate")["spec"];
    assert_eq!(spec["endpoints"][0]["fqdn"]["hostname"], "tollgate.svc");
    assert_eq!(
        spec["tls"]["clientCertificateRef"]["name"],
        "tollgate-client"
    );
    let asked = &get(&all, "SecurityPolicy", "tollgate")["spec"]["extAuth"]["grpc"];
    assert_eq!(asked["backendSettings"]["retry"]["numRetries"], 2);
    assert_eq!(
        asked["backendSettings"]["loadBalancer"]["type"],
        "RoundRobin"
    );
    // A replica that has died gets nothing for a while, and no second attempt.
    let patches = &get(&all, "EnvoyPatchPolicy", "tollgate")["spec"]["jsonPatches"];
    let patches = patches.as_array().expect("a list");
    for (path, value) in [
        ("/outlier_detection", "base_ejection_time"),
        ("/connection_keepalive", "interval"),
        ("/grpc_service/retry_policy/retry_host_predicate", "0"),
    ] {
        let is_it = |it: &&Value| {
            let to = it["operation"]["path"].as_str().unwrap_or_default();
            to.ends_with(path) && !it["operation"]["value"].at(value).is_null()
        };
        assert_eq!(patches.iter().filter(is_it).count(), 2, "{path}");
    }
    let policy = &get(&all, "BackendTLSPolicy", "tollgate")["spec"];
    assert_eq!(policy["validation"]["hostname"], "tollgate.svc");
    let authorities = &policy["validation"]["caCertificateRefs"][0]["name"];
    assert_eq!(authorities, "tollgate-authorities");
}

#[test]
fn a_certificate_of_a_backend_is_checked_by_its_authorities() {
    for (trusted_ca, wanted) in [
        ("/etc/ssl/certs/ca-certificates.crt", json!("System")),
        ("/own.pem", Value::Null),
    ] {
        let mut settings = placed();
        settings.backends[0].trusted_ca = trusted_ca.to_owned();
        let all = written(&settings);
        let policy = &get(&all, "BackendTLSPolicy", "azure-sweden")["spec"]["validation"];
        assert_eq!(policy["hostname"], "acme-sweden.openai.azure.com");
        assert_eq!(policy["wellKnownCACertificates"], wanted);
    }
}

#[test]
fn several_backends_are_chosen_from_by_the_same_rules() {
    let mut settings = placed().with_choice();
    settings.backends = vec![
        backend("sweden", "azure_openai.sweden"),
        backend("East_US", "azure_openai.East_US"),
    ];
    let text = write(&settings, ControlPlane::EnvoyGateway);
    let all = read(&text);
    get(&all, "Backend", "azure-sweden");
    // Not a name in Kubernetes.
    get(&all, "Backend", "azure.2");
    let patched = patched(&all);
    let action = patched.get("/route").expect("another action");
    assert_eq!(action["cluster_specifier_plugin"], "backends");
    assert_eq!(action["retry_policy"]["refresh_cluster_on_retry"], true);
    assert_eq!(
        patched.get("/include_request_attempt_count"),
        Some(&json!(true))
    );
    assert!(patched.contains_key("/cluster_specifier_plugins"));
    for cluster in ["azure_openai.sweden", "azure_openai.East_US"] {
        assert!(text.contains(&format!("name: {cluster}\n")), "{cluster}");
    }
}

#[test]
fn browsers_are_answered_where_origins_are_listed() {
    let rules = |settings: &Settings| {
        let all = written(settings);
        let rules = get(&all, "HTTPRoute", "tollgate")["spec"]["rules"].clone();
        let rules = rules.as_array().expect("a list").clone();
        let cors = get(&all, "SecurityPolicy", "tollgate")["spec"]["cors"].clone();
        let names = rules
            .iter()
            .map(|it| it["name"].as_str().expect("a name").to_owned());
        (names.collect::<Vec<_>>(), cors)
    };
    let (names, cors) = rules(&placed());
    assert_eq!(names, ["realtime", "audio", "openai", "rest"]);
    assert_eq!(cors, Value::Null);
    let (names, cors) = rules(&Settings {
        allowed_origins: vec!["https://app.example.com".to_owned()],
        ..placed()
    });
    assert_eq!(names, ["realtime", "audio", "openai", "preflight", "rest"]);
    assert_eq!(cors["allowOrigins"], json!(["https://app.example.com"]));
    assert_eq!(cors["allowCredentials"], false);
    assert_eq!(cors["allowMethods"], json!(["GET", "POST", "DELETE"]));
}

#[test]
fn what_can_not_be_written_is_an_error() {
    let error = |settings: &Settings| {
        let error =
            manifests(settings, ControlPlane::EnvoyGateway, read_yaml).expect_err("an error");
        error.to_string()
    };
    assert!(error(&settings()).contains("kubernetes: { gateway:"));
    let mut without = placed();
    if let Some(kubernetes) = &mut without.kubernetes {
        kubernetes.gateway = None;
    }
    assert!(error(&without).contains("kubernetes: { gateway:"));
    let nowhere = Settings {
        tollgate: None,
        ..placed()
    };
    assert!(error(&nowhere).contains("envoy: { tollgate: { address:"));
    let mut address = placed();
    address.backends[0].is_address = true;
    assert!(error(&address).contains("backend `sweden` has an address"));
}

#[test]
fn the_same_settings_give_the_same_text_and_a_hostile_value_stays_one_value() {
    let hostile = "x\"\n---\nkind: Evil #{{ listen }}'";
    let mut settings = Settings {
        certificates: true,
        allowed_origins: vec![hostile.to_owned()],
        user_headers: vec![hostile.to_owned()],
        tls: Some(Tls {
            certificate: hostile.to_owned(),
            key: hostile.to_owned(),
        }),
        tollgate: Some(TollgateAddress::Service(Service {
            certificate: hostile.to_owned(),
            ..service()
        })),
        ..placed()
    };
    settings.backends[0].host = Some(hostile.to_owned());
    settings.backends[0].trusted_ca = hostile.to_owned();
    let text = write(&settings, ControlPlane::EnvoyGateway);
    // In a comment each line of it is one, too.
    assert!(!text.contains("\n---\nkind: Evil"), "{text}");
    let all = read(&text);
    let backend = get(&all, "Backend", "azure-sweden");
    assert_eq!(backend["spec"]["endpoints"][0]["fqdn"]["hostname"], hostile);
}
