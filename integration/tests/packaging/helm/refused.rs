//! Values that would not work, or would give a secret away, are refused before anything is installed.

use super::{example, template};

/// An example, what is changed in it, and what must be said.
const REFUSED: [(&str, &[&str], &str); 34] = [
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
