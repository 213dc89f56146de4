//! The JSON Schema of tollgate.yaml that is published: up to date, and true of every example.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

const PUBLISHED: &str = "docs/tollgate.schema.json";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    jsonschema::validator_for(&tollgate::config::schema()).expect("a schema")
}

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let text = std::fs::read_to_string(root().join(PUBLISHED)).expect("the schema");
    let printed = serde_json::to_string_pretty(&tollgate::config::schema()).expect("JSON");
    assert!(
        text.trim_end() == printed,
        "{PUBLISHED} is out of date: cargo run -- schema > {PUBLISHED}"
    );
}

/// Every file of the repository that is a tollgate.yaml.
fn examples(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        if path.is_dir() && !["target", "corpus", ".git"].contains(&name) {
            examples(&path, found);
        } else if name.starts_with("tollgate") && name.ends_with(".yaml") {
            found.push(path);
        }
    }
}

/// As editors read it: by YAML 1.2, where `off` is a text.
fn value(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).expect("YAML")
}

fn assert_valid(name: &str, text: &str) {
    let value = value(text);
    let errors: Vec<_> = validator()
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
}

#[test]
fn every_example_is_valid_by_the_schema_and_names_it() {
    let mut found = Vec::new();
    for folder in ["deploy", "envoy", "fuzz/fixture"] {
        examples(&root().join(folder), &mut found);
    }
    assert!(found.len() >= 5, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).expect("an example");
        let name = path.display().to_string();
        assert_valid(&name, &text);
        let first = text.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{name} does not name the schema"));
        let named = path.parent().expect("a folder").join(schema);
        let named = named.canonicalize().expect("the schema");
        assert_eq!(
            named,
            root().join(PUBLISHED).canonicalize().expect("the schema"),
            "{name}"
        );
    }
}

#[test]
fn every_example_of_the_documentation_is_valid_by_the_schema() {
    let mut checked = 0;
    let pages = std::fs::read_dir(root().join("docs")).expect("docs/");
    let pages = pages.map(|entry| entry.expect("an entry").path());
    for path in pages.chain([root().join("README.md")]) {
        if path.extension().is_none_or(|it| it != "md") {
            continue;
        }
        let page = std::fs::read_to_string(&path).expect("a page");
        let blocks = page.split("```yaml\n").skip(1);
        for block in blocks.filter_map(|rest| rest.split("```").next()) {
            // Examples in lists are indented; parts of a file are not whole.
            if block.starts_with("listen:") {
                assert_valid(&path.display().to_string(), block);
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "{checked} examples");
}

#[test]
fn what_check_refuses_for_its_shape_is_refused_by_the_schema() {
    let good = "listen: { grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }\nidentity: { managed_identity: {} }\nbackends: [ { name: sweden } ]\n";
    assert_valid("the good file", good);
    for (more, part) in [
        ("drain_time: 5s", ""),
        ("clients: 7", ""),
        ("clients: [ { id: a, products: [] } ]", ""),
        (
            "clients: [ { id: a, credentials: [ { key: { sha256: a, slot: third } } ], products: [] } ]",
            "",
        ),
        (
            "products: [ { id: p, deployments: [d], operations: [chat] } ]",
            "",
        ),
        (
            "products: [ { id: p, deployments: [d], operations: [models], tools: [bing] } ]",
            "",
        ),
        ("max_request_bytes: 16MiB", ""),
        ("ledger: { durability: loose }", ""),
        ("database: []", ""),
        ("response_headers: { instance: maybe }", ""),
        ("", "{ managed_idenity: {} }"),
        (
            "",
            "{ client_secret: { tenant_id: t, client_id: c, secret: plain } }",
        ),
    ] {
        let text = match part {
            "" => format!("{good}{more}\n"),
            part => good.replace("{ managed_identity: {} }", part),
        };
        let value = value(&text);
        assert!(!validator().is_valid(&value), "{text}");
    }
}
