//! The tollgate.yaml that the chart writes, as the pods have it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tollgate_integration::fakes::certificates::{CertificateAuthority, CertifiedKey};

use super::{container, documents, manifests, one, pod, rendered};
use crate::{succeeds, tollgate};

/// Where the pods have their files.
const FOLDER: &str = "/etc/tollgate";

/// The files that the pod of these manifests has below `/etc/tollgate`, in a folder here; paths in tollgate.yaml lead
/// to it.
pub(super) fn files(all: &[Value]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let config = one(all, "ConfigMap")["data"]["tollgate.yaml"]
        .as_str()
        .expect("the file")
        .to_owned();
    let here = folder.path().display().to_string();
    std::fs::write(
        folder.path().join("tollgate.yaml"),
        config.replace(FOLDER, &here),
    )
    .expect("written");
    let Some(workload) = super::workload(all) else {
        return folder;
    };
    let authority = CertificateAuthority::new("the authority of a mesh").expect("an authority");
    let server = authority
        .server(&["gateway-tollgate.ai.svc"])
        .expect("a certificate");
    let volumes = workload["spec"]["template"]["spec"]["volumes"]
        .as_array()
        .expect("volumes");
    let volume = volumes
        .iter()
        .find(|it| it["name"] == "tollgate-config")
        .expect("the volume");
    for source in volume["projected"]["sources"].as_array().expect("sources") {
        let items = [&source["secret"]["items"], &source["configMap"]["items"]];
        for item in items.into_iter().filter_map(Value::as_array).flatten() {
            let path = folder.path().join(item["path"].as_str().expect("a path"));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, content(&authority, &server, &path)).expect("written");
        }
    }
    folder
}

/// What a Secret has, by the name of the file: what tollgate reads must be of its kind.
fn content(authority: &CertificateAuthority, server: &CertifiedKey, path: &Path) -> String {
    let name = path.file_name().and_then(|it| it.to_str()).expect("a name");
    match name {
        "tls.crt" => server.certificate_pem.clone(),
        "tls.key" => server.key_pem.clone(),
        "ca.crt" => authority.certificate_pem().to_owned(),
        _ if path.parent().is_some_and(|it| it.ends_with("decisions")) => {
            STANDARD.encode(Sha256::digest(name))
        }
        _ => "a secret that exists".to_owned(),
    }
}

/// `tollgate check` of what the pods read.
pub(super) fn check(folder: &Path) {
    succeeds(
        tollgate()
            .args(["check", "--file-only", "--config"])
            .arg(folder.join("tollgate.yaml")),
    );
}

#[test]
fn tollgate_takes_what_the_chart_writes() {
    for name in [
        "standalone",
        "standalone-many",
        "sidecar",
        "service",
        "service-keda",
    ] {
        let all = manifests(name, &[]);
        let folder = files(&all);
        check(folder.path());
        if name == "service" {
            let config = folder.path().join("tollgate.yaml");
            let mut written = tollgate();
            written.args(["envoy", "--for", "envoy-gateway", "--config"]);
            succeeds(written.arg(config));
        }
    }
}

/// A number with many digits, a price, a date and a text of digits come out as they went in.
#[test]
fn values_keep_their_types() {
    let all = manifests(
        "standalone",
        &["config.clients[0].labels={\"cost_center\":\"4711\"}"],
    );
    let text = one(&all, "ConfigMap")["data"]["tollgate.yaml"]
        .as_str()
        .expect("the file");
    let config: Value = serde_saphyr::from_str(text).expect("YAML");
    assert_eq!(config["max_request_bytes"], 33_554_432);
    assert_eq!(config["prices"][0]["input"], 2.5);
    assert_eq!(config["prices"][0]["from"], "2026-01-01");
    assert_eq!(config["clients"][0]["labels"]["cost_center"], "4711");
    check(files(&all).path());
}

