//! `tollgate check`

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::say;
use crate::config::Config;
use crate::envoy_config::{BOOTSTRAP, CLUSTERS, Discovery, Part, Settings, Version, render};

/// Exits with 0 only if the service would start with the file.
pub(super) fn run(path: &Path, envoy: Option<&Path>) -> Result<ExitCode, String> {
    match Config::load(path) {
        Ok(config) => {
            let certificates = match &config.policy.certificates {
                Some(ring) => format!(", {}", counted(ring.identities(), "certificate")),
                None => String::new(),
            };
            let summary = format!(
                "{}: good: {}, {}{certificates}\n",
                path.display(),
                counted(config.policy.clients.len(), "client"),
                counted(config.policy.keys.len(), "key"),
            );
            for warning in &config.warnings {
                say(&mut io::stderr(), &format!("warning: {warning}\n"));
            }
            say(&mut io::stdout(), &summary);
            match envoy {
                Some(file) => check_envoy(&config, path, file),
                None => Ok(ExitCode::SUCCESS),
            }
        }
        Err(error) => {
            say(&mut io::stderr(), &error.report());
            Ok(ExitCode::FAILURE)
        }
    }
}

/// `1 key`, `2 keys`
fn counted(count: usize, of: &str) -> String {
    match count {
        1 => format!("1 {of}"),
        _ => format!("{count} {of}s"),
    }
}

/// What no other file has by chance: whoever is told to put another one in its place would lose it.
const IN_EACH_FILE: &str = "Written by `tollgate envoy";

/// Whether Envoy's file is what would be written now; where it is not, its first line that differs.
fn check_envoy(config: &Config, path: &Path, file: &Path) -> Result<ExitCode, String> {
    if file.is_dir() {
        return check_folder(config, path, file);
    }
    let name = file.display();
    let from = path.display();
    let there = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{name}: there is no such file: tollgate envoy --config {from} > {name}")
        }
        _ => format!("{name}: {error}"),
    })?;
    let (settings, option) = as_written(&config.envoy, &there);
    let wanted = render(&settings, Part::Whole).map_err(|error| error.to_string())?;
    if there == wanted {
        return Ok(ExitCode::SUCCESS);
    }
    if !there.contains(IN_EACH_FILE) {
        return Err(format!(
            "{name}: not an Envoy configuration that tollgate has written"
        ));
    }
    let lines = there.lines().map(Some).chain(std::iter::repeat(None));
    let wanted = wanted.lines().map(Some).chain(std::iter::once(None));
    let same = lines.zip(wanted).take_while(|(a, b)| a == b && b.is_some());
    let line = same.count() + 1;
    // A shell empties the file before anything is written, also where nothing will be.
    let command =
        format!("tollgate envoy --config {from}{option} > {name}.new && mv {name}.new {name}");
    let message = format!(
        "{name}:{line}: not what is written from {from} now; this puts another one in its place, which Envoy reads when it starts: {command}\n"
    );
    say(&mut io::stderr(), &message);
    Ok(ExitCode::FAILURE)
}

/// Whether the files that a running Envoy follows are what would be written now.
fn check_folder(config: &Config, path: &Path, folder: &Path) -> Result<ExitCode, String> {
    let shown = folder.display();
    let whole = folder.canonicalize();
    let whole = whole.map_err(|error| format!("{shown}: {error}"))?;
    let there = |name: &str| std::fs::read_to_string(whole.join(name)).unwrap_or_default();
    let (settings, option) = as_written(&config.envoy, &there(BOOTSTRAP));
    let mut wanted = Discovery::render(&settings, &whole).map_err(|error| error.to_string())?;
    // What goes is still among the clusters for a while.
    wanted.clusters = wanted.clusters_after(&there(CLUSTERS)).text;
    let files = wanted.files().into_iter();
    let differing: Vec<_> = files
        .filter(|(name, text)| there(name) != **text)
        .map(|(name, _)| name)
        .collect();
    if differing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let command = format!(
        "tollgate envoy --config {}{option} --watch {shown}",
        path.display()
    );
    let message = format!(
        "{shown}: not what is written from {} now: {}: is `{command}` running?\n",
        path.display(),
        differing.join(", ")
    );
    say(&mut io::stderr(), &message);
    Ok(ExitCode::FAILURE)
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
