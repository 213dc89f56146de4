//! A running Envoy follows tollgate.yaml by the files that `tollgate envoy --watch` writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::StatusCode;
use tokio::process::Command;
use tokio::task::JoinSet;
use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{
    CHAT_PATH, Callers, Child, Envoy, Launch, Lines, Options, Output, Stack, paths, wait_for,
};

use crate::support::{hello, hello_stream};

/// Callers that ask all the time.
const CALLERS: usize = 8;

/// A gateway whose Envoy has its configuration from a folder.
struct Followed {
    stack: Stack,
    /// tollgate.yaml with three backends, each of which can be left out.
    all: String,
    folder: PathBuf,
    watch: Child,
    envoy: Envoy,
    callers: Callers,
}

impl Followed {
    async fn start(backends: &[&str]) -> Self {
        Self::with(backends, "").await
    }

    /// With more about Envoy.
    async fn with(backends: &[&str], more: &str) -> Self {
        let others = ["east", "west"].map(|name| AzureOptions {
            name: name.to_owned(),
            ..AzureOptions::default()
        });
        let stack = Stack::start(Options::default().more_backends(others.into())).await;
        let directory = stack.directory().to_owned();
        let at = |name: &str| directory.join(name).display().to_string();
        let envoy = format!(
            "envoy: {{ {more}listen: \"127.0.0.1:0\", admin: \"127.0.0.1:{}\", tls: {{ certificate: {}, key: {} }} }}\n",
            free_port().expect("a port"),
            at("gateway.pem"),
            at("gateway.key"),
        );
        let text = std::fs::read_to_string(stack.config_path()).expect("tollgate.yaml");
        // Envoy finds them by a name, as it finds Azure.
        let all = text.replace("https://127.0.0.1", "https://localhost") + &envoy;
        let folder = directory.join("envoy-files");
        write(&stack, &with(&all, backends));
        in_force(&stack, 1).await;
        let mut command = Command::new(paths::binary("tollgate").expect("built"));
        command
            .args(["envoy", "--config"])
            .arg(stack.config_path())
            .arg("--watch")
            .arg(&folder);
        let watch = Child::spawn("tollgate envoy", command, Output::Kept).expect("started");
        lines(watch.stdout(), 1).await;
        let own = tempfile::tempdir_in(&directory).expect("a directory");
        let bootstrap = folder.join("envoy.yaml");
        let envoy = Envoy::start_with(&bootstrap, own.path(), Launch::default()).await;
        let envoy = envoy.unwrap_or_else(|failure| panic!("{failure}"));
        let authority = std::fs::read_to_string(stack.authority()).expect("a certificate");
        let callers = Callers::new(envoy.address(), &authority).expect("callers");
        Self {
            stack,
            all,
            folder,
            watch,
            envoy,
            callers,
        }
    }

    /// Another configuration, for tollgate and for Envoy at once; `nth` counts them.
    async fn change(&self, nth: usize, backends: &[&str]) {
        write(&self.stack, &with(&self.all, backends));
        in_force(&self.stack, nth + 1).await;
        lines(self.watch.stdout(), nth + 1).await;
    }

    /// Whether `tollgate check` finds the files as they should be, and what it says.
    async fn check(&self) -> (bool, String) {
        let mut command = Command::new(paths::binary("tollgate").expect("built"));
        command
            .args(["check", "--file-only", "--config"])
            .arg(self.stack.config_path());
        let output = command.arg("--envoy").arg(&self.folder).output().await;
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    }

    fn seen(&self) -> [usize; 3] {
        let [east, west] = self.stack.others.as_slice() else {
            panic!("two more")
        };
        [&self.stack.azure, east, west].map(|it| it.requests().len())
    }

    /// Waits until this backend has answered so many more.
    async fn served(&self, backend: usize, more: usize) {
        let before = self.seen()[backend];
        wait_for("requests", async || {
            (self.seen()[backend] >= before + more).then_some(())
        })
        .await;
    }
}

fn write(stack: &Stack, text: &str) {
    let path = stack.config_path();
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(new, path).expect("renamed");
}

