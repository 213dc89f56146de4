//! The names as they are published, in the version that Cargo.lock pins.

#![expect(
    deprecated,
    reason = "the GenAI conventions have moved to a repository of their own, which publishes no crate"
)]

use std::collections::BTreeSet;
use std::path::Path;

use opentelemetry_semantic_conventions::{SCHEMA_URL, attribute, metric};

use super::*;

/// What is used here, and what the conventions call it.
const NAMES: [(&str, &str); 33] = [
    (SERVICE_NAME, attribute::SERVICE_NAME),
    (SERVICE_VERSION, attribute::SERVICE_VERSION),
    (SERVICE_INSTANCE_ID, attribute::SERVICE_INSTANCE_ID),
    (ERROR_TYPE, attribute::ERROR_TYPE),
    (HTTP_STATUS, attribute::HTTP_RESPONSE_STATUS_CODE),
    (URL_PATH, attribute::URL_PATH),
    (CLIENT_ADDRESS, attribute::CLIENT_ADDRESS),
    (SERVER_ADDRESS, attribute::SERVER_ADDRESS),
    (SERVER_PORT, attribute::SERVER_PORT),
    (OPERATION, attribute::GEN_AI_OPERATION_NAME),
    (PROVIDER, attribute::GEN_AI_PROVIDER_NAME),
    (REQUEST_MODEL, attribute::GEN_AI_REQUEST_MODEL),
    (RESPONSE_MODEL, attribute::GEN_AI_RESPONSE_MODEL),
    (FINISH_REASONS, attribute::GEN_AI_RESPONSE_FINISH_REASONS),
    (INPUT_TOKENS, attribute::GEN_AI_USAGE_INPUT_TOKENS),
    (OUTPUT_TOKENS, attribute::GEN_AI_USAGE_OUTPUT_TOKENS),
    (
        CACHED_TOKENS,
        attribute::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    ),
    (
        REASONING_TOKENS,
        attribute::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    ),
    (STREAM, attribute::GEN_AI_REQUEST_STREAM),
    (FIRST_CHUNK, attribute::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK),
    (SERVICE_TIER, attribute::OPENAI_RESPONSE_SERVICE_TIER),
    (TOKEN_TYPE, attribute::GEN_AI_TOKEN_TYPE),
    (TOKEN_USAGE, metric::GEN_AI_CLIENT_TOKEN_USAGE),
    (OPERATION_DURATION, metric::GEN_AI_CLIENT_OPERATION_DURATION),
    (
        TIME_TO_FIRST_TOKEN,
        metric::GEN_AI_SERVER_TIME_TO_FIRST_TOKEN,
    ),
    (
        TIME_PER_OUTPUT_TOKEN,
        metric::GEN_AI_SERVER_TIME_PER_OUTPUT_TOKEN,
    ),
    (CPU_TIME, metric::PROCESS_CPU_TIME),
    (MEMORY_USAGE, metric::PROCESS_MEMORY_USAGE),
    (MEMORY_VIRTUAL, metric::PROCESS_MEMORY_VIRTUAL),
    (THREADS, metric::PROCESS_THREAD_COUNT),
    (FILE_DESCRIPTORS, metric::PROCESS_UNIX_FILE_DESCRIPTOR_COUNT),
    (UPTIME, metric::PROCESS_UPTIME),
    (CPU_MODE, attribute::CPU_MODE),
];

/// How names of the conventions begin.
const PREFIXES: [&str; 12] = [
    "client.",
    "cpu.",
    "error.",
    "gen_ai.",
    "http.",
    "openai.",
    "process.",
    "rpc.",
    "server.",
    "service.",
    "url.",
    "user_agent.",
];

/// The texts of a file that could be names.
fn literals(text: &str) -> BTreeSet<&str> {
    let is_name = |it: &&str| {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
        let has_prefix = PREFIXES.iter().any(|prefix| it.starts_with(prefix));
        has_prefix && !it.ends_with('.') && it.chars().all(is_word)
    };
    text.split('"').skip(1).step_by(2).filter(is_name).collect()
}

fn visit(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        if path.is_dir() {
            visit(&path, found);
        } else if name.ends_with(".rs") && !name.contains("test") {
            found.push((name, std::fs::read_to_string(&path).expect("a file")));
        }
    }
}

#[test]
fn each_name_is_that_of_the_published_conventions() {
    assert_eq!(
        SCHEMA_URL, "https://opentelemetry.io/schemas/1.42.0",
        "docs/observability.md says which version it is"
    );
    for (own, published) in NAMES {
        assert_eq!(own, published);
    }
}

#[test]
fn every_name_that_the_code_uses_is_among_them() {
    let mut files = Vec::new();
    visit(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry"),
        &mut files,
    );
    let known: BTreeSet<_> = NAMES.iter().map(|(own, _)| *own).collect();
    let mut used = BTreeSet::new();
    for (file, text) in &files {
        let names = literals(text);
        for name in &names {
            assert!(known.contains(name), "{file} has `{name}`");
        }
        used.extend(names);
    }
    assert_eq!(used, known, "what is listed here is used");
}
