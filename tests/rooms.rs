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

#[test]
fn no_room_needs_itself_through_another() {
    let arrows = arrows();
    for start in arrows.keys() {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = vec![start];
        while let Some(room) = open.pop() {
            for (next, file) in arrows.get(room).into_iter().flatten() {
                assert_ne!(
                    next,
                    start,
                    "a circle: {start} … {room} → {next} in {}",
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
        ("reqwest::", &["auth", "cli"]),
        ("jsonwebtoken::", &["auth"]),
        ("webpki::", &["auth"]),
        ("tonic::", &["envoy", "control", "cli"]),
        ("sqlx::", &["database", "usage", "control"]),
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
