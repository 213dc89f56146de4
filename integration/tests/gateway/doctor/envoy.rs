//! A real Envoy, and what doctor reads from its admin endpoint.

mod faults;
mod following;

use serde_json::{Value, json};
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode};
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{Envoy, EnvoyConfig, Launch, Options, Stack};

use super::{Diagnosis, Rig, examine, sound};

const ENVOY: &str = "envoy";

/// A second backend, at the same address: it is never asked.
fn pooled(rig: &Rig) -> String {
    let other = format!(
        "  - {{ name: east, endpoint: \"{}\", ca_file: authority.pem }}\nclients:",
        rig.azure.url()
    );
    let pools =
        "pools: [ { deployment: gpt-4o, backends: [ { name: sweden }, { name: east } ] } ]\n";
    rig.yaml().replacen("clients:", &other, 1) + pools
}

/// What `tollgate envoy` writes from a tollgate.yaml, with a certificate and on free ports.
async fn written(rig: &Rig, yaml: &str) -> EnvoyConfig {
    let config = rig.write("tollgate.yaml", yaml);
    let mut envoy = EnvoyConfig::written_from(&config, &[])
        .await
        .expect("written");
    let gateway = rig.pki.server(&["localhost"]).expect("a certificate");
    let certificate = rig.write("gateway.pem", &gateway.certificate_pem);
    let key = rig.write("gateway.key", &gateway.key_pem);
    envoy.listen_on_loopback();
    envoy.certificate(&certificate, &key);
    envoy
}

fn host(config: &mut EnvoyConfig) -> &mut Value {
    let manager = config.connection_manager();
    &mut manager["route_config"]["virtual_hosts"][0]
}

/// Starts an Envoy, and looks at it with a tollgate.yaml.
async fn diagnose(rig: &Rig, config: &EnvoyConfig, yaml: &str) -> Diagnosis {
    let own = tempfile::tempdir().expect("a directory");
    let envoy = Envoy::start(config, own.path(), Launch::default()).await;
    let envoy = envoy.unwrap_or_else(|failure| panic!("{failure}"));
    let config = rig.write("tollgate.yaml", yaml);
    let arguments = ["--envoy-admin", envoy.admin_url()];
    examine(&config, &rig.identity, &arguments).await
}

#[tokio::test]
async fn a_healthy_gateway_has_no_error_and_no_warning() {
    let admin = free_port().expect("a port");
    let options = Options::default()
        .azure(sound())
        .edit_config(move |yaml| {
            let yaml = yaml.replace("127.0.0.1:0", &format!("127.0.0.1:{admin}"));
            yaml + "data_directory: data\n"
        })
        .edit_envoy(|config| {
            let proc = config.http_filter("envoy.filters.http.ext_proc");
            let unseen = proc.pointer_mut("/forward_rules/disallowed_headers/patterns");
            let unseen = unseen.and_then(Value::as_array_mut).expect("a list");
            // What lets the switches of the fakes through.
            unseen.retain(|it| it["prefix"] != "x-fake-");
        });
    let stack = Stack::start(options).await;
    let arguments = ["--envoy-admin", stack.envoy.admin_url()];
    let found = examine(stack.config_path(), &stack.identity, &arguments).await;
    assert!(found.problems().is_empty(), "{:#?}", found.problems());
    assert_eq!(found.code, Some(0));
    found.assert(("service", "readiness"), "ok", "it is ready", "");
    found.assert(("service", "version"), "ok", env!("CARGO_PKG_VERSION"), "");
    for check in [
        "admin",
        "version",
        "updates",
        "filters",
        "connections",
        "ext_authz",
        "ext_proc",
        "routes",
        "tollgate",
        "backends",
    ] {
        found.assert((ENVOY, check), "ok", "", "");
    }
}

