//! Faults of an Envoy's configuration, each of which is found alone.

mod clusters;
mod filters;
mod routes;

use serde_json::{Value, json};
use tollgate_integration::stack::EnvoyConfig;

use super::{ENVOY, diagnose, host, written};
use crate::doctor::{Rig, sound};

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

#[tokio::test]
async fn each_fault_of_an_envoy_is_found_with_what_to_do() {
    let rig = Rig::start(sound()).await;
    let all = filters::FAULTS.into_iter();
    let all = all.chain(routes::FAULTS).chain(clusters::FAULTS);
    for (what, edit, check, message, advice) in all {
        let mut config = written(&rig, &rig.yaml()).await;
        edit(&mut config);
        let found = diagnose(&rig, &config, &rig.yaml()).await;
        println!("{what}");
        found.assert((ENVOY, check), "error", message, advice);
        found.assert_only(&[(ENVOY, check)]);
        assert_eq!(found.code, Some(1), "{what}");
    }
}
