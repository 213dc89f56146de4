//! tollgate in pods that another chart makes.

use std::fs;

use serde_json::Value;

use super::{CHART, KUBERNETES, container, documents, example, helm, mounted, one};
use crate::{root, text, yaml};

/// The pod of somebody's Envoy, as `_sidecar.tpl` says.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: their-envoy
  labels:
    app: their-envoy
    {{- include "tollgate.podLabels" .Subcharts.tollgate | nindent 4 }}
  annotations:
    {{- include "tollgate.podAnnotations" .Subcharts.tollgate | nindent 4 }}
spec:
  securityContext: { fsGroup: 65533 }
  initContainers:
    {{- include "tollgate.sidecar" .Subcharts.tollgate | nindent 4 }}
  containers:
    - name: envoy
      image: envoyproxy/envoy:v1.40.0
      volumeMounts: [{ name: tollgate-socket, mountPath: /run/tollgate, readOnly: true }]
  volumes:
    {{- include "tollgate.volumes" .Subcharts.tollgate | nindent 4 }}
"#;

/// A chart with this one as its dependency, rendered.
fn theirs(workload_identity: bool) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    };
    let chart = yaml(&format!("{CHART}/Chart.yaml"));
    let version = chart["version"].as_str().expect("a version");
    write(
        "Chart.yaml",
        &format!(
            "apiVersion: v2\nname: theirs\nversion: 1.0.0\ndependencies: [{{ name: tollgate, version: {version}, repository: \"file://{}\" }}]\n",
            root().join(CHART).display()
        ),
    );
    write("templates/pod.yaml", POD);
    let values = fs::read_to_string(example("sidecar")).expect("the example");
    let indented: String = values.lines().map(|line| format!("  {line}\n")).collect();
    let identity = match workload_identity {
        true => {
            "  workloadIdentity: { enabled: true, clientId: 11111111-2222-3333-4444-555555555555 }\n"
        }
        false => "",
    };
    write("values.yaml", &format!("tollgate:\n{indented}{identity}"));
    let caches = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let output = helm()
            .args(arguments)
            .current_dir(folder.path())
            .env("HELM_CACHE_HOME", caches.path())
            .env("HELM_CONFIG_HOME", caches.path())
            .env("HELM_DATA_HOME", caches.path())
            .output()
            .expect("helm runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    run(&["dependency", "build", "."]);
    documents(&run(&[
        "template",
        "theirs",
        ".",
        "--kube-version",
        KUBERNETES,
    ]))
}

#[test]
fn another_charts_pod_has_tollgate_as_its_sidecar() {
    let all = theirs(false);
    let pod = one(&all, "Pod");
    let tollgate = container(pod, "tollgate");
    assert_eq!(
        tollgate["restartPolicy"], "Always",
        "it would have to end before Envoy starts"
    );
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    for name in mounted(tollgate) {
        assert!(
            volumes.iter().any(|it| it["name"] == name),
            "no volume {name}"
        );
    }
    let config = volumes
        .iter()
        .find(|it| it["name"] == "tollgate-config")
        .expect("the volume");
    let map = &config["projected"]["sources"][0]["configMap"]["name"];
    assert_eq!(map, &one(&all, "ConfigMap")["metadata"]["name"]);
    assert_eq!(all.len(), 2, "the chart makes more than the ConfigMap");
    assert!(pod["metadata"]["labels"]["azure.workload.identity/use"].is_null());
    let with_identity = theirs(true);
    let labels = &one(&with_identity, "Pod")["metadata"]["labels"];
    assert_eq!(labels["azure.workload.identity/use"], "true");
}

/// The template's own comment is what people copy.
#[test]
fn what_the_template_says_to_write_is_what_is_tried_here() {
    let said = text("deploy/helm/tollgate/templates/_sidecar.tpl");
    for line in POD
        .lines()
        .map(str::trim)
        .filter(|it| it.contains("include"))
    {
        let line = line.replace("nindent 4", "nindent 8");
        assert!(said.contains(&line), "{line}");
    }
}