#[tokio::test]
async fn what_tollgate_envoy_writes_is_as_it_should_be() {
    let rig = Rig::start(sound()).await;
    let origins = "envoy: { allowed_origins: [\"https://app.example\"], trusted_hops: 1 }\n";
    let in_order = pooled(&rig) + "envoy: { version: \"1.38\" }\n";
    for yaml in [rig.yaml(), pooled(&rig), rig.yaml() + origins, in_order] {
        let config = written(&rig, &yaml).await;
        let found = diagnose(&rig, &config, &yaml).await;
        found.assert_only(&[]);
    }
}

#[tokio::test]
async fn an_envoy_for_other_backends_is_found() {
    let rig = Rig::start(sound()).await;
    let of_two = written(&rig, &pooled(&rig)).await;
    let found = diagnose(&rig, &of_two, &rig.yaml()).await;
    found.assert(
        (ENVOY, "routes"),
        "error",
        "is for other backends",
        "--watch",
    );
    // It has a choice of backends, and for the one that there is by now it is right.
    found.assert_only(&[(ENVOY, "routes")]);
    let of_one = written(&rig, &rig.yaml()).await;
    let found = diagnose(&rig, &of_one, &pooled(&rig)).await;
    let message = "there is no cluster azure_openai.east";
    found.assert((ENVOY, "backends"), "error", message, "again");
    // Other Lua, and the same Lua where it should not be left out.
    let matchers = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0/typed_config/xds_matcher/matcher_list/matchers/0";
    let code =
        "/on_match/action/typed_config/typed_config/typed_config/default_source_code/inline_string";
    let first = "/predicate/not_matcher/and_matcher/predicate/1/single_predicate/value_match";
    for (part, other) in [
        (code, json!("-- nothing")),
        (first, json!({ "prefix": "," })),
    ] {
        let mut config = written(&rig, &pooled(&rig)).await;
        let cluster = config.cluster("azure_openai.east");
        *cluster
            .pointer_mut(&format!("{matchers}{part}"))
            .expect("a matcher") = other;
        let found = diagnose(&rig, &config, &pooled(&rig)).await;
        let message = "the cluster azure_openai.east does not have the filters";
        found.assert((ENVOY, "backends"), "error", message, "again");
    }
}

#[tokio::test]
async fn an_envoy_that_has_nothing_of_tollgates_is_found() {
    let rig = Rig::start(sound()).await;
    let mut config = written(&rig, &rig.yaml()).await;
    config.remove_http_filter("envoy.filters.http.ext_authz");
    config.remove_http_filter("envoy.filters.http.ext_proc");
    let policies = &mut host(&mut config)["typed_per_filter_config"];
    policies
        .as_object_mut()
        .expect("policies")
        .remove("envoy.filters.http.ext_proc");
    let found = diagnose(&rig, &config, &rig.yaml()).await;
    let message = "no listener of this Envoy has the filters";
    found.assert((ENVOY, "filters"), "error", message, "tollgate envoy");
    found.assert_only(&[(ENVOY, "filters")]);
}

#[tokio::test]
async fn what_is_not_an_envoy_is_said() {
    let rig = Rig::start(sound()).await;
    let config = rig.write("tollgate.yaml", &rig.yaml());
    let other = FakeIssuer::start(&[]).await;
    let examine = async |url: &str| examine(&config, &rig.identity, &["--envoy-admin", url]).await;
    let at = (ENVOY, "admin");
    let found = examine(&other.url()).await;
    found.assert(
        at,
        "error",
        "does not answer as Envoy does",
        "--envoy-admin",
    );
    other.set_mode(IssuerMode::Endless);
    let found = examine(&other.url()).await;
    found.assert(at, "error", "more than 1048576 bytes", "--envoy-admin");
    let away = format!("http://127.0.0.1:{}", free_port().expect("a port"));
    let found = examine(&away).await;
    found.assert(at, "error", "it can't be asked", "--envoy-admin");
    found.assert_only(&[at]);
    assert_eq!(found.code, Some(1));
    for wrong in [
        "127.0.0.1:9901",
        "ftp://127.0.0.1",
        "http://u:p@127.0.0.1",
        "http://a/x",
    ] {
        let found = examine(wrong).await;
        assert_eq!(found.code, Some(2), "{wrong}: {}", found.printed);
    }
}
