//! What the pods may do, how they end, and what outlives them.

use serde_json::{Value, json};

use super::{
    container, containers, documents, examples, manifests, mounted, number, one, pod, rendered,
    workload,
};
use crate::text;

#[test]
fn no_container_may_do_more_than_it_needs() {
    let mut seen = 0;
    for values in examples() {
        let all = documents(&rendered(values.clone(), &[]));
        let Some(workload) = workload(&all) else {
            continue;
        };
        let pod = &workload["spec"]["template"]["spec"];
        let said = values.display();
        assert_eq!(pod["automountServiceAccountToken"], false, "{said}");
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{said}");
        assert_eq!(
            security["seccompProfile"]["type"], "RuntimeDefault",
            "{said}"
        );
        for name in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
            assert!(pod[name].is_null(), "{said}: {name}");
        }
        for container in containers(&workload["spec"]["template"]) {
            let security = &container["securityContext"];
            assert_eq!(security["readOnlyRootFilesystem"], true, "{container}");
            assert_eq!(security["allowPrivilegeEscalation"], false, "{container}");
            assert_eq!(security["privileged"], false, "{container}");
            assert_eq!(
                security["capabilities"],
                json!({ "drop": ["ALL"] }),
                "{container}"
            );
            assert!(number(&security["runAsUser"]) > 0, "{container}");
            assert!(
                container["resources"]["requests"].is_object(),
                "{container}"
            );
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{container}"
            );
            seen += 1;
        }
        assert!(
            all.iter().all(|it| it["kind"] != "Secret"),
            "{said} has a secret"
        );
    }
    assert!(seen >= 8, "{seen} containers");
}

/// Whoever holds Envoy gets at one socket of tollgate's, and at nothing else.
#[test]
fn envoy_has_the_socket_alone_and_no_token_of_the_identity() {
    let all = manifests("standalone", &[]);
    let pod = pod(&all);
    let (tollgate, envoy) = (container(pod, "tollgate"), container(pod, "envoy"));
    let user = |container: &Value| number(&container["securityContext"]["runAsUser"]);
    assert_ne!(user(tollgate), user(envoy));
    let ours = mounted(tollgate);
    let shared: Vec<&str> = mounted(envoy)
        .into_iter()
        .filter(|it| ours.contains(it))
        .collect();
    assert_eq!(shared, ["tollgate-socket"]);
    for mount in envoy["volumeMounts"].as_array().expect("mounts") {
        assert_eq!(mount["readOnly"], true, "{mount}");
    }
    let annotations = &pod["metadata"]["annotations"];
    let without = annotations["azure.workload.identity/skip-containers"].as_str();
    assert_eq!(without, Some("envoy;envoy-config"));
    assert_eq!(
        pod["metadata"]["labels"]["azure.workload.identity/use"],
        "true"
    );
    let account = one(&all, "ServiceAccount");
    assert!(account["metadata"]["annotations"]["azure.workload.identity/client-id"].is_string());
    // The ids of the image.
    let dockerfile = text("Dockerfile");
    let group = number(&pod["spec"]["securityContext"]["fsGroup"]);
    assert!(dockerfile.contains(&format!("--owner {} --group {group} ", user(tollgate))));
}

#[test]
fn tollgate_starts_before_envoy_and_stops_after_it() {
    let all = manifests("standalone", &[]);
    let spec = &pod(&all)["spec"];
    let first = spec["initContainers"].as_array().expect("sidecars");
    let names: Vec<_> = first.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["tollgate", "envoy-config"]);
    for sidecar in first {
        assert_eq!(
            sidecar["restartPolicy"], "Always",
            "it would have to end first"
        );
        assert!(
            sidecar["startupProbe"].is_object(),
            "Envoy does not wait for it"
        );
    }
}

/// As of `drain_timeout` in tollgate.yaml, and what comes before SIGTERM.
#[test]
fn a_pod_has_the_time_to_end_that_it_may_need() {
    for (name, settings, before, drain) in [
        ("standalone", vec![], 60, 30),
        ("standalone-many", vec![], 60, 120),
        ("service", vec![], 10, 90),
        ("service", vec!["config.drain_timeout=\"1500ms\""], 10, 2),
        (
            "service",
            vec!["config.drain_timeout=\"1h\"", "preStopSleepSeconds=20"],
            20,
            3600,
        ),
    ] {
        let all = manifests(name, &settings);
        let spec = &pod(&all)["spec"];
        let last = &spec["containers"][0]["lifecycle"]["preStop"];
        let slept = match last["sleep"]["seconds"].as_u64() {
            Some(seconds) => seconds,
            None => {
                let script = last["exec"]["command"][2].as_str().expect("a script");
                assert!(
                    script.contains("POST /healthcheck/fail"),
                    "Envoy does not drain"
                );
                let line = script
                    .lines()
                    .last()
                    .and_then(|it| it.strip_prefix("sleep "));
                line.and_then(|it| it.parse().ok()).expect("it sleeps")
            }
        };
        assert_eq!(slept, before, "{name}");
        let grace = number(&spec["terminationGracePeriodSeconds"]);
        assert_eq!(grace, before + drain + 15, "{name} {settings:?}");
    }
}

