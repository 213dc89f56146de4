//! `envoy/standalone.yaml` as a value: what users copy, changed only where a test must change it.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::failure::Failure;
use super::paths::{binary, repository};

/// The cluster of tollgate in `envoy/standalone.yaml`.
pub const TOLLGATE_CLUSTER: &str = "tollgate";
/// The cluster of Azure OpenAI in `envoy/standalone.yaml`.
pub const BACKEND_CLUSTER: &str = "azure_openai";

const LISTENER: &str = "/static_resources/listeners/0";
const FILTER_CHAIN: &str = "/static_resources/listeners/0/filter_chains/0";
const CONNECTION_MANAGER: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// Where the backend of a test is.
#[derive(Clone, Copy, Debug)]
pub struct Backend<'a> {
    /// Its address.
    pub address: SocketAddr,
    /// The name that Envoy puts in the host header and in SNI.
    pub host: &'a str,
    /// The PEM file of the authority that signed its certificate; `None` is plain HTTP.
    pub authority: Option<&'a Path>,
}

/// An Envoy configuration. Its methods panic where the file lacks what they change: a test that
/// silently changes nothing would prove nothing.
#[derive(Clone, Debug)]
pub struct EnvoyConfig(pub Value);

impl EnvoyConfig {
    /// Reads `envoy/standalone.yaml`.
    pub fn standalone() -> Result<Self, Failure> {
        Self::read(&repository("envoy/standalone.yaml"))
    }

    /// Reads `envoy/standalone-mtls.yaml`.
    pub fn standalone_mtls() -> Result<Self, Failure> {
        Self::read(&repository("envoy/standalone-mtls.yaml"))
    }

    /// Reads `envoy/pools.yaml`.
    pub fn pools() -> Result<Self, Failure> {
        Self::read(&repository("envoy/pools.yaml"))
    }

