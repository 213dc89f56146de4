use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{Config, read_yaml};
use crate::doctor::finding::{Check, Outcome};
use crate::envoy_config::{Part, Version, render};

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

fn examined(config: &Value, settings: Settings, version: Option<&str>) -> Vec<Check> {
    let running = Running {
        version: version.and_then(Version::read),
        dump: Dump::parse(&dumped(config)).expect("a dump"),
        refused: Some(Vec::new()),
    };
    let mut subject = Subject::new("envoy");
    compare(&running, settings, &mut subject);
    subject.into_checks()
}

fn problems_in(config: &Value, settings: Settings, version: &str) -> Vec<Check> {
    let checks = examined(config, settings, Some(version)).into_iter();
    checks.filter(|it| it.result > Outcome::Ok).collect()
}

fn problems(config: &Value, settings: Settings) -> Vec<Check> {
    problems_in(config, settings, "1.40.0")
}

/// Settings for an Envoy of a version.
fn version(mut settings: Settings, version: &str) -> Settings {
    settings.version = Some(Version::parse(version).expect("a version"));
    settings
}

#[test]
fn what_is_written_has_no_problem() {
    for settings in [
        settings(ONE),
        two(),
        version(settings(ONE), "1.38"),
        version(two(), "1.38"),
        version(two().with_choice(), "1.38"),
        version(two(), "1.39"),
    ] {
        let found = problems(&written(&settings), settings);
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn an_envoy_is_compared_with_what_fits_its_version() {
    let in_order = written(&version(two(), "1.38"));
    let refreshes = written(&two());
    let one = written(&settings(ONE));
    let pooled = || version(two(), "1.40");
    for (config, settings, running, expected) in [
        // Written with --envoy-version.
        (&in_order, two(), "1.38.3", None),
        (&in_order, version(two(), "1.38"), "1.38.3", None),
        (&one, settings(ONE), "1.37.0", None),
        (&refreshes, two(), "1.39.0", None),
        (&in_order, two(), "1.40.0", Some("fixed order")),
        (&refreshes, two(), "1.41.0", Some("newer")),
        (
            &one,
            settings(ONE),
            "1.36.0",
            Some("nothing was tried with it"),
        ),
        (&in_order, pooled(), "1.38.3", Some("chooses anew")),
    ] {
        let found = problems_in(config, settings, running);
        let Some(words) = expected else {
            assert!(found.is_empty(), "{running}: {found:#?}");
            continue;
        };
        let [found] = found.as_slice() else {
            panic!("{running}: {found:#?}")
        };
        assert_eq!(found.check, "version");
        assert!(found.message.contains(words), "{running}: {found:?}");
        let is_error = words == "chooses anew";
        assert_eq!(found.result == Outcome::Error, is_error, "{found:?}");
    }
    // One backend has become two: the file must be written for this Envoy.
    let found = problems_in(&one, two(), "1.38.3");
    let of_version: Vec<_> = found.iter().filter(|it| it.check == "version").collect();
    assert_eq!(of_version.len(), 1, "{found:#?}");
    let advice = of_version[0].advice.as_deref().unwrap_or_default();
    assert!(advice.contains("version: \"1.38\""), "{advice}");
    let unknown = examined(&one, settings(ONE), None);
    let of_version = unknown.iter().find(|it| it.check == "version");
    assert_eq!(of_version.map(|it| it.result), Some(Outcome::Warning));
}

#[test]
fn a_version_is_the_second_of_what_envoy_says() {
    for (text, number) in [
        ("9e5580/1.40.0/Clean/RELEASE/BoringSSL", Some("1.40")),
        ("9e5580/1.41.7-dev/Modified/DEBUG/BoringSSL", Some("1.41")),
        ("9e5580/1.33.0/Clean/RELEASE/BoringSSL", Some("1.33")),
        ("1.40.0", None),
        ("a/b/c", None),
        ("", None),
    ] {
        let read = super::version::read(text).map(|it| it.to_string());
        assert_eq!(read.as_deref(), number, "{text}");
    }
}

#[test]
fn a_fixed_order_is_compared_as_a_whole() {
    let first = "/static_resources/clusters/1";
    let second = format!("{first}/load_assignment/endpoints/1");
    let socket = format!("{first}/transport_socket_matches/1/transport_socket");
    let validation = format!("{socket}/typed_config/common_tls_context/validation_context");
    for (path, value, words) in [
        (
            format!("{second}/priority"),
            json!(0),
            "leads to a.openai.azure.com:443 and b.openai.azure.com:443,",
        ),
        (
            format!("{second}/lb_endpoints/0/endpoint/address/socket_address/address"),
            json!("c.example"),
            "then c.example:443",
        ),
        (
            format!("{second}/lb_endpoints/0/metadata"),
            json!({}),
            "to b.openai.azure.com:443, has no TLS",
        ),
        (socket, json!({}), "to b.openai.azure.com:443, has no TLS"),
        (
            format!("{validation}/trusted_ca"),
            Value::Null,
            "to b.openai.azure.com:443, trusts every certificate",
        ),
    ] {
        let settings = version(two(), "1.38");
        let mut config = written(&settings);
        *config
            .pointer_mut(&path)
            .unwrap_or_else(|| panic!("no {path}")) = value;
        let found = problems(&config, settings);
        assert_eq!(found.len(), 1, "{path}: {found:#?}");
        assert_eq!(found[0].check, "backends");
        assert!(found[0].message.contains(words), "{found:#?}");
    }
}

#[test]
fn backends_are_compared_as_the_service_compares_them() {
    let named = |yaml: &str| settings(yaml);
    let bare = |mut settings: Settings| {
        settings.backends[0].host = None;
        settings.backends[0].port = 0;
        settings
    };
    let one = || settings(ONE);
    let renamed = named(&ONE.replace("name: sweden", "name: other"));
    let moved = named(&ONE.replace("a.openai", "c.openai"));
    let mut turned = two();
    turned.backends.reverse();
    let words = |config: &Settings, own: Settings| {
        let found = problems(&written(config), own).into_iter();
        let of_backends = |it: &Check| {
            let mut parts = ["for other backends", "has no `endpoint`"].into_iter();
            parts.any(|part| it.message.contains(part))
        };
        let found = found.filter(of_backends);
        found.map(|it| it.message).collect::<Vec<_>>().join("\n")
    };
    for (config, own) in [
        // The only backend is what it leads to, whatever is known of it.
        (one(), bare(one())),
        (one(), renamed),
        (two(), turned.clone()),
    ] {
        assert_eq!(words(&config, own), "");
    }
    assert!(words(&one(), moved).contains("for other backends"));
    let in_order = version(two(), "1.38");
    assert!(words(&in_order, version(turned, "1.38")).contains("for other backends"));
    let choice = one().with_choice();
    let found = words(&choice, bare(one()));
    assert!(found.contains("has no `endpoint`"), "{found}");
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
        if Dump::parse(&dumped(&config)).is_some() {
            examined(&config, two(), Some("1.40.0"));
        }
    }
}

#[test]
fn an_envoy_that_does_not_trace_as_it_is_to_or_shows_queries_is_found() {
    let traced = ONE.replace(
        "envoy: {",
        "envoy: { tracing: { collector: \"http://127.0.0.1:4317\" },",
    );
    let traced = settings(&traced);
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let good = written(&traced);
    assert!(problems(&good, traced.clone()).is_empty());
    let found = |config: &Value| {
        let found = problems(config, traced.clone());
        let [found] = &found[..] else {
            panic!("one problem: {found:?}")
        };
        assert_eq!(found.result, Outcome::Warning);
        found.message.clone()
    };
    let none = written(&settings(ONE));
    assert!(found(&none).contains("has no `tracing`"));
    let mut shows = good;
    let tracing = shows
        .pointer_mut(&format!("{manager}/tracing"))
        .expect("it");
    tracing["max_path_tag_length"] = json!(256);
    assert!(found(&shows).contains("show paths with their queries"));
}

#[test]
fn an_envoy_that_asks_a_shared_tollgate_elsewhere_is_found() {
    let shared = ONE.replace(
        "envoy: {",
        "envoy: { tollgate: { address: \"tollgate.svc:9000\", certificate: /a.crt, key: /a.key, ca_file: /ca.crt },",
    );
    let settings = settings(&shared);
    let mut config = written(&settings);
    assert_eq!(problems(&config, settings.clone()), []);
    let cluster = "/static_resources/clusters/0/load_assignment/endpoints/0/lb_endpoints";
    let replicas = config.pointer_mut(cluster).expect("the service");
    let one = replicas[0].clone();
    let mut other = one.clone();
    other["endpoint"]["address"]["socket_address"]["address"] = json!("10.1.2.3");
    *replicas = json!([one, other]);
    let found = problems(&config, settings);
    let said = &found.first().expect("found").message;
    assert!(
        said.contains("`envoy.tollgate` at tollgate.svc:9000"),
        "{said}"
    );
}
