//! The rooms of the code as docs/architecture.md draws them: data flows one way, and each outside world has
//! one room that speaks to it. Read from the `use` lines and paths of the code itself.

#![expect(
    clippy::expect_used,
    reason = "a test that can't read the code says so and fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of the code that is not a test.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if name.ends_with(".rs") && !name.contains("test") {
            found.push(path);
        }
    }
}

/// The code of a file, without comments and unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a file");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The room that a file is in: the first folder or file below `src`.
fn room(path: &Path) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = path.strip_prefix(source).expect("below src");
    let first = inside.components().next().expect("a name").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Which rooms each room names, with a file that does.
fn arrows() -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    let mut arrows: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for path in found {
        let from = room(&path);
        for rest in code(&path).split("crate::").skip(1) {
            let to: String = rest
                .chars()
                .take_while(|it| it.is_ascii_alphanumeric() || *it == '_')
                .collect();
            if !to.is_empty() && to != from && from != "lib" && from != "main" {
                arrows
                    .entry(from.clone())
                    .or_default()
                    .insert(to, path.clone());
            }
        }
    }
    arrows
}

/// Fails where something needs itself through others.
fn assert_no_circle(arrows: &BTreeMap<String, BTreeMap<String, PathBuf>>) {
    for start in arrows.keys() {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = vec![start];
        while let Some(name) = open.pop() {
            for (next, file) in arrows.get(name).into_iter().flatten() {
                assert_ne!(
                    next,
                    start,
                    "a circle: {start} … {name} → {next} in {}",
                    file.display()
                );
                if reached.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
    }
}

#[test]
fn no_room_needs_itself_through_another() {
    assert_no_circle(&arrows());
}

/// The module that a file is: `src/auth/token/mod.rs` is `auth`, `token`.
fn module(path: &Path) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = path.strip_prefix(source).expect("below src");
    let mut names: Vec<String> = inside
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.pop_if(|last| last == "mod");
    names
}

/// The paths that a text begins with: `a::{b, c::D}` is `a::b` and `a::c::D`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(list) = text.strip_prefix('{') {
        let (mut depth, mut found, mut begin) = (1_u32, Vec::new(), 0);
        for (at, c) in list.char_indices() {
            depth = match c {
                '{' => depth + 1,
                '}' => depth - 1,
                _ => depth,
            };
            if depth == 0 || (depth == 1 && c == ',') {
                let member = list.get(begin..at).unwrap_or_default();
                found.extend(paths(member.trim()));
                begin = at + 1;
            }
            if depth == 0 {
                break;
            }
        }
        return found;
    }
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    if name.is_empty() {
        return Vec::new();
    }
    let mut below = rest.strip_prefix("::").map(paths).unwrap_or_default();
    if below.is_empty() {
        below.push(Vec::new());
    }
    for path in &mut below {
        path.insert(0, name.to_owned());
    }
    below
}

/// The modules and items that a module's code names, by their whole paths.
fn named(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest
        .find("crate::")
        .into_iter()
        .chain(rest.find("super::"))
        .min()
    {
        let (_, mut path) = rest.split_at(at);
        let mut base = module.to_vec();
        if let Some(inside) = path.strip_prefix("crate::") {
            base.clear();
            path = inside;
        }
        while let Some(above) = path.strip_prefix("super::") {
            base.pop();
            path = above;
        }
        let whole = |path: Vec<String>| base.iter().cloned().chain(path).collect();
        found.extend(paths(path).into_iter().map(whole));
        rest = path;
    }
    found
}

