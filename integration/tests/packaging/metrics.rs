//! Every query on the dashboard, in the alerts and in docs/metrics.md asks for a metric that is listed there.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::{root, succeeds, text, yaml};

const DASHBOARD: &str = "deploy/grafana/dashboards/tollgate.json";
const ALERTS: &str = "deploy/prometheus/alerts.yml";
const ALERT_TESTS: &str = "deploy/prometheus/alerts_test.yml";

/// The metrics of the table: the first column, in backticks.
fn documented() -> BTreeSet<String> {
    let page = text("docs/metrics.md");
    let names: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    assert!(
        names.contains("tollgate_ready"),
        "docs/metrics.md lists {names:?}"
    );
    names
}

/// All that is asked on the dashboard, its variables included.
fn dashboard_queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("a panel has targets"))
        .map(|target| &target["expr"]);
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let variables = variables.iter().map(|variable| &variable["query"]["query"]);
    targets
        .chain(variables)
        .filter_map(|query| query.as_str().map(str::to_owned))
        .collect()
}

fn alert_queries() -> Vec<String> {
    let alerts = yaml(ALERTS);
    let groups = alerts["groups"].as_array().expect("groups");
    groups
        .iter()
        .flat_map(|group| group["rules"].as_array().expect("a group has rules"))
        .map(|rule| {
            rule["expr"]
                .as_str()
                .expect("a rule has an expression")
                .to_owned()
        })
        .collect()
}

/// The examples of the page, one after each comment.
fn example_queries() -> Vec<String> {
    let page = text("docs/metrics.md");
    let examples = page.split("```promql\n").nth(1).expect("examples");
    let examples = examples.split("```").next().expect("their end");
    let queries = examples.split("\n\n").map(|example| {
        let lines = example.lines().filter(|line| !line.starts_with('#'));
        lines.collect::<Vec<_>>().join("\n")
    });
    queries.collect()
}

/// The metrics that a PromQL query selects. Not a parser: our queries have no metric whose name has
/// no underscore but `up`, and no label or function that begins like a tollgate metric.
fn selected(query: &str) -> BTreeSet<String> {
    let mut outside_braces = String::new();
    let mut depth = 0_u32;
    for letter in query.chars() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth == 0 => outside_braces.push(letter),
            _ => {}
        }
    }
    without_label_lists(&outside_braces)
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':')
        .filter(|word| *word == "up" || METRICS.iter().any(|prefix| word.starts_with(prefix)))
        .map(str::to_owned)
        .collect()
}

const METRICS: [&str; 4] = ["tollgate_", "gen_ai_", "envoy_", "process_"];

/// Drops what is in the brackets of `by (…)` and after the comma of `label_values(…, …)`.
fn without_label_lists(query: &str) -> String {
    let mut kept = String::new();
    for (at, part) in query.split("by (").enumerate() {
        let rest = match at {
            0 => part,
            _ => part.split_once(')').expect("a list of labels ends").1,
        };
        kept.push_str(rest);
        kept.push(' ');
    }
    match kept.strip_prefix("label_values(") {
        Some(arguments) => arguments.split(',').next().unwrap_or_default().to_owned(),
        None => kept,
    }
}

/// A histogram is documented by its own name; queries ask for its parts.
fn base(metric: &str) -> &str {
    ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|part| metric.strip_suffix(part))
        .unwrap_or(metric)
}

#[test]
fn every_metric_asked_for_is_documented() {
    let documented = documented();
    let queries = [dashboard_queries(), alert_queries(), example_queries()].concat();
    assert!(
        queries.len() > 20,
        "only {} queries were found",
        queries.len()
    );
    for query in queries {
        let metrics = selected(&query);
        assert!(!metrics.is_empty(), "no metric was found in {query}");
        for metric in metrics {
            let others = metric == "up" || metric.starts_with("envoy_");
            assert!(
                others || documented.contains(&metric) || documented.contains(base(&metric)),
                "docs/metrics.md does not list {metric}, asked for by {query}"
            );
        }
    }
}

#[test]
fn the_scan_finds_the_metrics_of_a_query() {
    for (query, metrics) in [
        (
            "sum by (tollgate_client) (rate(tollgate_a_total{tollgate_b=\"c\"}[5m]))",
            "tollgate_a_total",
        ),
        ("label_values(tollgate_a, tollgate_b)", "tollgate_a"),
        ("up{job=\"tollgate\"} == 0", "up"),
        ("min(tollgate_a) - time()", "tollgate_a"),
    ] {
        assert_eq!(
            selected(query),
            BTreeSet::from([metrics.to_owned()]),
            "{query}"
        );
    }
}

#[test]
fn no_panel_lies_on_another() {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).expect("JSON");
    let mut cells = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(
                    x < 24 && cells.insert((x, y)),
                    "{} at {x}, {y}",
                    panel["title"]
                );
            }
        }
    }
}

/// Prometheus's own parser; the queries of the dashboard go in as rules.
#[test]
fn prometheus_takes_every_query() {
    let rules: Vec<Value> = [dashboard_queries(), example_queries()]
        .concat()
        .iter()
        .filter(|query| !query.starts_with("label_values"))
        .map(|query| query.replace("$__rate_interval", "1m"))
        .enumerate()
        .map(|(at, query)| json!({ "record": format!("panel:{at}"), "expr": query }))
        .collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let groups = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(&file, groups.to_string()).expect("written");
    for rules in [root().join(ALERTS).as_path(), file.path()] {
        succeeds(Command::new("promtool").args(["check", "rules"]).arg(rules));
    }
}

/// The names of the alerts.
fn alerts() -> Vec<String> {
    let alerts = yaml(ALERTS);
    let groups = alerts["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    rules
        .map(|rule| rule["alert"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn every_alert_fires_when_it_should_and_not_otherwise() {
    succeeds(
        Command::new("promtool")
            .args(["test", "rules"])
            .arg(root().join(ALERT_TESTS)),
    );
    let cases = yaml(ALERT_TESTS);
    let cases = cases["tests"].as_array().expect("cases").iter();
    let mut tried = BTreeSet::new();
    for case in cases.flat_map(|it| it["alert_rule_test"].as_array().expect("what is expected")) {
        let fires = !case["exp_alerts"].as_array().expect("alerts").is_empty();
        tried.insert((
            case["alertname"].as_str().expect("a name").to_owned(),
            fires,
        ));
    }
    for alert in alerts() {
        for fires in [true, false] {
            let case = (alert.clone(), fires);
            assert!(tried.contains(&case), "no case where {case:?}");
        }
    }
}

#[test]
fn every_alert_has_a_section_that_says_what_to_do() {
    let page = text("docs/operations.md");
    let sections: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_lowercase)
        .collect();
    let alerts = yaml(ALERTS);
    let groups = alerts["groups"].as_array().expect("groups").iter();
    for rule in groups.flat_map(|group| group["rules"].as_array().expect("rules")) {
        let url = rule["annotations"]["runbook_url"].as_str();
        let url = url.unwrap_or_else(|| panic!("no runbook_url: {rule}"));
        let section = url.strip_prefix("docs/operations.md#");
        let section = section.unwrap_or_else(|| panic!("it is elsewhere: {url}"));
        let name = rule["alert"].as_str().unwrap_or_default().to_lowercase();
        assert_eq!(section, name);
        assert!(
            sections.contains(section),
            "docs/operations.md has no {url}"
        );
    }
}
