//! Several tollgates behind one Envoy, which may ask one about a request's headers and another about its body.

mod apart;
mod endpoint;
pub(crate) mod network;
mod three;

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::config::TOLLGATE_CLUSTER;
use tollgate_integration::stack::tollgate::SOCKET;
use tollgate_integration::stack::{EnvoyConfig, Options, Stack, Tollgate, TollgateLaunch};

const KEY_VARIABLE: &str = "TEST_DECISION_KEY";
const PASSWORD_VARIABLE: &str = "TEST_DATABASE_PASSWORD";
/// 32 bytes, which all replicas have.
const KEY: &str = "c29tZSByYW5kb20gYnl0ZXMsIDMyIG9mIHRoZW0hISE=";

/// Replicas besides the one of a stack, each in a folder of its own.
struct Others(Vec<TempDir>);

impl Others {
    fn new(count: usize) -> Self {
        let folder = |_| tempfile::tempdir().expect("a directory");
        Self((0..count).map(folder).collect())
    }

    /// Where each of them takes Envoy's connections.
    fn sockets(&self) -> Vec<PathBuf> {
        let folders = self.0.iter();
        folders.map(|folder| folder.path().join(SOCKET)).collect()
    }

    /// Starts them with the configuration of the stack, changed as a test says.
    async fn start(&self, stack: &Stack, edit: impl Fn(String) -> String) -> Vec<Tollgate> {
        let mut started = Vec::new();
        let yaml = std::fs::read_to_string(stack.config_path()).expect("the first one's");
        let first = stack.directory().display().to_string();
        for (number, folder) in self.0.iter().enumerate() {
            let launch = self.launch(stack, number);
            let yaml = edit(yaml.replace(&first, &folder.path().display().to_string()));
            launch.configure(&yaml, Vec::new()).expect("written");
            let authority = folder.path().join("authority.pem");
            std::fs::copy(stack.authority(), authority).expect("copied");
            started.push(self.restart(stack, number).await);
        }
        started
    }

    /// Starts one of them with the files that it has.
    async fn restart(&self, stack: &Stack, number: usize) -> Tollgate {
        let launch = self.launch(stack, number);
        let mut tollgate = Tollgate::start(&launch).await.expect("it starts");
        tollgate.ready().await.expect("it is ready");
        tollgate
    }

    fn launch(&self, stack: &Stack, number: usize) -> TollgateLaunch {
        let mut launch = TollgateLaunch::new(self.0[number].path(), &stack.identity);
        launch.environment.extend([
            (KEY_VARIABLE.into(), KEY.into()),
            (PASSWORD_VARIABLE.into(), Postgres::PASSWORD.into()),
        ]);
        launch
    }
}

/// Replicas that share the key of decisions.
fn sharing(options: Options) -> Options {
    let keys = format!("decisions: {{ keys: [ {{ env: {KEY_VARIABLE} }} ] }}\n");
    options
        .tollgate_env(KEY_VARIABLE, KEY)
        .edit_config(move |yaml| yaml + &keys)
}

/// ext_authz asks the stack's tollgate, and ext_proc another one.
fn apart(config: &mut EnvoyConfig, other: &PathBuf) {
    let mut cluster = config.cluster(TOLLGATE_CLUSTER).clone();
    cluster["name"] = json!("other");
    cluster["load_assignment"] = json!({ "cluster_name": "other", "endpoints": [
        { "lb_endpoints": [ { "endpoint": { "address": { "pipe": { "path": other } } } } ] },
    ] });
    let clusters = config.at("/static_resources/clusters");
    clusters.as_array_mut().expect("a list").push(cluster);
    let filter = config.http_filter("envoy.filters.http.ext_proc");
    filter["grpc_service"]["envoy_grpc"]["cluster_name"] = json!("other");
}

/// The end of an audit line's request, by its status.
fn is_served(line: &Value) -> bool {
    line["event"] == "usage" && line["status"] == 200
}
