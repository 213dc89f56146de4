//! An Envoy that follows files.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::process::Command;
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{Child, Envoy, Launch, Output, paths, wait_for};

use super::ENVOY;
use crate::doctor::{Diagnosis, Rig, examine, sound};

/// What `tollgate envoy --watch` keeps in a folder, and an Envoy that follows it.
struct Following {
    config: PathBuf,
    folder: PathBuf,
    envoy: Envoy,
    watch: Child,
    _own: TempDir,
}

impl Following {
    async fn start(rig: &Rig) -> Self {
        let (port, folder) = (
            free_port().expect("a port"),
            rig.folder.path().join("files"),
        );
        let envoy = format!("envoy: {{ listen: \"127.0.0.1:{port}\", plaintext: true }}\n");
        let config = rig.write("tollgate.yaml", &(rig.yaml() + &envoy));
        let mut command = Command::new(paths::binary("tollgate").expect("built"));
        command.args(["envoy", "--config"]).arg(&config);
        command.arg("--watch").arg(&folder);
        let watch = Child::spawn("tollgate envoy", command, Output::Kept).expect("started");
        wait_for("the files", async || {
            (!watch.stdout().all().is_empty()).then_some(())
        })
        .await;
        let own = tempfile::tempdir().expect("a directory");
        let bootstrap = folder.join("envoy.yaml");
        let envoy = Envoy::start_with(&bootstrap, own.path(), Launch::default()).await;
        Self {
            config,
            folder,
            envoy: envoy.unwrap_or_else(|failure| panic!("{failure}")),
            watch,
            _own: own,
        }
    }

    async fn examine(&self, rig: &Rig) -> Diagnosis {
        let arguments = ["--envoy-admin", self.envoy.admin_url()];
        examine(&self.config, &rig.identity, &arguments).await
    }

    /// Puts another text in place of a file's, as whoever moves a file there does.
    fn replace(&self, name: &str, edit: impl Fn(String) -> String) {
        let (path, new) = (self.folder.join(name), self.folder.join("new"));
        let text = std::fs::read_to_string(&path).expect("a file");
        let edited = edit(text.clone());
        assert_ne!(text, edited, "{name} is as before");
        std::fs::write(&new, edited).expect("written");
        std::fs::rename(&new, &path).expect("moved");
    }

    async fn wait_for_stat(&self, name: &str, count: u64) {
        wait_for("Envoy to read its files", async || {
            let stat = self.envoy.stat(name).await;
            (stat.ok() == Some(count)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_envoy_that_follows_files_is_as_it_should_be() {
    let rig = Rig::start(sound()).await;
    let following = Following::start(&rig).await;
    let found = following.examine(&rig).await;
    found.assert_only(&[]);
    found.assert((ENVOY, "backends"), "ok", "azure_openai.sweden", "");
    found.assert((ENVOY, "updates"), "ok", "refused no change", "");
}

#[tokio::test]
async fn files_that_envoy_refuses_are_found() {
    let rig = Rig::start(sound()).await;
    let mut following = Following::start(&rig).await;
    following.watch.kill().await.expect("stopped");
    following.replace("clusters.yaml", |it| {
        it.replace("connect_timeout: 2s", "connect_timeout: -2s")
    });
    following.replace("routes.yaml", |it| {
        it.replace("prefix: /openai/", "prefixx: /openai/")
    });
    for refused in ["cluster_manager.cds", "http.callers.rds.openai"] {
        let name = format!("{refused}.update_rejected");
        following.wait_for_stat(&name, 1).await;
    }
    let at = (ENVOY, "updates");
    let found = following.examine(&rig).await;
    for of in ["clusters", "routes"] {
        let message = format!("has refused 1 of the changes of its {of}");
        found.assert(at, "warning", &message, "Envoy's log");
    }
    found.assert_only(&[at]);
    following.replace("listeners.yaml", |it| {
        it.replace("stat_prefix: callers", "stat_prefix: \"\"")
    });
    following
        .wait_for_stat("listener_manager.lds.update_rejected", 1)
        .await;
    let found = following.examine(&rig).await;
    found.assert(at, "error", "the last change of a listener", "Envoy's log");
    found.assert_only(&[at]);
}
