//! What the tests of both control planes share.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ControlPlane, manifests};
use crate::envoy_config::render::tests::settings;
use crate::envoy_config::settings::{Gateway, Kubernetes, Settings, Sidecars};

/// Documents by kind and name.
pub(super) type Documents = BTreeMap<(String, String), Value>;

/// Settings that say where manifests belong.
pub(super) fn placed() -> Settings {
    let pods = BTreeMap::from([("istio".to_owned(), "ingressgateway".to_owned())]);
    Settings {
        kubernetes: Some(Kubernetes {
            namespace: "tollgate".to_owned(),
            hostnames: Vec::new(),
            gateway: Some(Gateway {
                name: "eg".to_owned(),
                namespace: "gateways".to_owned(),
                listener: "https".to_owned(),
                port: 443,
                pods: pods.clone(),
            }),
            sidecars: None::<Sidecars>,
        }),
        ..settings()
    }
}

pub(super) fn read_yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// All documents, by kind and name.
pub(super) fn read(text: &str) -> Documents {
    let documents = text.split("\n---\n").map(|document| {
        let value: Value = serde_saphyr::from_str(document).expect("YAML");
        let name = value["metadata"]["name"].as_str().unwrap_or_default();
        let kind = value["kind"].as_str().unwrap_or_default();
        ((kind.to_owned(), name.to_owned()), value.clone())
    });
    documents.collect()
}

/// What is written, which is the same each time, and has a value at each place.
pub(super) fn write(settings: &Settings, control_plane: ControlPlane) -> String {
    let one = || manifests(settings, control_plane, read_yaml).expect("manifests");
    let text = one();
    assert_eq!(text, one(), "the same settings give the same text");
    for ((kind, name), document) in read(&text) {
        // A name in the templates that is read here has changed.
        let missing = without_value(&document);
        let known = missing.iter().all(|it| is_meant(it));
        assert!(known, "{kind} {name} has null at {missing:?}");
    }
    text
}

/// `null` is a value in a body of an error.
fn is_meant(path: &str) -> bool {
    path.ends_with("/body_format_override/json_format/error/param")
}

fn without_value(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        let all = without_value(value).into_iter();
        all.map(|it| format!("/{name}{it}")).collect::<Vec<_>>()
    };
    match value {
        Value::Null => vec![String::new()],
        Value::Array(items) => items.iter().flat_map(|it| below("-", it)).collect(),
        Value::Object(members) => members.iter().flat_map(|(k, v)| below(k, v)).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn get<'a>(all: &'a Documents, kind: &str, name: &str) -> &'a Value {
    let found = all.get(&(kind.to_owned(), name.to_owned()));
    found.unwrap_or_else(|| panic!("no {kind} {name} in {:?}", all.keys()))
}
