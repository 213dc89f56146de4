//! `tollgate envoy --watch`: keeps the files of a running Envoy as tollgate.yaml says.
//!
//! No request may be sent where Envoy does not know of a place: new clusters come first, and the routes to them
//! when Envoy has them; those that nobody is sent to any more go last, when what was on its way has ended.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::files::Folder;
use super::for_version;
use crate::cli::health;
use crate::cli::say;
use crate::cli::terminated::Terminated;
use crate::config::{Config, Watch};
use crate::envoy_config::{Address, BOOTSTRAP, CLUSTERS, Discovery, LISTENERS, ROUTES, Version};

/// How long Envoy may take to have a new cluster, and how long is waited where its admin endpoint can't be
/// reached from here.
const TAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks at Envoy.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// As long as a route lets a request be silent: after that it goes to no other backend.
const LEAVE_AFTER: Duration = Duration::from_secs(600);
/// A configuration that is refused is read again after this time, as the service does.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Writes until told to stop. Only a first configuration that is wrong, or a folder that can't be written, ends it
/// earlier.
pub(super) fn run(
    config: &Path,
    folder: &Path,
    version: Option<Version>,
) -> Result<ExitCode, String> {
    let folder = Folder::open(folder)?;
    let loaded = match Config::load(config) {
        Ok(loaded) => loaded,
        Err(error) => {
            say(&mut io::stderr(), &error.report());
            return Ok(ExitCode::FAILURE);
        }
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(follow(config.to_owned(), folder, loaded, version))?;
    Ok(ExitCode::SUCCESS)
}

async fn follow(
    path: PathBuf,
    folder: Folder,
    mut config: Config,
    version: Option<Version>,
) -> Result<(), String> {
    config.envoy = for_version(config.envoy, version);
    let mut terminated = Terminated::new()?;
    let mut watch = Watch::new(std::mem::take(&mut config.files));
    let mut leaving = take(&folder, &config).await?;
    let mut refused: Option<String> = None;
    loop {
        let end = leaving.unwrap_or_else(Instant::now);
        tokio::select! {
            () = terminated.wait() => return Ok(()),
            () = watch.changed() => {}
            () = sleep(RETRY_INTERVAL), if refused.is_some() => {}
            () = sleep_until(end), if leaving.is_some() => {
                let clusters = discovery(&folder, &config)?.clusters;
                folder.write(CLUSTERS, &clusters)?;
                leaving = None;
                continue;
            }
        }
        let loaded = Config::load(&path).map_err(|error| error.report());
        let loaded = loaded.map(|it| Config {
            envoy: for_version(it.envoy, version),
            ..it
        });
        // Without an address there is nothing to be written, either.
        let checked = loaded.and_then(|it| discovery(&folder, &it).map(|_| it));
        match checked {
            Ok(mut changed) => {
                watch.follow(std::mem::take(&mut changed.files));
                config = changed;
                refused = None;
                leaving = take(&folder, &config).await?.or(leaving);
            }
            Err(reason) if refused.as_ref() != Some(&reason) => {
                let note = "the files for Envoy stay as they are";
                say(
                    &mut io::stderr(),
                    &format!("{}\n{note}\n", reason.trim_end()),
                );
                refused = Some(reason);
            }
            Err(_) => {}
        }
    }
}

fn discovery(folder: &Folder, config: &Config) -> Result<Discovery, String> {
    Discovery::render(&config.envoy, folder.path()).map_err(|error| format!("{error}\n"))
}

/// Writes what differs, and says so. Returns when the clusters that nobody is sent to may go.
async fn take(folder: &Folder, config: &Config) -> Result<Option<Instant>, String> {
    let files = discovery(folder, config)?;
    let before = folder.read(CLUSTERS)?;
    let is_first = before.is_empty();
    let clusters = files.clusters_after(&before);
    let mut written = Vec::new();
    let mut write = |name: &'static str, text: &str| {
        let differs = folder.write(name, text)?;
        written.extend(differs.then_some(name));
        Ok::<(), String>(())
    };
    write(CLUSTERS, &clusters.text)?;
    if !is_first {
        wait_for(&config.envoy.admin, &clusters.new).await;
    }
    write(ROUTES, &files.routes)?;
    write(LISTENERS, &files.listeners)?;
    write(BOOTSTRAP, &files.bootstrap)?;
    let shown = folder.path().display();
    let said = match (is_first, written.contains(&BOOTSTRAP)) {
        (true, _) => format!("{shown}: written: start Envoy with {shown}/{BOOTSTRAP}\n"),
        (false, true) => format!(
            "{shown}: written: {}: restart Envoy, which reads {BOOTSTRAP} only when it starts\n",
            written.join(", ")
        ),
        (false, false) if written.is_empty() => {
            format!("{shown}: nothing to change: Envoy starts with {shown}/{BOOTSTRAP}\n")
        }
        (false, false) => format!("{shown}: written: {}\n", written.join(", ")),
    };
    say(&mut io::stdout(), &said);
    if !clusters.changed.is_empty() {
        let changed = clusters.changed.join(", ");
        let note = "until Envoy has the other files, too, tollgate does not send requests there; a new address under a new name costs none";
        say(
            &mut io::stdout(),
            &format!("{shown}: changed under its name: {changed}: {note}\n"),
        );
    }
    let leaves = !clusters.leaving.is_empty();
    Ok(leaves.then(|| Instant::now() + LEAVE_AFTER))
}

/// Waits until Envoy has all these clusters, or for [`TAKE_TIMEOUT`]: it may be where its admin endpoint can't be
/// reached from here, or not be there at all.
async fn wait_for(admin: &Address, clusters: &[String]) {
    let look = async {
        for name in clusters {
            while !has(admin, name).await {
                sleep(LOOK_INTERVAL).await;
            }
        }
    };
    // Either way the routes follow.
    let _ = timeout(TAKE_TIMEOUT, look).await;
}

/// Whether this cluster is in use: one that waits for its first address is not.
async fn has(admin: &Address, cluster: &str) -> bool {
    let Ok(address) = format!("{}:{}", admin.address, admin.port).parse() else {
        return false;
    };
    let Ok(mut url) = health::page(address, "config_dump") else {
        return false;
    };
    url.query_pairs_mut()
        .append_pair("resource", "dynamic_active_clusters")
        .append_pair("name_regex", &cluster.replace('.', "[.]"));
    let answer = health::ask(&url, health::MAX_ANSWER_BYTES).await;
    answer.is_ok_and(|(_, text)| text.contains(&format!("\"name\": \"{cluster}\"")))
}
