//! Messages, comments and pages are written in standard terms: phrases that read as if translated stay out.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::path::{Path, PathBuf};

/// Where text is written by hand.
const FOLDERS: [&str; 9] = [
    ".github",
    "deploy",
    "docs",
    "envoy",
    "fuzz",
    "integration",
    "scripts",
    "src",
    "tests",
];
/// Folders with what programs have written.
const GENERATED: [&str; 4] = ["corpus", "fixture", "target", "testdata"];
const EXTENSIONS: [&str; 11] = [
    "js", "json", "md", "mjs", "proto", "py", "rs", "sh", "sql", "yaml", "yml",
];

/// What not to write, in lower case, and what to write instead.
const BANNED: [(&str, &str); 24] = [
    ("stands twice", "`duplicate member`, `occurs twice`"),
    ("stand twice", "`duplicate member`, `occur twice`"),
    ("stands once", "`occurs once`"),
    ("stands beside", "`is next to`"),
    ("stands there", "`is there`"),
    ("stands in the", "`is in the`"),
    ("nought", "`zero`"),
    ("said aloud", "`stated explicitly`"),
    ("whatever it is worth", "`valid or not`"),
    ("key set is none", "`the key set is not valid`"),
    ("document is none", "`the document is not valid`"),
    ("that was made is none", "`the generated … is not valid`"),
    ("which are none", "`which are not`"),
    ("beside the model", "`besides the model`"),
    ("beside tokens", "`besides tokens`"),
    ("beside the deployments", "`besides the deployments`"),
    ("beside its", "`besides its`"),
    ("a key of ours", "`a tollgate key`"),
    ("that is ours", "`a configured one`"),
    ("can't be had", "`can't be fetched`, `can't be bound`"),
    ("taken apart", "`parsed`"),
    (
        "gives no random numbers",
        "`the random number generator failed`",
    ),
    ("be listened on", "`can't listen on …`"),
    ("never be good", "`never be valid`"),
];

/// `X is no Y` for `X is not a Y`. What may follow `no` all the same, and what may come before the verb.
const VERBS: [&str; 4] = [" is no ", " are no ", " was no ", " be no "];
const BEFORE: [&str; 7] = [
    "there", "answer", "default", "which", "where", "and", "than",
];
const AFTER: [&str; 5] = ["closer", "longer", "more", "later", "unless"];

/// Lines that may have a phrase, by the end of the path and a part of the line, with the reason.
const ALLOWED: [(&str, &str, &str); 1] = [("tests/words.rs", "", "the list itself")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        let extension = path
            .extension()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !GENERATED.contains(&name) {
                collect(&path, files);
            }
        } else if EXTENSIONS.contains(&extension) && !name.contains("lock") {
            files.push(path);
        }
    }
}

/// What is wrong with a line; `next` is the line after it, because sentences go over the end of a line.
fn wrong(line: &str, next: &str) -> Option<String> {
    let marks = |c: char| c.is_whitespace() || matches!(c, '/' | '!' | '#' | '-' | '|');
    let both = format!("{} {}", line.trim_end(), next.trim_start_matches(marks)).to_lowercase();
    let begins_here = |at: usize| at < line.trim_end().len();
    for (phrase, instead) in BANNED {
        if both.find(phrase).is_some_and(begins_here) {
            return Some(format!("`{phrase}`: write {instead}"));
        }
    }
    for verb in VERBS {
        for (at, _) in both.match_indices(verb).filter(|(at, _)| begins_here(*at)) {
            let before = both
                .get(..at)
                .and_then(|it| it.rsplit(|c: char| !c.is_alphanumeric()).next());
            let after = both
                .get(at + verb.len()..)
                .and_then(|it| it.split_whitespace().next());
            if !before.is_some_and(|it| BEFORE.contains(&it))
                && !after.is_some_and(|it| AFTER.contains(&it))
            {
                let not = verb.replace("no", "not");
                return Some(format!("`{verb}`: write `{not}a …`"));
            }
        }
    }
    None
}

#[test]
fn text_is_written_in_standard_terms() {
    let mut files: Vec<_> = std::fs::read_dir(root())
        .expect("the repository")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "md" || it == "yml"))
        .collect();
    files.extend(["Makefile", "Dockerfile"].map(|name| root().join(name)));
    for folder in FOLDERS {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 300, "{} files were found", files.len());
    let mut found = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("text");
        let name = path
            .strip_prefix(root())
            .expect("a file here")
            .display()
            .to_string();
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let next = lines.get(at + 1).copied().unwrap_or_default();
            let is_allowed =
                |(file, part, _): &(&str, &str, &str)| name.ends_with(file) && line.contains(part);
            if let Some(why) = wrong(line, next).filter(|_| !ALLOWED.iter().any(is_allowed)) {
                found.push(format!("{name}:{}: {why}", at + 1));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{}\n{} in all",
        found.join("\n"),
        found.len()
    );
}

#[test]
fn a_phrase_is_found_also_over_the_end_of_a_line() {
    assert!(wrong("/// A member stands", "/// twice.").is_some());
    assert!(wrong("`1w` is no duration", "").is_some());
    assert!(wrong("/// Where there is no duration", "").is_none());
    assert!(wrong("//! It is no longer", "//! there.").is_none());
    assert!(
        wrong("/// A member", "/// stands twice.").is_none(),
        "it is the next line's"
    );
}
