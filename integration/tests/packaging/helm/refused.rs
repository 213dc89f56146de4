//! Values that would not work, or would give a secret away, are refused before anything is installed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{example, template};

/// An example, what is changed in it, and what must be said.
const REFUSED: [(&str, &[&str], &str); 52] = [
    // Secrets.
    (
        "standalone",
        &["config.identity={\"client_secret\":{\"secret\":\"hunter2\"}}"],
        "config.identity.client_secret.secret: no secret belongs in values",
    ),
    (
        "service",
        &["config.limits.redis.password=\"hunter2\""],
        "config.limits.redis.password: no secret belongs in values",
    ),
    (
        "service",
        &["config.database.password=\"hunter2\""],
        "config.database.password: no secret belongs in values",
    ),
    (
        "service",
        &["config.database=\"postgres://tollgate:hunter2@db.example.com/tollgate\""],
        "config.database: a password in a URL",
    ),
    (
        "service",
        &["config.database=\"postgres://tollgate:hun/ter2@db.example.com/tollgate\""],
        "config.database: a password in a URL",
    ),
    (
        "service",
        &["config.database=\"postgres://tollgate@db.example.com/tollgate?password=hunter2\""],
        "config.database: a password in a URL",
    ),
    (
        "service",
        &["config.decisions={\"keys\":[\"aHVudGVyMg==\"]}"],
        "config.decisions.keys: no secret belongs in values",
    ),
    (
        "standalone",
        &["config.ledger={\"end_users_key\":\"hunter2\"}"],
        "config.ledger.end_users_key: no secret belongs in values",
    ),
    (
        "standalone",
        &[
            "config.clients=[{\"id\":\"a\",\"credentials\":[{\"key\":{\"sha256\":\"tgk_DemoDemo00_NotASecretDemoKey\"}}]}]",
        ],
        "config.clients[0].credentials[0].key.sha256: this is a key itself",
    ),
    (
        "standalone",
        &["env=[{\"name\":\"AZURE_CLIENT_SECRET\",\"value\":\"hunter2\"}]"],
        "env: AZURE_CLIENT_SECRET looks like a secret",
    ),
    (
        "standalone",
        &[
            "env=[{\"name\":\"DATABASE\",\"value\":\"postgres://tollgate:hunter2@db.example.com/tollgate\"}]",
        ],
        "env: DATABASE has a password in a URL",
    ),
    // What replicas share.
    (
        "standalone",
        &["replicas=2"],
        "config.database is missing: 2 replicas share",
    ),
    (
        "service",
        &["config.database=null"],
        "config.database is missing: 9 replicas share",
    ),
    (
        "service",
        &["config.limits=null"],
        "config.limits.redis is missing: without it each of the 9 replicas allows all of a limit",
    ),
    (
        "service-keda",
        &["config.limits={\"everything\":{\"requests_per_minute\":100}}"],
        "config.limits.redis is missing",
    ),
    (
        "service-keda",
        &["config.products=[{\"id\":\"p\",\"limits\":{\"tokens_per_minute\":100}}]"],
        "config.limits.redis is missing",
    ),
    (
        "service",
        &["config.limits.redis.replicas=3"],
        "config.limits.redis.replicas is 3, and there may be 9 replicas",
    ),
    (
        "service",
        &["autoscaling.minReplicas=10"],
        "autoscaling.minReplicas is 10, and maxReplicas 9",
    ),
    (
        "service",
        &["decisions.existingSecret=\"\""],
        "decisions.existingSecret is missing",
    ),
    // What a mode needs.
    (
        "service",
        &["tls.existingSecret=\"\""],
        "tls.existingSecret is missing",
    ),
    ("service", &["envoys=[]"], "envoys is empty"),
    (
        "service",
        &["networkPolicy.envoys=[]"],
        "networkPolicy.envoys is empty: nobody could call tollgate",
    ),
    (
        "service",
        &[
            "workloadIdentity.enabled=false",
            "config.identity={\"workload_identity\":{}}",
        ],
        "config.identity.workload_identity needs workloadIdentity",
    ),
    // Of another mode: it would do nothing.
    (
        "standalone",
        &["tls.existingSecret=\"tollgate-grpc\""],
        "tls.existingSecret is of mode service, and the mode is standalone",
    ),
    (
        "sidecar",
        &["decisions.existingSecret=\"tollgate-decisions\""],
        "decisions.existingSecret is of mode service, and the mode is sidecar",
    ),
    (
        "standalone",
        &["envoys=[\"envoy.example.com\"]"],
        "envoys is of mode service",
    ),
    (
        "service",
        &["envoy.tls.existingSecret=\"gateway-certificate\""],
        "envoy.tls.existingSecret is of mode standalone, and the mode is service",
    ),
    // Files.
    (
        "service",
        &["secretFiles=[{\"existingSecret\":\"a\",\"key\":\"k\",\"path\":\"tls/tls.crt\"}]"],
        "/etc/tollgate/tls/tls.crt is there already",
    ),
    (
        "standalone",
        &[
            "configMapFiles=[{\"existingConfigMap\":\"a\",\"key\":\"k\",\"path\":\"tollgate.yaml\"}]",
        ],
        "/etc/tollgate/tollgate.yaml is there already",
    ),
    (
        "service",
        &["config.database.password.file=\"/etc/tollgate/secrets/postgress\""],
        "config.database.password.file: the pod has no /etc/tollgate/secrets/postgress",
    ),
    (
        "service",
        &["config.listen.grpc_tls={\"trust\":[\"/etc/tollgate/own\"]}"],
        "config.listen.grpc_tls.trust[0]: the pod has no /etc/tollgate/own",
    ),
    // Durations and shapes that the chart reads itself.
    (
        "standalone",
        &["config.drain_timeout=\"ninety\""],
        "config.drain_timeout is ninety: it must be a duration",
    ),
    (
        "standalone",
        &["config.listen=\"0.0.0.0:9090\""],
        "config.listen: must have members",
    ),
    (
        "standalone",
        &["config.limits=[]"],
        "config.limits: must have members",
    ),
    (
        "service",
        &["config.listen.grpc=\"unix:/run/tollgate/tollgate.sock\""],
        "config.listen.grpc is unix:/run/tollgate/tollgate.sock: in mode service",
    ),
    (
        "standalone",
        &["config.listen.grpc=\"0.0.0.0:9000\""],
        "config.listen.grpc is 0.0.0.0:9000: in mode standalone it is a socket",
    ),
    (
        "sidecar",
        &["config.decisions={\"keys\":[{\"file\":\"/etc/tollgate/k\"}]}"],
        "config.decisions: in mode sidecar a decision stays in its pod",
    ),
    (
        "standalone",
        &["envoy.tls.existingSecret=\"\""],
        "envoy.tls.existingSecret is missing",
    ),
    (
        "standalone",
        &["config.listen.admin=\"127.0.0.1:9090\""],
        "config.listen.admin is 127.0.0.1:9090: the kubelet asks it",
    ),
    (
        "standalone",
        &["config.listen.control=\"unix:/run/tollgate/control.sock\""],
        "config.listen.control is unix:/run/tollgate/control.sock",
    ),
    (
        "standalone",
        &["workloadIdentity.clientId=\"\""],
        "workloadIdentity.clientId is missing",
    ),
    (
        "standalone",
        &["workloadIdentity.enabled=false"],
        "config.identity is missing",
    ),
    (
        "standalone",
        &["config.backends=[]"],
        "config.backends is missing",
    ),
    (
        "standalone",
        &["config=\"listen: [\""],
        "config: this is not YAML",
    ),
    (
        "standalone",
        &["config=\"tollgate.yaml\""],
        "config: this is not YAML, or no mapping",
    ),
    // The schema.
    (
        "standalone",
        &["mode=\"daemonset\""],
        "at '/mode': value must be one of",
    ),
    (
        "standalone",
        &["replica=3"],
        "additional properties 'replica' not allowed",
    ),
    ("standalone", &["replicas=0"], "at '/replicas'"),
    (
        "standalone",
        &["workloadIdentity.clientId=\"tollgate-identity\""],
        "at '/workloadIdentity/clientId'",
    ),
    (
        "standalone",
        &["fullnameOverride=\"Gateway_1\""],
        "at '/fullnameOverride'",
    ),
    (
        "standalone",
        &["secretFiles=[{\"existingSecret\":\"a\",\"key\":\"k\",\"path\":\"../etc/passwd\"}]"],
        "at '/secretFiles/0/path'",
    ),
    (
        "service",
        &["decisions.keys=[\"a\",\"b\",\"c\"]"],
        "at '/decisions/keys'",
    ),
];

