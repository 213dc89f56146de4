//! The Dockerfile builds from what the repository has.

use std::path::PathBuf;

use crate::{root, text};

/// The sources of every COPY that takes from the repository, not from another stage.
fn copied() -> Vec<String> {
    let dockerfile = text("Dockerfile");
    let copies = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    let ours = copies.filter(|copy| !copy.contains("--from="));
    let sources: Vec<String> = ours
        .flat_map(|copy| {
            let words: Vec<&str> = copy.split_whitespace().collect();
            let (_destination, sources) = words.split_last().expect("COPY has words");
            sources
                .iter()
                .map(|&source| source.to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(sources.len() > 3, "few COPY lines: {sources:?}");
    sources
}

#[test]
fn every_source_of_the_image_exists_and_reaches_the_build() {
    let ignore = text(".dockerignore");
    let allowed: Vec<&str> = ignore
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    for source in copied() {
        assert!(
            root().join(&source).exists(),
            "the Dockerfile copies {source}"
        );
        assert!(
            allowed.contains(&source.as_str()),
            ".dockerignore keeps {source} out"
        );
    }
}

/// A file that the code takes in when it is compiled is one more source of the image.
#[test]
fn every_file_compiled_in_reaches_the_build() {
    let copied: Vec<PathBuf> = copied().iter().map(|source| root().join(source)).collect();
    let mut folders = vec![root().join("src"), root().join("integration/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).expect("text");
            for included in included(&source) {
                let file = folder.join(included).canonicalize();
                let file = file.unwrap_or_else(|error| panic!("{included}: {error}"));
                assert!(
                    copied.iter().any(|source| file.starts_with(source)),
                    "{} includes {included}, which the Dockerfile does not copy",
                    path.display(),
                );
            }
        }
    }
}

/// The paths in `include_str!("…")` and `include_bytes!("…")`, but for those in a file's tests, which
/// are its end.
fn included(source: &str) -> Vec<&str> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    ["include_str!(\"", "include_bytes!(\""]
        .iter()
        .flat_map(|call| source.split(call).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}