    /// What `tollgate envoy` writes from a tollgate.yaml, with these environment variables.
    pub async fn written_from(
        config: &Path,
        environment: &[(String, String)],
    ) -> Result<Self, Failure> {
        let mut command = Command::new(binary("tollgate")?);
        command.arg("envoy").arg("--config").arg(config);
        let environment = environment.iter();
        command.envs(environment.map(|(name, value)| (name, value)));
        let failed = |error: &dyn std::fmt::Display| Failure::new("tollgate envoy", error);
        let output = command.output().await.map_err(|error| failed(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match output.status.success() {
            true => serde_saphyr::from_str(&text)
                .map(Self)
                .map_err(|error| failed(&error)),
            false => Err(failed(&String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// What makes `envoy/standalone.yaml` ask for client certificates: all the difference between the
    /// two files.
    pub fn ask_for_certificates(&mut self) {
        let tls = self.at(&format!("{FILTER_CHAIN}/transport_socket/typed_config"));
        tls["require_client_certificate"] = json!(false);
        tls["common_tls_context"]["validation_context"] =
            json!({ "trust_chain_verification": "ACCEPT_UNTRUSTED" });
        let manager = self.connection_manager();
        manager["forward_client_cert_details"] = json!("SANITIZE_SET");
        manager["set_current_client_cert_details"] =
            json!({ "subject": true, "cert": true, "chain": true, "dns": true, "uri": true });
        let authz = self.http_filter("envoy.filters.http.ext_authz");
        authz["include_peer_certificate"] = json!(true);
        if let Some(patterns) = at(authz, "/allowed_headers/patterns").as_array_mut() {
            patterns.push(json!({ "exact": "x-forwarded-client-cert" }));
        }
    }

    /// Reads a YAML file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))?;
        serde_saphyr::from_str(&text)
            .map(Self)
            .map_err(|error| Failure::new(path.display(), error))
    }

    /// Listener and admin on loopback, on ports that the system chooses.
    pub fn listen_on_loopback(&mut self) {
        let anywhere = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
        *self.at("/admin/address") = anywhere.clone();
        *self.at(&format!("{LISTENER}/address")) = anywhere;
    }

    /// The gateway's certificate and key.
    pub fn certificate(&mut self, chain: &Path, key: &Path) {
        let certificate = "transport_socket/typed_config/common_tls_context/tls_certificates/0";
        *self.at(&format!("{FILTER_CHAIN}/{certificate}")) = json!({
            "certificate_chain": { "filename": chain },
            "private_key": { "filename": key },
        });
    }

    /// Lets browser applications of an origin call the gateway.
    pub fn allow_origin(&mut self, origin: &str) {
        let policy = "route_config/virtual_hosts/0/typed_per_filter_config/envoy.filters.http.cors";
        let origins = format!("{CONNECTION_MANAGER}/{policy}/allow_origin_string_match");
        if let Some(origins) = self.at(&origins).as_array_mut() {
            origins.push(json!({ "exact": origin }));
        }
    }

    /// No TLS on the listener.
    pub fn plaintext_listener(&mut self) {
        remove(self.at(FILTER_CHAIN), "transport_socket");
    }

    /// The unix socket of tollgate.
    pub fn tollgate_socket(&mut self, path: &Path) {
        *endpoint(self.cluster(TOLLGATE_CLUSTER)) =
            json!({ "address": { "pipe": { "path": path } } });
    }

    /// Lets the switches of the fake Azure OpenAI through: tollgate does not see them, and can't remove them.
    pub(super) fn pass_switches_of_fakes(&mut self) {
        let proc = self.http_filter("envoy.filters.http.ext_proc");
        let unseen = proc.pointer_mut("/forward_rules/disallowed_headers/patterns");
        if let Some(unseen) = unseen.and_then(Value::as_array_mut) {
            unseen.push(json!({ "prefix": "x-fake-" }));
        }
    }

    /// Where Azure OpenAI is, which is not where the file says: as in an Envoy of one's own, tollgate is not told
    /// which backends there are.
    pub fn backend(&mut self, backend: Backend<'_>) {
        self.pass_switches_of_fakes();
        self.say_no_backends();
        self.backend_of(BACKEND_CLUSTER, backend);
    }

    /// tollgate is not told which backends there are.
    pub fn say_no_backends(&mut self) {
        let policies = "route_config/virtual_hosts/0/typed_per_filter_config";
        let policies = self.at(&format!("{CONNECTION_MANAGER}/{policies}"));
        remove(policies, "envoy.filters.http.ext_proc");
    }

    /// Where each of several backends is, by the name of its cluster: the file has their addresses, in place of the
    /// names that they have at Azure.
    pub fn backends(&mut self, backends: &[(String, Backend<'_>)]) {
        self.pass_switches_of_fakes();
        for (cluster, backend) in backends {
            self.backend_of(cluster, *backend);
            let cluster = self.cluster(cluster);
            cluster["type"] = json!("LOGICAL_DNS");
            if backend.authority.is_none() {
                continue;
            }
            let tls = at(cluster, "/transport_socket/typed_config");
            tls["auto_host_sni"] = json!(true);
            tls["auto_sni_san_validation"] = json!(true);
            let trust = at(tls, "/common_tls_context/validation_context");
            remove(trust, "match_typed_subject_alt_names");
        }
    }

    fn backend_of(&mut self, cluster: &str, backend: Backend<'_>) {
        let cluster = self.cluster(cluster);
        *endpoint(cluster) = json!({
            "hostname": backend.host,
            "address": { "socket_address": {
                "address": backend.address.ip().to_string(),
                "port_value": backend.address.port(),
            } },
        });
        let roots =
            "/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca";
        match backend.authority {
            Some(file) => *at(cluster, roots) = json!({ "filename": file }),
            None => remove(cluster, "transport_socket"),
        }
    }

    /// The HTTP connection manager.
    pub fn connection_manager(&mut self) -> &mut Value {
        self.at(CONNECTION_MANAGER)
    }

    /// The configuration of an HTTP filter, by name; a control plane adds to it what the filter is for.
    pub fn http_filter(&mut self, name: &str) -> &mut Value {
        let filters = at(self.connection_manager(), "/http_filters");
        let longer = format!("{name}/");
        let own = filters.as_array().into_iter().flatten().find_map(|it| {
            let own = it["name"].as_str()?;
            own.starts_with(&longer).then(|| own.to_owned())
        });
        named(filters, own.as_deref().unwrap_or(name))
            .pointer_mut("/typed_config")
            .unwrap_or_else(|| panic!("the HTTP filter {name} has no typed_config"))
    }

    /// Takes an HTTP filter out of the chain.
    pub fn remove_http_filter(&mut self, name: &str) {
        let filters = at(self.connection_manager(), "/http_filters");
        named(filters, name);
        if let Some(filters) = filters.as_array_mut() {
            filters.retain(|filter| filter["name"] != name);
        }
    }

    /// A cluster, by name.
    pub fn cluster(&mut self, name: &str) -> &mut Value {
        named(self.at("/static_resources/clusters"), name)
    }

    /// Whatever is at a JSON pointer.
    pub fn at(&mut self, pointer: &str) -> &mut Value {
        at(&mut self.0, pointer)
    }
}

fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("the Envoy configuration has no {pointer}"))
}

fn endpoint(cluster: &mut Value) -> &mut Value {
    at(
        cluster,
        "/load_assignment/endpoints/0/lb_endpoints/0/endpoint",
    )
}

fn named<'a>(list: &'a mut Value, name: &str) -> &'a mut Value {
    list.as_array_mut()
        .and_then(|items| items.iter_mut().find(|item| item["name"] == name))
        .unwrap_or_else(|| panic!("the Envoy configuration has no {name}"))
}

fn remove(value: &mut Value, key: &str) {
    let removed = value.as_object_mut().and_then(|object| object.remove(key));
    assert!(
        removed.is_some(),
        "the Envoy configuration has no {key} to remove"
    );
}