/// Who has a tollgate.yaml gives that, with the one address changed that the kubelet asks.
#[test]
fn a_whole_file_can_be_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let render = |text: &str| {
        let file = folder.path().join("tollgate.yaml");
        std::fs::write(&file, text).expect("written");
        super::helm()
            .args(["template", "gateway", "--kube-version", super::KUBERNETES])
            .arg(crate::root().join(super::CHART))
            .args([
                "--set",
                "envoy.tls.existingSecret=certificate",
                "--set-file",
            ])
            .arg(format!("config={}", file.display()))
            .output()
            .expect("helm runs")
    };
    let text = crate::text("envoy/tollgate.yaml");
    let refused = render(&text);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("config.listen.admin is 127.0.0.1:9090"),
        "{said}"
    );
    let taken = render(&text.replace("127.0.0.1:9090", "0.0.0.0:9090"));
    assert!(
        taken.status.success(),
        "{}",
        String::from_utf8_lossy(&taken.stderr)
    );
    let all = documents(&String::from_utf8(taken.stdout).expect("UTF-8"));
    let written = one(&all, "ConfigMap")["data"]["tollgate.yaml"]
        .as_str()
        .expect("the file");
    assert!(written.contains("x-end-user"), "{written}");
    check(files(&all).path());
}

#[test]
fn a_mode_has_the_addresses_that_it_needs() {
    let config = |name: &str, settings: &[&str]| -> Value {
        let all = manifests(name, settings);
        let text = one(&all, "ConfigMap")["data"]["tollgate.yaml"]
            .as_str()
            .expect("the file");
        serde_saphyr::from_str(text).expect("YAML")
    };
    for name in ["standalone", "sidecar"] {
        let config = config(name, &[]);
        assert_eq!(config["listen"]["grpc"], "unix:/run/tollgate/tollgate.sock");
        assert!(config["listen"]["grpc_tls"].is_null() && config["decisions"].is_null());
    }
    let service = config("service", &[]);
    assert_eq!(service["listen"]["grpc"], "0.0.0.0:9000");
    assert_eq!(
        service["listen"]["grpc_tls"]["clients"][0],
        "spiffe://cluster.local/ns/envoy-gateway-system/sa/envoy"
    );
    assert_eq!(
        service["decisions"]["keys"][1]["file"],
        "/etc/tollgate/decisions/secondary"
    );
    assert_eq!(service["limits"]["redis"]["replicas"], 9);
    let address = &service["envoy"]["tollgate"]["address"];
    assert_eq!(address, "gateway-tollgate.ai.svc.cluster.local:9000");
    // What somebody writes comes first.
    let own = config(
        "service",
        &["config.listen.grpc_tls={\"revocation\":{\"crl\":\"off\"}}"],
    );
    assert_eq!(own["listen"]["grpc_tls"]["revocation"]["crl"], "off");
    assert_eq!(
        own["listen"]["grpc_tls"]["key"],
        "/etc/tollgate/tls/tls.key"
    );
}

/// A change must reach the running service: a file that is mounted by `subPath` stays as it was.
#[test]
fn the_configuration_is_mounted_as_a_folder() {
    for values in super::examples() {
        let text = rendered(values, &[]);
        let Some(_) = super::workload(&documents(&text)) else {
            continue;
        };
        let all = documents(&text);
        let mounts = container(pod(&all), "tollgate")["volumeMounts"]
            .as_array()
            .expect("mounts")
            .clone();
        let config = mounts
            .iter()
            .find(|it| it["mountPath"] == FOLDER)
            .expect("mounted");
        assert_eq!(config["readOnly"], true);
        for mount in &mounts {
            assert!(mount["subPath"].is_null(), "{mount}");
            let path = mount["mountPath"].as_str().expect("a path");
            assert!(
                path == FOLDER || !path.starts_with(FOLDER),
                "{path} is in a read-only folder"
            );
        }
    }
}