#[test]
fn a_ledger_outlives_its_pod() {
    let all = manifests("service", &[]);
    let set = workload(&all).expect("a workload");
    assert_eq!(set["kind"], "StatefulSet");
    let kept = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
    assert_eq!(
        kept,
        &json!({ "whenDeleted": "Retain", "whenScaled": "Retain" })
    );
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "tollgate-data");
    assert_eq!(claim["spec"]["storageClassName"], "managed-csi-premium");
    let mounts = container(pod(&all), "tollgate")["volumeMounts"]
        .as_array()
        .expect("mounts");
    let data = mounts
        .iter()
        .find(|it| it["name"] == "tollgate-data")
        .expect("the volume");
    assert_eq!(data["mountPath"], "/var/lib/tollgate");
    let governing = set["spec"]["serviceName"].as_str().expect("a Service");
    let service = all
        .iter()
        .find(|it| it["kind"] == "Service" && it["metadata"]["name"] == governing);
    assert_eq!(service.expect("it exists")["spec"]["clusterIP"], "None");

    // Without a ledger there is nothing to keep; without persistence it is said.
    let none = manifests("service-keda", &[]);
    assert_eq!(workload(&none).expect("a workload")["kind"], "Deployment");
    let given_up = manifests("service", &["persistence.enabled=false"]);
    assert_eq!(
        workload(&given_up).expect("a workload")["kind"],
        "Deployment"
    );
}

#[test]
fn pods_are_replaced_for_what_only_a_restart_can_change() {
    let template = |settings: &[&str]| pod(&manifests("service", settings)).clone();
    let before = template(&[]);
    for reloaded in [
        "config.clients=[]",
        "config.backends=[{\"name\":\"france\"}]",
        "config.decisions={\"keys\":[{\"file\":\"/etc/tollgate/decisions/primary\"}]}",
        "config.ledger={\"end_users\":\"drop\"}",
        "envoys=[\"spiffe://cluster.local/ns/other/sa/envoy\"]",
    ] {
        assert_eq!(template(&[reloaded]), before, "{reloaded} replaces pods");
    }
    for restarted in [
        "config.listen.admin=\"0.0.0.0:9191\"",
        "config.admin={\"console\":true}",
        "config.metrics={\"labels\":{\"max_clients\":10}}",
        "config.content_log={\"file\":\"/var/log/content.jsonl\"}",
        "config.audit={\"file\":\"/var/log/audit.jsonl\"}",
        "config.database=\"postgres://other@db.example.com/tollgate\"",
        "config.ledger={\"retention\":\"90d\"}",
        "autoscaling.maxReplicas=12",
    ] {
        let annotation = |pod: &Value| pod["metadata"]["annotations"]["tollgate/restarts"].clone();
        assert_ne!(
            annotation(&template(&[restarted])),
            annotation(&before),
            "{restarted}"
        );
    }
}

/// What running.rs takes for granted: where a container looks, its volume is, and the others have the same one there.
#[test]
fn a_folder_is_the_same_volume_wherever_it_is_used() {
    let all = manifests("standalone", &[]);
    let pod = pod(&all);
    let mount = |name: &str, path: &str| -> String {
        let mounts = container(pod, name)["volumeMounts"].as_array();
        let mut mounts = mounts.expect("mounts").iter();
        let mount = mounts.find(|it| it["mountPath"] == path);
        let mount = mount.unwrap_or_else(|| panic!("{name} has no {path}"));
        mount["name"].as_str().expect("a volume").to_owned()
    };
    let mut volumes = Vec::new();
    for (path, users) in [
        ("/etc/tollgate", &["tollgate", "envoy-config"][..]),
        ("/etc/envoy/tollgate", &["envoy-config", "envoy"]),
        ("/run/tollgate", &["tollgate", "envoy"]),
        ("/run/tollgate-control", &["tollgate"]),
        ("/var/lib/tollgate", &["tollgate"]),
        ("/etc/envoy/tls", &["envoy"]),
    ] {
        let found: Vec<String> = users.iter().map(|user| mount(user, path)).collect();
        assert!(found.iter().all(|it| *it == found[0]), "{path}: {found:?}");
        volumes.push(found[0].clone());
    }
    let claims = &workload(&all).expect("a workload")["spec"]["volumeClaimTemplates"];
    let claims = claims.as_array().expect("claims").iter();
    let claims = claims.map(|it| &it["metadata"]["name"]);
    let given = pod["spec"]["volumes"].as_array().expect("volumes").iter();
    let mut given: Vec<&Value> = given.map(|it| &it["name"]).chain(claims).collect();
    given.sort_by_key(|it| it.as_str());
    volumes.sort();
    assert_eq!(given, volumes.iter().collect::<Vec<_>>(), "used and given");
}