/// Only these backends.
fn with(all: &str, backends: &[&str]) -> String {
    let is_other = |line: &&str| {
        ["sweden", "east", "west"]
            .iter()
            .any(|name| line.contains(&format!("{{ name: {name},")) && !backends.contains(name))
    };
    let mut text = String::new();
    for line in all.lines().filter(|line| !is_other(line)) {
        text += line;
        text += "\n";
    }
    text
}

async fn lines(output: &Lines, count: usize) {
    wait_for("what is written", async || {
        (output.all().len() >= count).then_some(())
    })
    .await;
}

async fn in_force(stack: &Stack, times: usize) {
    let log = stack.tollgate().log();
    wait_for("the configuration", async || {
        let lines = log.all();
        let is_one = |line: &&String| line.contains("configuration is in force");
        (lines.iter().filter(is_one).count() >= times).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_come_and_go_and_no_request_fails() {
    let gateway = Followed::start(&["sweden"]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut asking = JoinSet::new();
    for nth in 0..CALLERS {
        let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
        let client = gateway.callers.http1().clone();
        let url = gateway.callers.url(CHAT_PATH);
        let key = gateway.stack.key.text().to_owned();
        let body = if nth % 2 == 0 {
            hello()
        } else {
            hello_stream()
        };
        asking.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let request = client.post(&url).header("api-key", &key).json(&body);
                let response = request.send().await.expect("Envoy answers");
                let status = response.status();
                let text = response.text().await.expect("a whole body");
                assert_eq!(status, StatusCode::OK, "{text}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    gateway.served(0, 20).await;
    for (nth, (backends, new)) in [
        (&["sweden", "east"][..], 1),
        (&["east", "west"][..], 2),
        (&["west"][..], 2),
        (&["sweden", "west"][..], 0),
        (&["sweden"][..], 0),
    ]
    .into_iter()
    .enumerate()
    {
        gateway.change(nth + 1, backends).await;
        gateway.served(new, 20).await;
    }
    let [_, east, west] = gateway.seen();
    gateway.served(0, 50).await;
    assert_eq!(gateway.seen()[1..], [east, west], "nobody is sent there");
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = asking.join_next().await {
        ended.expect("no request has failed");
    }
    let total: usize = gateway.seen().iter().sum();
    assert_eq!(
        total,
        answered.load(Ordering::Relaxed),
        "each was asked for once"
    );
    // What may still be on its way there has its cluster.
    let clusters = gateway.envoy.admin("/clusters").await.expect("a page");
    for name in ["sweden", "east", "west"] {
        assert!(
            clusters.contains(&format!("azure_openai.{name}::")),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_changes_no_file() {
    let mut gateway = Followed::start(&["sweden"]).await;
    let before = files(&gateway.folder);
    let check = gateway.check().await;
    assert!(check.0, "{}", check.1);
    write(&gateway.stack, "listen: nowhere\n");
    wait_for("what is wrong", async || {
        let said = gateway.watch.stderr().all();
        said.iter()
            .any(|it| it.contains("stay as they are"))
            .then_some(())
    })
    .await;
    let said = gateway.watch.stderr().all().join("\n");
    assert!(said.contains("tollgate.yaml:1"), "{said}");
    assert!(
        said.contains("the files for Envoy stay as they are"),
        "{said}"
    );
    assert_eq!(files(&gateway.folder), before);
    let request = gateway.callers.http1().post(gateway.callers.url(CHAT_PATH));
    let request = request.header("api-key", gateway.stack.key.text());
    let response = request.json(&hello()).send().await.expect("Envoy answers");
    assert_eq!(response.status(), StatusCode::OK);
    // A change of what Envoy reads only when it starts.
    let admin = gateway
        .all
        .replace("envoy: {", "envoy: { max_connections: 7,");
    write(&gateway.stack, &with(&admin, &["sweden"]));
    lines(gateway.watch.stdout(), 2).await;
    let said = gateway.watch.stdout().all().join("\n");
    assert!(said.contains("envoy.yaml: restart Envoy"), "{said}");
    gateway.watch.signal("TERM").await.expect("told");
    let status = gateway.watch.ended().await.expect("it ends");
    assert!(status.success(), "{status}");
    // What nobody has written: another listener, without the filters.
    for file in ["listeners.yaml", "clusters.yaml"] {
        let path = gateway.folder.join(file);
        let own = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(&path, format!("{own}  - {{ name: other }}\n")).expect("written");
        let (is_same, said) = gateway.check().await;
        assert!(!is_same && said.contains(file), "{said}");
        std::fs::write(&path, own).expect("written");
    }
    assert!(gateway.check().await.0);
    write(&gateway.stack, &with(&gateway.all, &["sweden", "east"]));
    let (is_same, said) = gateway.check().await;
    assert!(
        !is_same && said.contains("envoy.yaml, clusters.yaml, routes.yaml: is `"),
        "{said}"
    );
}

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut all: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a file");
            (path, text)
        })
        .collect();
    all.sort();
    all
}

/// Envoy before 1.39 can't choose a cluster anew: the others follow in the order of tollgate.yaml.
#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_without_the_refresh_asks_the_others_in_a_fixed_order() {
    let gateway = Followed::with(&["sweden", "east", "west"], "version: \"1.38\", ").await;
    let pool = "pools:\n  - { deployment: gpt-4o, backends: [ { name: west, priority: 0 }, { name: sweden, priority: 1 }, { name: east, priority: 2 } ] }\n";
    write(&gateway.stack, &(gateway.all.clone() + pool));
    in_force(&gateway.stack, 2).await;
    let ask = async |body: &serde_json::Value| {
        let request = gateway.callers.http1().post(gateway.callers.url(CHAT_PATH));
        let request = request.header("api-key", gateway.stack.key.text());
        let response = request.json(body).send().await.expect("Envoy answers");
        let status = response.status();
        (status, response.text().await.expect("a whole body"))
    };
    let [east, west] = gateway.stack.others.as_slice() else {
        panic!("two more")
    };
    let all = [&gateway.stack.azure, east, west];
    // The first is the pool's; then sweden, then east.
    assert_eq!(ask(&hello()).await.0, StatusCode::OK);
    assert_eq!(gateway.seen(), [0, 0, 1]);
    for body in [hello(), hello_stream()] {
        west.fail_next(&[Fault::Status(503)]);
        let (status, text) = ask(&body).await;
        assert_eq!(status, StatusCode::OK, "{text}");
    }
    assert_eq!(gateway.seen(), [2, 0, 3]);
    west.fail_next(&[Fault::Status(500)]);
    gateway.stack.azure.fail_next(&[Fault::ResetBeforeHeaders]);
    assert_eq!(ask(&hello()).await.0, StatusCode::OK);
    assert_eq!(gateway.seen(), [3, 1, 4]);
    // Each has billed what its records say.
    let audit = gateway.stack.tollgate().audit();
    audit.wait_for_count("usage records", 4).await;
    let of = |name: &str| {
        let lines = audit.json().into_iter();
        let lines = lines.filter(|it| it["event"] == "usage" && it["backend"] == name);
        lines
            .map(|it| it["total_tokens"].as_u64().expect("tokens"))
            .sum::<u64>()
    };
    for (azure, name) in all.into_iter().zip(["sweden", "east", "west"]) {
        let tokens = azure.totals().tokens;
        assert_eq!(of(name), tokens.prompt + tokens.completion, "{name}");
    }
    // One that asks to be left alone is; it is not asked within the row, either.
    west.fail_next(&[Fault::Status(429)]);
    for _ in 0..2 {
        assert_eq!(ask(&hello()).await.0, StatusCode::OK);
    }
    assert_eq!(gateway.seen(), [5, 1, 5]);
    // A product that keeps away from sweden never goes there: the row ends before it.
    let pinned = (gateway.all.clone() + pool).replacen(
        "    operations: [",
        "    backends: { names: [west, east] }\n    operations: [",
        1,
    );
    write(&gateway.stack, &pinned);
    in_force(&gateway.stack, 3).await;
    for azure in [west, east] {
        azure.set_fault(Some(Fault::Status(503)));
    }
    assert_eq!(ask(&hello()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gateway.seen()[0], 5);
}
