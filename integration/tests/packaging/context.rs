//! What the builder of the image sees: the files that .dockerignore lets through and the Dockerfile
//! copies, laid out as they are in the builder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{root, text};

/// A COPY from the repository.
struct Copy {
    sources: Vec<String>,
    destination: String,
}

/// Every COPY that takes from the repository, not from another stage.
fn copies() -> Vec<Copy> {
    let dockerfile = text("Dockerfile");
    let lines = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from="));
    let copies: Vec<Copy> = lines
        .map(|line| {
            assert!(!line.contains("--"), "an option nobody reads here: {line}");
            let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let destination = words.pop().expect("COPY has words");
            Copy {
                sources: words,
                destination,
            }
        })
        .collect();
    assert!(copies.len() > 3, "few COPY lines");
    copies
}

/// What .dockerignore lets through, of which all else is kept out.
fn allowed() -> Vec<PathBuf> {
    let ignore = text(".dockerignore");
    let mut lines = ignore
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "first, nothing is let through");
    lines
        .map(|line| {
            let path = line.strip_prefix('!').expect("then only exceptions");
            assert!(!path.contains(['*', '?', '[']), "a pattern: {line}");
            root().join(path)
        })
        .collect()
}

/// Whether a file of the repository reaches the builder.
fn is_allowed(file: &Path, allowed: &[PathBuf]) -> bool {
    allowed.iter().any(|path| file.starts_with(path))
}

/// Lays out in a folder what the builder has in its own.
pub(crate) fn lay_out(folder: &Path) {
    let allowed = allowed();
    for copy in copies() {
        for source in &copy.sources {
            let from = root().join(source);
            let mut to = folder.join(&copy.destination);
            // A folder's content goes into the destination; a file goes there under its name.
            if from.is_file() && copy.destination.ends_with('/') {
                to = to.join(from.file_name().expect("a name"));
            }
            let files = files(&from);
            let mut files = files
                .iter()
                .filter(|file| is_allowed(file, &allowed))
                .peekable();
            assert!(
                files.peek().is_some(),
                "the Dockerfile copies {source}, and nothing of it reaches the builder"
            );
            for file in files {
                let below = file.strip_prefix(&from).expect("it is in there");
                let target = match below.as_os_str().is_empty() {
                    true => to.clone(),
                    false => to.join(below),
                };
                fs::create_dir_all(target.parent().expect("a folder")).expect("made");
                fs::copy(file, &target).unwrap_or_else(|error| panic!("{source}: {error}"));
            }
        }
    }
}

/// A file, or all files of a folder.
fn files(path: &Path) -> Vec<PathBuf> {
    match path.is_dir() {
        false => Vec::from_iter(path.exists().then(|| path.to_owned())),
        true => fs::read_dir(path)
            .expect("a folder")
            .flat_map(|entry| files(&entry.expect("an entry").path()))
            .collect(),
    }
}
