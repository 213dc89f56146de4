use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{Config, read_yaml};
use crate::doctor::finding::{Check, Outcome};
use crate::envoy_config::{Part, render};

const ONE: &str = r#"
listen: { grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:9090", client_certificates: xfcc }
identity: { managed_identity: {} }
backends: [ { name: sweden, endpoint: "https://a.openai.azure.com" } ]
clients: [ { id: a, credentials: [ { certificate: { pinned_sha256: "0000000000000000000000000000000000000000000000000000000000000000" } } ], products: [p] } ]
products: [ { id: p, deployments: [d], operations: [embeddings] } ]
envoy: { allowed_origins: ["https://app.example"] }
"#;

fn settings(yaml: &str) -> Settings {
    let config = Config::parse("tollgate.yaml", yaml, Path::new("/"));
    config.unwrap_or_else(|error| panic!("{error}")).envoy
}

fn two() -> Settings {
    let both = ONE.replace(
        " } ]\nclients",
        " }, { name: east, endpoint: \"https://b.openai.azure.com\" } ]\nclients",
    );
    settings(&both)
}

/// A configuration as Envoy dumps it.
fn dumped(config: &Value) -> Vec<u8> {
    let all = |name: &str, item: &str| {
        let items = list(value::at(config, &format!("static_resources/{name}"))).iter();
        items.map(|it| json!({ item: it })).collect::<Vec<_>>()
    };
    let dump = json!({ "configs": [
        { "@type": "a.ListenersConfigDump", "static_listeners": all("listeners", "listener") },
        { "@type": "a.ClustersConfigDump", "static_clusters": all("clusters", "cluster") },
    ] });
    dump.to_string().into_bytes()
}

fn list(value: Option<&Value>) -> &[Value] {
    value::list(value)
}

fn written(settings: &Settings) -> Value {
    let text = render(settings, Part::Whole).expect("written");
    read_yaml(&text).expect("YAML")
}

fn problems(config: &Value, settings: Settings) -> Vec<Check> {
    let dump = Dump::parse(&dumped(config)).expect("a dump");
    let mut subject = Subject::new("envoy");
    compare(&dump, settings, &mut subject);
    let checks = subject.into_checks().into_iter();
    checks.filter(|it| it.result > Outcome::Ok).collect()
}

#[test]
fn what_is_written_has_no_problem() {
    for settings in [settings(ONE), two()] {
        let found = problems(&written(&settings), settings);
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn a_backend_without_an_endpoint_is_compared_in_the_rest() {
    let full = settings(ONE);
    let mut bare = full.clone();
    bare.backends[0].host = None;
    bare.backends[0].port = 0;
    let found = problems(&written(&full), bare);
    // Which backends there are is not known.
    assert!(found.iter().all(|it| it.check == "routes"), "{found:#?}");
}

#[test]
fn certificates_and_the_choice_of_backends_are_looked_at() {
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let tls = "/static_resources/listeners/0/filter_chains/0/transport_socket/typed_config";
    let host = format!("{manager}/route_config/virtual_hosts/0");
    for (path, found_in) in [
        (
            format!("{manager}/forward_client_cert_details"),
            "connections",
        ),
        (
            format!("{manager}/set_current_client_cert_details/chain"),
            "connections",
        ),
        (
            format!("{tls}/common_tls_context/validation_context"),
            "connections",
        ),
        (format!("{manager}/use_remote_address"), "connections"),
        (format!("{host}/include_request_attempt_count"), "routes"),
        (format!("{host}/response_headers_to_remove/0"), "routes"),
        (
            format!("{host}/routes/2/request_body_buffer_limit"),
            "routes",
        ),
        (
            format!("{manager}/route_config/cluster_specifier_plugins"),
            "routes",
        ),
        (
            "/static_resources/clusters/0/circuit_breakers".to_owned(),
            "tollgate",
        ),
        (
            "/static_resources/clusters/1/circuit_breakers".to_owned(),
            "backends",
        ),
        (
            "/static_resources/clusters/2/load_assignment".to_owned(),
            "backends",
        ),
    ] {
        let mut config = written(&two());
        *config
            .pointer_mut(&path)
            .unwrap_or_else(|| panic!("no {path}")) = Value::Null;
        let found = problems(&config, two());
        assert!(!found.is_empty(), "{path}: nothing is found");
        assert!(
            found.iter().all(|it| it.check == found_in),
            "{path}: {found:#?}"
        );
    }
}

/// The pointers of all values below one.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{at}/{name}"), all);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_an_envoy_has_is_only_compared(
        at in prop::collection::vec((any::<prop::sample::Index>(), 0..7_usize), 1..6),
    ) {
        let odd = [json!(null), json!([]), json!({}), json!("-1s"), json!(-7), json!(true), json!([[{}], 1e300])];
        let mut config = written(&two());
        for (place, kind) in at {
            let mut all = Vec::new();
            pointers(&config, "", &mut all);
            let place = &all[place.index(all.len())];
            if let (Some(value), Some(odd)) = (config.pointer_mut(place), odd.get(kind)) {
                *value = odd.clone();
            }
        }
        if let Some(dump) = Dump::parse(&dumped(&config)) {
            compare(&dump, two(), &mut Subject::new("envoy"));
        }
    }
}
