//! The values that the documentation shows are values that work.

use super::configuration::{check, files};
use super::{documents, rendered};
use crate::text;

/// The examples of a page that are values of the chart.
fn values(page: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for line in text(page).lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut block, line.trim()) {
            (None, "```yml") => block = Some((indent, String::new())),
            (None, _) => {}
            (Some((_, whole)), "```") => {
                if whole.contains("\nconfig:\n") {
                    all.push(std::mem::take(whole));
                }
                block = None;
            }
            (Some((indent, whole)), _) => {
                whole.push_str(line.get(*indent..).unwrap_or_default());
                whole.push('\n');
            }
        }
    }
    all
}

#[test]
fn every_example_of_values_installs_and_its_tollgate_yaml_is_good() {
    let folder = tempfile::tempdir().expect("a folder");
    for (page, count) in [("docs/kubernetes.md", 2), ("docs/azure.md", 1)] {
        let examples = values(page);
        assert_eq!(examples.len(), count, "{page}");
        for example in examples {
            let file = folder.path().join("values.yaml");
            std::fs::write(&file, &example).expect("written");
            let all = documents(&rendered(file, &[]));
            let made = files(&all);
            check(made.path());
            if example.contains("kubernetes:") {
                // As the next step of the page has it.
                let mut written = crate::tollgate();
                written.args(["envoy", "--for", "envoy-gateway", "--config"]);
                crate::succeeds(written.arg(made.path().join("tollgate.yaml")));
            }
        }
    }
}
