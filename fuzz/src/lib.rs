//! What outsiders send to tollgate, each as a target for a coverage-guided fuzzer.
//!
//! A target takes any bytes, asserts what must hold for them, and says whether they were accepted.
//! `make fuzz` runs them under libFuzzer; the ordinary tests replay the corpora.

mod azure;
mod body;
mod check;
mod content;
mod crl;
mod fixture;
mod form;
mod key;
mod lines;
mod log;
mod media;
mod meter;
mod token;
mod trace;
mod xfcc;

use std::path::{Path, PathBuf};

pub use fixture::Fixture;

/// One kind of input.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder under `corpus/`.
    pub name: &'static str,
    /// Tries an input, panics where a property does not hold, and says whether it was accepted.
    pub run: fn(&[u8]) -> bool,
}

/// Every target.
pub const TARGETS: [Target; 14] = [
    Target {
        name: "token",
        run: token::run,
    },
    Target {
        name: "trace",
        run: trace::run,
    },
    Target {
        name: "xfcc",
        run: xfcc::run,
    },
    Target {
        name: "crl",
        run: crl::run,
    },
    Target {
        name: "key",
        run: key::run,
    },
    Target {
        name: "check",
        run: check::run,
    },
    Target {
        name: "body",
        run: body::run,
    },
    Target {
        name: "form",
        run: form::run,
    },
    Target {
        name: "log",
        run: log::run,
    },
    Target {
        name: "meter",
        run: meter::run,
    },
    Target {
        name: "lines",
        run: lines::run,
    },
    Target {
        name: "media",
        run: media::run,
    },
    Target {
        name: "content",
        run: content::run,
    },
    Target {
        name: "azure",
        run: azure::run,
    },
];

/// The folder of this package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs that a target's fuzzing begins with; those that are named `good-…` are accepted.
pub fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = root().join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("a corpus");
    let mut files: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The inputs of a target's corpus that are accepted.
fn good(target: &str) -> Vec<Vec<u8>> {
    let is_good = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("good-"))
    };
    let files = corpus(target).into_iter().filter(is_good);
    files
        .map(|path| std::fs::read(path).expect("a seed"))
        .collect()
}

/// Whether one text is in another.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
