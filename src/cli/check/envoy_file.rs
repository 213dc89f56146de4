//! Whether Envoy's file, or the folder that a running Envoy follows, is what would be written now.

use std::io;
use std::path::Path;

use crate::config::{Config, Finding};
use crate::envoy_config::{BOOTSTRAP, CLUSTERS, Discovery, Part, Settings, Version, render};

/// What no other file has by chance: whoever is told to put another one in its place would lose it.
const IN_EACH_FILE: &str = "Written by `tollgate envoy";

/// What is wrong with a file or a folder; where a file is another one, its first line that differs.
pub(super) fn examine(config: &Config, path: &Path, file: &Path) -> Option<Finding> {
    let found = match file.is_dir() {
        true => examine_folder(config, path, file),
        false => examine_file(config, path, file),
    };
    found.err().map(|(line, message)| Finding {
        line,
        ..Finding::error(&file.display().to_string(), message)
    })
}

/// A line, and what is wrong.
type Wrong = (Option<u64>, String);

fn examine_file(config: &Config, path: &Path, file: &Path) -> Result<(), Wrong> {
    let name = file.display();
    let from = path.display();
    let there = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no such file: tollgate envoy --config {from} > {name}")
        }
        _ => error.to_string(),
    });
    let there = there.map_err(whole)?;
    let (settings, option) = as_written(&config.envoy, &there);
    let wanted = render(&settings, Part::Whole).map_err(|error| whole(error.to_string()))?;
    if there == wanted {
        return Ok(());
    }
    if !there.contains(IN_EACH_FILE) {
        let message = "not an Envoy configuration that tollgate has written";
        return Err(whole(message.to_owned()));
    }
    let lines = there.lines().map(Some).chain(std::iter::repeat(None));
    let wanted = wanted.lines().map(Some).chain(std::iter::once(None));
    let same = lines.zip(wanted).take_while(|(a, b)| a == b && b.is_some());
    let line = u64::try_from(same.count()).ok();
    // A shell empties the file before anything is written, also where nothing will be.
    let command =
        format!("tollgate envoy --config {from}{option} > {name}.new && mv {name}.new {name}");
    let message = format!(
        "not what is written from {from} now; this puts another one in its place, which Envoy reads when it starts: {command}"
    );
    Err((line.map(|same| same.saturating_add(1)), message))
}

fn examine_folder(config: &Config, path: &Path, folder: &Path) -> Result<(), Wrong> {
    let whole_path = folder.canonicalize();
    let whole_path = whole_path.map_err(|error| whole(error.to_string()))?;
    let there = |name: &str| std::fs::read_to_string(whole_path.join(name)).unwrap_or_default();
    let (settings, option) = as_written(&config.envoy, &there(BOOTSTRAP));
    let wanted = Discovery::render(&settings, &whole_path);
    let mut wanted = wanted.map_err(|error| whole(error.to_string()))?;
    // What goes is still among the clusters for a while.
    wanted.clusters = wanted.clusters_after(&there(CLUSTERS)).text;
    let files = wanted.files().into_iter();
    let differing: Vec<_> = files
        .filter(|(name, text)| there(name) != **text)
        .map(|(name, _)| name)
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    let from = path.display();
    let command = format!(
        "tollgate envoy --config {from}{option} --watch {}",
        folder.display()
    );
    Err(whole(format!(
        "not what is written from {from} now: {}: is `{command}` running?",
        differing.join(", ")
    )))
}

fn whole(message: String) -> Wrong {
    (None, message)
}

/// What would be written for the Envoy that a file is for, where tollgate.yaml names none, and the option that says so.
fn as_written(settings: &Settings, there: &str) -> (Settings, String) {
    let of_file = Version::of_file(there)
        .filter(|it| settings.version.is_none() && *it != Version::default());
    let option = of_file.map(|it| format!(" --envoy-version {it}"));
    let settings = Settings {
        version: settings.version.or(of_file),
        ..settings.clone()
    };
    (settings, option.unwrap_or_default())
}
