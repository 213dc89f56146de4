//! A real Envoy, and what doctor reads from its admin endpoint.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode};
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{
    Child, Envoy, EnvoyConfig, Launch, Options, Output, Stack, paths, wait_for,
};

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
    let mut envoy = EnvoyConfig::written_from(&config).await.expect("written");
    let gateway = rig.pki.server(&["localhost"]).expect("a certificate");
    let certificate = rig.write("gateway.pem", &gateway.certificate_pem);
    let key = rig.write("gateway.key", &gateway.key_pem);
    envoy.listen_on_loopback();
    envoy.certificate(&certificate, &key);
    envoy
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

/// What `tollgate envoy --watch` keeps in a folder, and an Envoy that follows it.
struct Following {
    config: PathBuf,
    folder: PathBuf,
    envoy: Envoy,
    watch: Child,
    _own: TempDir,
}

impl Following {
    async fn start(rig: &Rig) -> Self {
        let (port, folder) = (
            free_port().expect("a port"),
            rig.folder.path().join("files"),
        );
        let envoy = format!("envoy: {{ listen: \"127.0.0.1:{port}\", plaintext: true }}\n");
        let config = rig.write("tollgate.yaml", &(rig.yaml() + &envoy));
        let mut command = Command::new(paths::binary("tollgate").expect("built"));
        command.args(["envoy", "--config"]).arg(&config);
        command.arg("--watch").arg(&folder);
        let watch = Child::spawn("tollgate envoy", command, Output::Kept).expect("started");
        wait_for("the files", async || {
            (!watch.stdout().all().is_empty()).then_some(())
        })
        .await;
        let own = tempfile::tempdir().expect("a directory");
        let bootstrap = folder.join("envoy.yaml");
        let envoy = Envoy::start_with(&bootstrap, own.path(), Launch::default()).await;
        Self {
            config,
            folder,
            envoy: envoy.unwrap_or_else(|failure| panic!("{failure}")),
            watch,
            _own: own,
        }
    }

    async fn examine(&self, rig: &Rig) -> Diagnosis {
        let arguments = ["--envoy-admin", self.envoy.admin_url()];
        examine(&self.config, &rig.identity, &arguments).await
    }

    /// Puts another text in place of a file's, as whoever moves a file there does.
    fn replace(&self, name: &str, edit: impl Fn(String) -> String) {
        let (path, new) = (self.folder.join(name), self.folder.join("new"));
        let text = std::fs::read_to_string(&path).expect("a file");
        let edited = edit(text.clone());
        assert_ne!(text, edited, "{name} is as before");
        std::fs::write(&new, edited).expect("written");
        std::fs::rename(&new, &path).expect("moved");
    }

