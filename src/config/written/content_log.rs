//! `content_log`: where prompts and answers are kept, and without what.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::spanned::Spanned;

/// A file for prompts and answers of the products that ask for it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ContentLog {
    /// The file, in a folder that is there.
    pub(in crate::config) file: Spanned<PathBuf>,
    /// When it is put aside, and the next one begun.
    pub(in crate::config) max_bytes: Option<Spanned<u64>>,
    /// How many older ones are kept.
    pub(in crate::config) keep: Option<Spanned<u32>>,
    /// How old what is kept may become, such as `30d`: a file a day is put aside then, and older ones are deleted.
    pub(in crate::config) max_age: Option<Spanned<String>>,
    /// The most that is written of each prompt, and of each answer; 65536 if absent.
    pub(in crate::config) max_content_bytes: Option<Spanned<usize>>,
    /// What is taken out of both before they are written.
    #[serde(default)]
    pub(in crate::config) redact: Vec<Redact>,
}

/// A pattern, and what is written in its place.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Redact {
    /// `[name]` is written in the place of what is found.
    pub(in crate::config) name: Spanned<String>,
    /// A regular expression of Rust's crate `regex`, such as `(?i)order-[0-9]+`.
    pub(in crate::config) pattern: Spanned<String>,
}

/// Which of a product's requests are in it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Sampled {
    /// How many of a hundred requests, chosen at random: above 0, at most 100; all if absent.
    pub(in crate::config) percent: Option<Spanned<f64>>,
}