/// What each folder's `mod.rs` shows of its files: the item's path there, and the file that it comes from.
fn shown(found: &[PathBuf], modules: &BTreeSet<Vec<String>>) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut shown = BTreeMap::new();
    for path in found.iter().filter(|path| path.ends_with("mod.rs")) {
        let folder = module(path);
        let code = code(path);
        for shows in code.split("\npub").skip(1) {
            let shows = shows.trim_start_matches(|c| c != ' ').trim_start();
            let Some(shows) = shows.strip_prefix("use ") else {
                continue;
            };
            for path in paths(shows) {
                let whole: Vec<String> = folder.iter().chain(&path).cloned().collect();
                let file = (folder.len()..whole.len()).rev().find_map(|end| {
                    let module = whole.get(..end)?;
                    modules.contains(module).then(|| module.to_vec())
                });
                if let (Some(file), Some(item)) = (file, path.last()) {
                    let at: Vec<String> = folder.iter().chain([item]).cloned().collect();
                    // A module of the folder is shown as what it is.
                    if file.len() > folder.len() && file != at {
                        shown.insert(at, file);
                    }
                }
            }
        }
    }
    shown
}

/// Replaces an item that a `mod.rs` shows by the file that it comes from.
fn follow(path: &mut Vec<String>, shown: &BTreeMap<Vec<String>, Vec<String>>) {
    for end in 1..=path.len() {
        if let Some(file) = path.get(..end).and_then(|item| shown.get(item)) {
            let item = path.get(end - 1).cloned();
            *path = file.iter().cloned().chain(item).collect();
            return follow(path, shown);
        }
    }
}

/// A folder with a file that needs, through others of the same folder, itself can be understood as a whole
/// only. A folder within it counts as one of its files; `mod.rs`, which names them all, does not count.
#[test]
fn no_file_needs_itself_through_another_of_its_folder() {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    let modules: BTreeSet<Vec<String>> = found.iter().map(|path| module(path)).collect();
    let shown = shown(&found, &modules);
    let mut folders: BTreeMap<&[String], BTreeMap<String, BTreeMap<String, PathBuf>>> =
        BTreeMap::new();
    for path in &found {
        let from = module(path);
        for mut to in named(&code(path), &from) {
            follow(&mut to, &shown);
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            let Some((sibling, arrow)) = from.get(shared).zip(to.get(..=shared)) else {
                continue;
            };
            // What else is named is an item of the folder's own `mod.rs`.
            if let Some(known) = modules.get(arrow)
                && let Some((name, folder)) = known.split_last()
            {
                let arrows = folders.entry(folder).or_default();
                let arrows = arrows.entry(sibling.clone()).or_default();
                arrows.insert(name.clone(), path.clone());
            }
        }
    }
    let seen = folders.get(["config".to_owned()].as_slice());
    assert!(
        seen.is_some_and(|it| it
            .get("validate")
            .is_some_and(|it| it.contains_key("clients"))),
        "the reader of paths is out of date"
    );
    for arrows in folders.values() {
        assert_no_circle(arrows);
    }
}

#[test]
fn each_outside_world_has_one_room() {
    let mut found = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    for (name, rooms) in [
        ("envoy_types::", &["envoy"][..]),
        ("azure_identity::", &["upstream"]),
        ("azure_core::", &["upstream"]),
        ("serde_saphyr::", &["config"]),
        ("clap::", &["cli", "telemetry"]),
        ("axum::", &["admin"]),
        // The database's URLs are of the same type; nothing is fetched there.
        (
            "reqwest::",
            &["auth", "cli", "database", "events", "telemetry"],
        ),
        ("aws_lc_rs::", &["auth"]),
        ("webpki::", &["auth"]),
        (" rustls::", &["auth"]),
        ("tokio_rustls::", &["envoy"]),
        ("tonic::", &["envoy", "control", "cli", "telemetry"]),
        ("opentelemetry::", &["telemetry"]),
        ("opentelemetry_otlp::", &["telemetry"]),
        ("sqlx::", &["database", "usage", "control"]),
        ("redis::{", &["limits"]),
        ("redis::aio::", &["limits"]),
        ("redis::cluster::", &["limits"]),
    ] {
        let mut is_used = false;
        for path in &found {
            let named = code(path).contains(name);
            is_used |= named;
            assert!(
                !named || rooms.contains(&room(path).as_str()),
                "{} names {name}",
                path.display()
            );
        }
        assert!(is_used, "nothing names {name}: the rule is out of date");
    }
}