#[test]
fn what_would_not_work_is_said_before_anything_is_installed() {
    for (name, settings, expected) in REFUSED {
        let output = template(example(name), settings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name} {settings:?} is rendered");
        assert!(said.contains(expected), "{name} {settings:?}:\n{said}");
        assert!(!said.contains("hunter2"), "the secret is repeated: {said}");
    }
}

/// Every place of the schema of tollgate.yaml that takes the place of a secret takes no secret here.
#[test]
fn no_member_that_says_where_a_secret_is_takes_the_secret() {
    let schema = crate::text("docs/tollgate.schema.json");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let mut names = BTreeSet::new();
    members_with_secrets(&schema, &mut names);
    let known = ["end_users_key", "keys", "password", "secret"];
    assert!(known.iter().all(|it| names.contains(*it)), "{names:?}");
    for name in names {
        for written in [
            "\"hunter2\"",
            "[\"hunter2\"]",
            "[[\"hunter2\"]]",
            "12345678",
        ] {
            // Whichever section it is in.
            let setting = format!("config.products[0].more={{\"{name}\":{written}}}");
            let output = template(example("standalone"), &[&setting]);
            let said = String::from_utf8_lossy(&output.stderr);
            let expected = format!("more.{name}: no secret belongs in values");
            assert!(said.contains(&expected), "{setting}:\n{said}");
        }
    }
}

/// The names of members whose value, or whose items, are `SecretRef`.
fn members_with_secrets(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            for (name, property) in properties.into_iter().flatten() {
                if is_place_of_secrets(property) {
                    names.insert(name.clone());
                }
            }
            members
                .values()
                .for_each(|it| members_with_secrets(it, names));
        }
        Value::Array(items) => items.iter().for_each(|it| members_with_secrets(it, names)),
        _ => {}
    }
}

fn is_place_of_secrets(property: &Value) -> bool {
    let is_it = |it: &Value| {
        let named = it["$ref"].as_str();
        named.is_some_and(|it| it.ends_with("/SecretRef"))
    };
    let several = ["anyOf", "allOf"].map(|it| property[it].as_array());
    let mut several = several.into_iter().flatten().flatten();
    is_it(property) || is_it(&property["items"]) || several.any(is_it)
}

#[test]
fn a_cluster_that_lacks_what_the_chart_needs_is_refused() {
    let output = super::helm()
        .args([
            "template",
            "gateway",
            "--kube-version",
            "1.29.0",
            "--values",
        ])
        .arg(example("standalone"))
        .arg(crate::root().join(super::CHART))
        .output()
        .expect("helm runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("incompatible with Kubernetes v1.29.0"),
        "{said}"
    );
}
