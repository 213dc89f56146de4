//! Who reaches the pods, who counts them, and who takes them away.

use serde_json::{Value, json};

use super::{NAMESPACE, manifests, one, pod, workload};
use crate::text;

/// The metric of requests in flight.
const ACTIVE: &str = "tollgate_active_requests";

fn service<'a>(all: &'a [Value], name: &str) -> &'a Value {
    let is_it = |it: &&Value| it["kind"] == "Service" && it["metadata"]["name"] == name;
    all.iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("no Service {name}"))
}

/// Whether labels have all that a selector asks for.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().expect("a selector");
    !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value)
}

#[test]
fn envoy_sees_each_replica_and_not_one_address() {
    let all = manifests("service", &[]);
    let service = service(&all, "gateway-tollgate");
    assert_eq!(service["spec"]["clusterIP"], "None");
    let ports = service["spec"]["ports"].as_array().expect("ports");
    let grpc = ports.iter().find(|it| it["name"] == "grpc").expect("gRPC");
    assert_eq!(grpc["port"], 9000);
    assert!(selects(
        &service["spec"]["selector"],
        &pod(&all)["metadata"]["labels"]
    ));
}

#[test]
fn only_envoys_reach_the_grpc_port_and_only_prometheus_the_admin_port() {
    let envoys = json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "envoy-gateway-system" } } }]);
    let all = manifests("service", &[]);
    let policy = one(&all, "NetworkPolicy");
    assert!(selects(
        &policy["spec"]["podSelector"]["matchLabels"],
        &pod(&all)["metadata"]["labels"]
    ));
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
    let rules = policy["spec"]["ingress"].as_array().expect("rules");
    assert_eq!(rules.len(), 2);
    assert_eq!(
        rules[0],
        json!({ "ports": [{ "port": "grpc", "protocol": "TCP" }], "from": envoys })
    );
    assert_eq!(rules[1]["ports"][0]["port"], "admin");
    assert!(
        rules[1]["from"].as_array().is_some_and(|it| !it.is_empty()),
        "everybody reaches it"
    );
    // A rule without peers would let everybody in.
    let no_metrics = manifests("service", &["networkPolicy.prometheus=[]"]);
    let rules = &one(&no_metrics, "NetworkPolicy")["spec"]["ingress"];
    assert_eq!(rules.as_array().map(Vec::len), Some(1), "{rules}");
    let egress = manifests("service-keda", &[]);
    let policy = one(&egress, "NetworkPolicy");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["spec"]["egress"].as_array().map(Vec::len), Some(2));
}

/// The address of callers may be a load balancer's, and the admin port must not be behind it.
#[test]
fn callers_reach_envoy_and_nothing_else() {
    let all = manifests("standalone-many", &[]);
    let callers = service(&all, "gateway-tollgate");
    assert_eq!(callers["spec"]["type"], "LoadBalancer");
    let ports = callers["spec"]["ports"].as_array().expect("ports");
    assert_eq!(ports.len(), 1, "{ports:?}");
    assert_eq!(ports[0]["targetPort"], "callers");
    assert_eq!(callers["spec"]["externalTrafficPolicy"], "Local");
    assert_eq!(
        service(&all, "gateway-tollgate-pods")["spec"]["clusterIP"],
        "None"
    );
}

#[test]
fn replicas_follow_the_requests_in_flight() {
    assert!(text("docs/metrics.md").contains(&format!("| `{ACTIVE}` | gauge |")));
    let target = |all: &[Value], of: &Value| {
        let workload = workload(all).expect("a workload");
        assert_eq!(of["kind"], workload["kind"]);
        assert_eq!(of["name"], workload["metadata"]["name"]);
        assert!(
            workload["spec"]["replicas"].is_null(),
            "helm would undo the autoscaler's number"
        );
    };
    let all = manifests("service", &[]);
    let scaler = &one(&all, "HorizontalPodAutoscaler")["spec"];
    target(&all, &scaler["scaleTargetRef"]);
    assert_eq!(scaler["metrics"][0]["pods"]["metric"]["name"], ACTIVE);
    let by_cpu = manifests("service", &["autoscaling.metric=\"cpu\""]);
    let scaler = &one(&by_cpu, "HorizontalPodAutoscaler")["spec"];
    assert_eq!(
        scaler["metrics"][0]["resource"]["target"]["averageUtilization"],
        70
    );

    let keda = manifests("service-keda", &[]);
    let object = one(&keda, "ScaledObject");
    target(&keda, &object["spec"]["scaleTargetRef"]);
    assert_eq!(object["apiVersion"], "keda.sh/v1alpha1");
    let trigger = &object["spec"]["triggers"][0];
    assert_eq!(
        (&trigger["type"], &trigger["metricType"]),
        (&json!("prometheus"), &json!("AverageValue"))
    );
    let query = format!("sum({ACTIVE}{{namespace=\"{NAMESPACE}\",service=\"gateway-tollgate\"}})");
    assert_eq!(trigger["metadata"]["query"], query);
    // KEDA wants texts.
    assert_eq!(trigger["metadata"]["threshold"], "400");
    assert!(
        keda.iter()
            .all(|it| it["kind"] != "HorizontalPodAutoscaler"),
        "two autoscalers"
    );
}

#[test]
fn prometheus_finds_the_pods() {
    let all = manifests("service", &[]);
    let monitor = one(&all, "ServiceMonitor");
    assert_eq!(monitor["apiVersion"], "monitoring.coreos.com/v1");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(
        monitor["spec"]["namespaceSelector"]["matchNames"],
        json!([NAMESPACE])
    );
    for (name, settings, expected) in [
        ("service", vec![], "gateway-tollgate"),
        (
            "standalone",
            vec!["serviceMonitor.enabled=true"],
            "gateway-tollgate-pods",
        ),
    ] {
        let all = manifests(name, &settings);
        let selector = &one(&all, "ServiceMonitor")["spec"]["selector"]["matchLabels"];
        let endpoint = &one(&all, "ServiceMonitor")["spec"]["endpoints"][0];
        assert_eq!(endpoint["path"], "/metrics");
        let services = all.iter().filter(|it| it["kind"] == "Service");
        let found: Vec<&Value> = services
            .filter(|it| selects(selector, &it["metadata"]["labels"]))
            .collect();
        assert_eq!(found.len(), 1, "pods are scraped twice, or never");
        assert_eq!(found[0]["metadata"]["name"], expected);
        let ports = found[0]["spec"]["ports"].as_array().expect("ports");
        assert!(
            ports.iter().any(|it| it["name"] == endpoint["port"]),
            "{endpoint}"
        );
    }
}

#[test]
fn a_drain_of_a_node_takes_one_replica_and_is_not_held_up_by_the_only_one() {
    let all = manifests("service", &[]);
    let budget = one(&all, "PodDisruptionBudget");
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    assert!(selects(
        &budget["spec"]["selector"]["matchLabels"],
        &pod(&all)["metadata"]["labels"]
    ));
    let single = manifests("standalone", &[]);
    assert!(single.iter().all(|it| it["kind"] != "PodDisruptionBudget"));
}
