//! `docs/clients.md` and the README: their lines are what the tests run, their versions what is locked.

use std::collections::BTreeSet;
use std::fs::read_to_string;

use serde_json::Value;
use tollgate_integration::stack::paths::repository;

const CLIENTS: &str = "docs/clients.md";
/// What stands before a block that a test runs.
const MARK: &str = "<!-- lines: ";

/// The blocks of `docs/clients.md` that tests run.
const RUN: [&str; 12] = [
    "ai-sdk",
    "autogen",
    "azure-ai-inference",
    "langchain-javascript",
    "langchain-python",
    "litellm",
    "llama-index",
    "openai-agents",
    "openai-node",
    "openai-python",
    "pydantic-ai",
    "semantic-kernel",
];

/// The lines of a client in `docs/clients.md`.
pub(crate) fn lines(client: &str) -> String {
    assert!(RUN.contains(&client), "{client} is not among RUN");
    let text = file(CLIENTS);
    let mark = format!("{MARK}{client} -->");
    let (_, rest) = text
        .split_once(&mark)
        .unwrap_or_else(|| panic!("{CLIENTS} has no {mark}"));
    block(rest)
}

/// The README's example in Python.
pub(crate) fn readme() -> String {
    let text = file("README.md");
    let (_, rest) = text
        .split_once("in Python:")
        .expect("the README has an example");
    block(rest)
}

/// The first block of code in a text.
fn block(text: &str) -> String {
    let (_, rest) = text.split_once("```").expect("a block begins");
    let (_, rest) = rest.split_once('\n').expect("it has lines");
    let (block, _) = rest.split_once("```").expect("it ends");
    block.to_owned()
}

fn file(path: &str) -> String {
    read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn each_block_of_the_clients_is_run_by_a_test() {
    let text = file(CLIENTS);
    let marked: BTreeSet<&str> = text
        .split(MARK)
        .skip(1)
        .filter_map(|rest| rest.split_once(" -->").map(|(name, _)| name))
        .collect();
    assert_eq!(marked, RUN.into_iter().collect(), "marked, and run");
    let blocks = text.matches("\n```python").count() + text.matches("\n```js").count();
    assert_eq!(blocks, RUN.len(), "a block that is not run");
}

/// What `make test` runs: a package, and the folders of `integration/` that pin its versions.
const TEN: [(&str, &[&str]); 7] = [
    (
        "openai (Python)",
        &["", "clients/openai-1.50", "clients/openai-1.10"],
    ),
    (
        "openai (Node)",
        &["clients/javascript", "clients/javascript-older"],
    ),
    ("langchain-openai (Python)", &["clients/langchain"]),
    ("@langchain/openai (Node)", &["clients/javascript"]),
    ("ai (Node)", &["clients/javascript"]),
    (
        "llama-index-llms-azure-openai (Python)",
        &["clients/llama-index"],
    ),
    ("azure-ai-inference (Python)", &["clients/llama-index"]),
];
/// What `make clients` runs, too.
const OTHERS: [(&str, &[&str]); 7] = [
    ("openai (Python)", &["clients/openai-2.30"]),
    ("ai (Node)", &["clients/javascript-older"]),
    ("semantic-kernel (Python)", &["clients/semantic-kernel"]),
    ("litellm (Python)", &["clients/agents"]),
    ("pydantic-ai-slim (Python)", &["clients/agents"]),
    ("autogen-ext (Python)", &["clients/agents"]),
    ("openai-agents (Python)", &["clients/agents"]),
];

#[test]
fn the_versions_of_the_clients_are_those_that_are_locked() {
    for (table, clients) in [("test", TEN), ("clients", OTHERS)] {
        let locked = clients.map(|(package, folders)| {
            let versions: Vec<String> = folders.iter().map(|it| locked(package, it)).collect();
            (package.to_owned(), versions.join(", "))
        });
        assert_eq!(documented(table), locked, "the table {table} of {CLIENTS}");
    }
}

/// The rows of a table: the package with its language, and its versions.
fn documented(table: &str) -> Vec<(String, String)> {
    let text = file(CLIENTS);
    let mark = format!("<!-- versions: {table} -->");
    let (_, rest) = text.split_once(&mark).expect("a table of versions");
    let rows = rest.lines().skip_while(|line| !line.starts_with("| `"));
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[1].split('`').nth(1).expect("a name in backticks");
            let language = match cells[1].ends_with("(Node)") {
                true => "Node",
                false => "Python",
            };
            (format!("{name} ({language})"), cells[2].to_owned())
        })
        .collect()
}

/// The version of a package that a folder pins.
fn locked(package: &str, folder: &str) -> String {
    let (name, language) = package.split_once(" (").expect("a language");
    let folder = format!("integration/{folder}");
    if language == "Node)" {
        let text = file(&format!("{folder}/package.json"));
        let pinned: Value = serde_json::from_str(&text).expect("JSON");
        let version = pinned["dependencies"][name].as_str();
        return version
            .unwrap_or_else(|| panic!("{folder}: no {name}"))
            .to_owned();
    }
    let text = file(&format!("{folder}/requirements.in"));
    let mut pins = text.lines().filter_map(|line| line.split_once("=="));
    let pin = pins.find(|(pinned, _)| pinned.split('[').next() == Some(name));
    let (_, version) = pin.unwrap_or_else(|| panic!("{folder}: no {name}"));
    version.to_owned()
}