    async fn wait_for_stat(&self, name: &str, count: u64) {
        wait_for("Envoy to read its files", async || {
            let stat = self.envoy.stat(name).await;
            (stat.ok() == Some(count)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_envoy_that_follows_files_is_as_it_should_be() {
    let rig = Rig::start(sound()).await;
    let following = Following::start(&rig).await;
    let found = following.examine(&rig).await;
    found.assert_only(&[]);
    found.assert((ENVOY, "backends"), "ok", "azure_openai.sweden", "");
    found.assert((ENVOY, "updates"), "ok", "refused no change", "");
}

#[tokio::test]
async fn files_that_envoy_refuses_are_found() {
    let rig = Rig::start(sound()).await;
    let mut following = Following::start(&rig).await;
    following.watch.kill().await.expect("stopped");
    following.replace("clusters.yaml", |it| {
        it.replace("connect_timeout: 2s", "connect_timeout: -2s")
    });
    following.replace("routes.yaml", |it| {
        it.replace("prefix: /openai/", "prefixx: /openai/")
    });
    for refused in ["cluster_manager.cds", "http.callers.rds.openai"] {
        let name = format!("{refused}.update_rejected");
        following.wait_for_stat(&name, 1).await;
    }
    let at = (ENVOY, "updates");
    let found = following.examine(&rig).await;
    for of in ["clusters", "routes"] {
        let message = format!("has refused 1 of the changes of its {of}");
        found.assert(at, "warning", &message, "Envoy's log");
    }
    found.assert_only(&[at]);
    following.replace("listeners.yaml", |it| {
        it.replace("stat_prefix: callers", "stat_prefix: \"\"")
    });
    following
        .wait_for_stat("listener_manager.lds.update_rejected", 1)
        .await;
    let found = following.examine(&rig).await;
    found.assert(at, "error", "the last change of a listener", "Envoy's log");
    found.assert_only(&[at]);
}

/// A fault: what is changed, where it is found, and words of its message and of its advice.
type Fault = (
    &'static str,
    fn(&mut EnvoyConfig),
    &'static str,
    &'static str,
    &'static str,
);

fn authz(config: &mut EnvoyConfig) -> &mut Value {
    config.http_filter("envoy.filters.http.ext_authz")
}

fn proc(config: &mut EnvoyConfig) -> &mut Value {
    config.http_filter("envoy.filters.http.ext_proc")
}

fn host(config: &mut EnvoyConfig) -> &mut Value {
    let manager = config.connection_manager();
    &mut manager["route_config"]["virtual_hosts"][0]
}

fn backend(config: &mut EnvoyConfig) -> &mut Value {
    config.cluster("azure_openai")
}

/// Gives an HTTP filter another name.
fn named(config: &mut EnvoyConfig, name: &str, other: &str) {
    let filters = config.connection_manager()["http_filters"].as_array_mut();
    let mut filters = filters.expect("filters").iter_mut();
    let filter = filters.find(|it| it["name"] == name);
    filter.expect("it is there")["name"] = json!(other);
}

/// Takes some out of a list.
fn without(list: &mut Value, name: &str) {
    let items = list.as_array_mut().expect("a list");
    let before = items.len();
    items.retain(|it| it != name && it["exact"] != name);
    assert!(items.len() < before, "there was no {name}");
}

const FAULTS: [Fault; 24] = [
    (
        "ext_authz lets requests pass while tollgate is away",
        |config| authz(config)["failure_mode_allow"] = json!(true),
        "ext_authz",
        "`failure_mode_allow` of ext_authz on the listener callers is true, and not false",
        "set it to false",
    ),
    (
        "ext_proc lets requests pass while tollgate is away",
        |config| proc(config)["failure_mode_allow"] = json!(true),
        "ext_proc",
        "`failure_mode_allow` of ext_proc",
        "set it to false",
    ),
    (
        "a header that decides is not shown",
        |config| {
            without(
                &mut authz(config)["allowed_headers"]["patterns"],
                "x-api-key",
            )
        },
        "ext_authz",
        "lacks exact x-api-key",
        "add exact x-api-key",
    ),
    (
        "headers are merged",
        |config| authz(config)["encode_raw_headers"] = json!(false),
        "ext_authz",
        "`encode_raw_headers`",
        "set it to true",
    ),
    (
        "the filters are in another order",
        |config| {
            let filters = &mut config.connection_manager()["http_filters"];
            filters.as_array_mut().expect("filters").swap(1, 2);
        },
        "filters",
        "ext_proc comes before ext_authz",
        "in this order",
    ),
    (
        "ext_authz is missing",
        |config| config.remove_http_filter("envoy.filters.http.ext_authz"),
        "filters",
        "there is no ext_authz",
        "in this order",
    ),
    (
        "tollgate can't ask for answers",
        |config| proc(config)["allow_mode_override"] = json!(false),
        "ext_proc",
        "`allow_mode_override`",
        "set it to true",
    ),
    (
        "Envoy does not wait for the end of a stream",
        |config| proc(config)["message_timeout"] = json!("0.2s"),
        "ext_proc",
        "`message_timeout` of ext_proc on the listener callers is 0.200s, and not 5s",
        "set it to 5s",
    ),
    (
        "the decision does not reach ext_proc",
        |config| proc(config)["metadata_options"]["forwarding_namespaces"] = json!({}),
        "ext_proc",
        "lacks envoy.filters.http.ext_authz",
        "add envoy.filters.http.ext_authz",
    ),
    (
        "a header of the caller's is hidden from tollgate",
        |config| {
            let hidden = &mut proc(config)["forward_rules"]["disallowed_headers"]["patterns"];
            let hidden = hidden.as_array_mut().expect("a list");
            hidden.push(json!({ "prefix": "x-" }));
        },
        "ext_proc",
        "has prefix x-",
        "take prefix x- out of it",
    ),
    (
        "a credential is not removed",
        |config| {
            without(
                &mut host(config)["request_headers_to_remove"],
                "ocp-apim-subscription-key",
            )
        },
        "routes",
        "`request_headers_to_remove` lacks ocp-apim-subscription-key",
        "add ocp-apim-subscription-key",
    ),
    (
        "bodies are refused by Envoy",
        |config| host(config)["request_body_buffer_limit"] = json!(1_048_576),
        "routes",
        "`request_body_buffer_limit` of the virtual host openai is 1048576, and not 17825792",
        "set it to 17825792",
    ),
    (
        "a route goes round ext_authz",
        |config| {
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_authz": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                    "disabled": true,
                },
            });
        },
        "routes",
        "ext_authz is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "a route goes round an ext_authz of another name",
        |config| {
            named(config, "envoy.filters.http.ext_authz", "who-may-call");
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "who-may-call": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                    "disabled": true,
                },
            });
        },
        "routes",
        "ext_authz is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "a route goes round ext_proc, in Envoy's other way of writing it",
        |config| {
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_proc": {
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                    "config": {},
                    "disabled": true,
                },
            });
        },
        "routes",
        "ext_proc is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "a route to a cluster that a header names goes round ext_authz",
        |config| {
            let routes = host(config)["routes"].as_array_mut().expect("routes");
            let mut by_header = routes[3].clone();
            let route = by_header["route"].as_object_mut().expect("a route");
            route.remove("cluster");
            route.insert("cluster_header".to_owned(), json!("x-where"));
            by_header["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_authz": {
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                    "config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                        "disabled": true,
                    },
                },
            });
            routes.insert(3, by_header);
        },
        "routes",
        "ext_authz is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "pages of any origin may call on one route",
        |config| {
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "envoy.filters.http.cors": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
                    "allow_origin_string_match": [{ "prefix": "https://" }],
                },
            });
        },
        "routes",
        "has prefix https://",
        "take prefix https:// out of it",
    ),
    (
        "answers are cut off",
        |config| host(config)["routes"][3]["route"]["timeout"] = json!("15s"),
        "routes",
        "no `timeout: 0s`",
        "set `timeout: 0s`",
    ),
    (
        "a WebSocket may be on every route",
        |config| {
            config.connection_manager()["upgrade_configs"] =
                json!([{ "upgrade_type": "websocket" }])
        },
        "connections",
        "`upgrade_configs`",
        "on the route of realtime only",
    ),
    (
        "paths are not normalised",
        |config| config.connection_manager()["merge_slashes"] = json!(false),
        "connections",
        "`merge_slashes`",
        "set it to true",
    ),
    (
        "the file is stale: another address",
        |config| {
            *backend(config)
                .pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value")
                .expect("a port") = json!(1);
        },
        "backends",
        "the cluster azure_openai leads to 127.0.0.1:1, and the backend sweden is at 127.0.0.1:",
        "write Envoy's configuration again",
    ),
    (
        "the token goes out in the clear",
        |config| {
            let cluster = backend(config).as_object_mut().expect("a cluster");
            cluster.remove("transport_socket").expect("it was there");
        },
        "backends",
        "has no TLS",
        "transport_socket",
    ),
    (
        "a certificate of any name is good",
        |config| {
            let tls = &mut backend(config)["transport_socket"]["typed_config"];
            let validation = &mut tls["common_tls_context"]["validation_context"];
            let validation = validation.as_object_mut().expect("a context");
            let names = "match_typed_subject_alt_names";
            validation.remove(names).expect("names");
        },
        "backends",
        "accepts a certificate of any name",
        "auto_sni_san_validation",
    ),
    (
        "another tollgate is asked",
        |config| config.tollgate_socket(std::path::Path::new("/run/other/tollgate.sock")),
        "tollgate",
        "ext_proc asks unix:/run/other/tollgate.sock",
        "they must ask the same one",
    ),
];

#[tokio::test]
async fn each_fault_of_an_envoy_is_found_with_what_to_do() {
    let rig = Rig::start(sound()).await;
    for (what, edit, check, message, advice) in FAULTS {
        let mut config = written(&rig, &rig.yaml()).await;
        edit(&mut config);
        let found = diagnose(&rig, &config, &rig.yaml()).await;
        println!("{what}");
        found.assert((ENVOY, check), "error", message, advice);
        found.assert_only(&[(ENVOY, check)]);
        assert_eq!(found.code, Some(1), "{what}");
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
    let mut config = written(&rig, &pooled(&rig)).await;
    let cluster = config.cluster("azure_openai.east");
    let lua = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0/typed_config/default_source_code/inline_string";
    *cluster.pointer_mut(lua).expect("Lua") = json!("-- nothing");
    let found = diagnose(&rig, &config, &pooled(&rig)).await;
    let message = "the cluster azure_openai.east does not have the Lua filter";
    found.assert((ENVOY, "backends"), "error", message, "again");
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
