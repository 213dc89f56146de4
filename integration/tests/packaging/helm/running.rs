//! The pod of mode standalone, with its containers as processes here: as a kubelet starts, asks and ends them.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{paths, poll_for};

use super::{container, manifests, one, pod};

/// Folders of the containers. One that another one's name begins with comes after it.
const FOLDERS: [&str; 5] = [
    "/etc/envoy/tollgate",
    "/etc/tollgate",
    "/run/tollgate-control",
    "/run/tollgate",
    "/var/lib/tollgate",
];

/// A process that ends when the test does, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// SIGTERM, and whether it then ends well.
    fn ends_well(mut self) -> bool {
        let id = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("kill runs").success());
        self.0.wait().expect("it ends").success()
    }
}

/// A pod whose folders are here.
struct Pod {
    manifest: Value,
    folder: TempDir,
}

impl Pod {
    fn new(all: &[Value]) -> Self {
        let pod = Self {
            manifest: pod(all).clone(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        for name in FOLDERS {
            std::fs::create_dir_all(pod.here(name)).expect("made");
        }
        let config = &one(all, "ConfigMap")["data"]["tollgate.yaml"];
        let config = pod.here(config.as_str().expect("the file"));
        let file = pod.here("/etc/tollgate/tollgate.yaml");
        std::fs::write(file, config).expect("written");
        pod
    }

    /// A text with this pod's folders in it.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (at, name) in FOLDERS.iter().enumerate() {
            let folder = self.folder.path().join(at.to_string());
            text = text.replace(name, &folder.display().to_string());
        }
        text
    }

    fn command(&self, words: &Value) -> Command {
        let words = words.as_array().expect("words").iter();
        let words: Vec<String> = words
            .map(|it| self.here(it.as_str().expect("a word")))
            .collect();
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = match program.as_str() {
            "tollgate" => crate::tollgate(),
            other => Command::new(other),
        };
        command.args(arguments);
        command
    }

    fn container(&self, name: &str) -> &Value {
        container(&self.manifest, name)
    }

    /// Starts a container; the images' entry points are tollgate and Envoy.
    fn start(&self, name: &str, program: &str, more: &[&str]) -> Running {
        let mut words = vec![json!(program)];
        words.extend_from_slice(self.container(name)["args"].as_array().expect("args"));
        let mut command = self.command(&Value::Array(words));
        command
            .args(more)
            // As workload identity's webhook sets them; there is nobody to ask.
            .env("AZURE_TENANT_ID", "66666666-7777-8888-9999-000000000000")
            .env("AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555")
            .env("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")
            .env("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Running(command.spawn().expect("it starts"))
    }

    /// Whether a probe or a hook succeeds.
    async fn succeeds(&self, action: &Value, port: u16) -> bool {
        let command = &action["exec"]["command"];
        if command.is_array() {
            let output = self.command(command).output();
            return output.expect("it runs").status.success();
        }
        let path = action["httpGet"]["path"].as_str().expect("a path");
        let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await;
        answer.is_ok_and(|it| it.status().is_success())
    }

    async fn waits_for(&self, probe: &Value, port: u16, expected: bool) {
        let said = format!("{expected} of {probe}");
        poll_for(&said, async || {
            (self.succeeds(probe, port).await == expected).then_some(())
        })
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[tokio::test]
async fn a_pod_serves_drains_and_ends() {
    let [callers, admin, envoys] = [(); 3].map(|()| free_port().expect("a port"));
    let envoy = json!({
        "plaintext": true,
        "listen": format!("127.0.0.1:{callers}"),
        "admin": format!("127.0.0.1:{envoys}"),
        // Authorities that are there on every machine: no backend is asked.
        "trusted_ca": paths::repository("integration/testdata/devices-root.pem"),
    });
    let settings = [
        format!("config.envoy={envoy}"),
        format!("config.listen.admin=\"0.0.0.0:{admin}\""),
        "envoy.drainSeconds=0".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let pod = Pod::new(&manifests("standalone", &settings));

    let tollgate = pod.start("tollgate", "tollgate", &[]);
    let of_tollgate = pod.container("tollgate");
    pod.waits_for(&of_tollgate["startupProbe"], admin, true)
        .await;
    assert!(pod.succeeds(&of_tollgate["livenessProbe"], admin).await);
    // Nobody gives it a token of the identity here.
    assert!(!pod.succeeds(&of_tollgate["readinessProbe"], admin).await);
    let writer = pod.start("envoy-config", "tollgate", &[]);
    let probe = &pod.container("envoy-config")["startupProbe"];
    pod.waits_for(probe, admin, true).await;

    let of_envoy = pod.container("envoy");
    let ready = &of_envoy["readinessProbe"];
    assert!(!pod.succeeds(ready, envoys).await, "no Envoy runs yet");
    let program = paths::envoy().expect("`make tools` fetched it");
    let program = program.display().to_string();
    let more = ["--use-dynamic-base-id", "--concurrency", "1"];
    let envoy = pod.start("envoy", &program, &more);
    pod.waits_for(ready, envoys, true).await;
    assert_eq!(of_envoy["ports"][0]["containerPort"], callers);

    // Envoy finds tollgate by the socket: without it, this would be 503.
    let url = format!("http://127.0.0.1:{callers}/openai/v1/chat/completions");
    let answer = reqwest::Client::new().post(url).body("{}").send().await;
    assert_eq!(answer.expect("an answer").status(), 401);

    let hook = &of_envoy["lifecycle"]["preStop"];
    assert!(pod.succeeds(hook, envoys).await);
    pod.waits_for(ready, envoys, false).await;
    assert!(envoy.ends_well(), "Envoy");
    assert!(writer.ends_well(), "what writes its files");
    assert!(tollgate.ends_well(), "tollgate");
}
