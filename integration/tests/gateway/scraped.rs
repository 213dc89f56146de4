//! The dashboard and the alerts over a real Prometheus that scrapes the running gateway.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use tollgate_integration::prometheus::Prometheus;
use tollgate_integration::stack::{CHAT_PATH, Stack, paths, poll_for};

use crate::books::PRICES;
use crate::control::{Control, with_sqlite};
use crate::support::{hello, hello_stream, refused, send};

const DASHBOARD: &str = "deploy/grafana/dashboards/tollgate.json";
/// What stays empty here, by a part of its query: nothing of this kind happens in this test, or it does not exist here.
const MAY_BE_EMPTY: [(&str, &str); 6] = [
    ("tollgate_ledger_outbox_waiting", "no PostgreSQL"),
    ("tollgate_certificate_authority_", "no authorities"),
    ("tollgate_crl_", "no revocation lists"),
    ("tollgate_client_certificate_", "no client certificates"),
    (
        "tollgate_identity_rejections_total",
        "the backend accepts the identity",
    ),
    (
        "envoy_response_code_class=\"5\"",
        "Envoy has no series before the first one",
    ),
];

fn root(path: &str) -> PathBuf {
    let path = paths::repository(path).canonicalize();
    path.expect("it is in the repository")
}

/// Titles and queries of the panels, as Grafana would send them.
fn panels() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root(DASHBOARD)).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let queries = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().expect("targets").iter();
        targets.map(|target| {
            let query = target["expr"].as_str().expect("a query");
            let query = query
                .replace("$__rate_interval", "1m")
                .replace("$client", ".*");
            (panel["title"].to_string(), query)
        })
    });
    queries.collect()
}

fn authority(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Each metric that there is has its row in docs/metrics.md, by the name that Prometheus knows it by.
fn assert_documented(metrics: &str) {
    let page = std::fs::read_to_string(root("docs/metrics.md")).expect("the page");
    let types = metrics.lines().filter_map(|it| it.strip_prefix("# TYPE "));
    let names = types.filter_map(|it| it.split(' ').next());
    // What is said of the exporter itself.
    let names: Vec<_> = names.filter(|it| *it != "target_info").collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("| `{name}` |")), "no row for {name}");
    }
}

#[tokio::test]
async fn every_panel_shows_something_and_every_alert_is_evaluated() {
    let limits = "    products: [standard]\n    limits: { quotas: [ { cost: 5, per: month } ] }\n";
    let issuers = "issuers:\n  - { name: none, issuer: \"https://127.0.0.1:9/\", audiences: [tollgate], allow_addresses: [127.0.0.1] }\n";
    let stack = Stack::start(with_sqlite().edit_config(move |yaml| {
        yaml.replacen("    products: [standard]\n", limits, 1)
            + PRICES
            + issuers
            + "limits: { deployments: { gpt-4o: { requests_per_second: 2 } } }\n"
    }))
    .await;
    let control = Control::of(&stack);
    control.issue(&[]).await;
    let envoy = stack.envoy.admin_url().to_owned();
    let targets = [
        (
            "tollgate",
            authority(stack.tollgate().admin_url()),
            "/metrics",
        ),
        ("envoy", authority(&envoy), "/stats/prometheus"),
    ];
    let mut prometheus = Prometheus::start(&targets, &root("deploy/prometheus/alerts.yml"))
        .await
        .expect("Prometheus");

    // A rate needs two scrapes, and a change between them.
    let mut missing = BTreeSet::new();
    let panels = panels();
    let found = poll_for("a sample for each panel", async || {
        for body in [hello(), hello_stream()] {
            send(stack.chat(&body)).await.text().await.ok()?;
        }
        let nobodys = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        refused(nobodys.header("api-key", "tgk_none").json(&hello())).await;
        missing.clear();
        for (title, query) in &panels {
            let samples = prometheus.query(query).await.expect("a valid query");
            let may_be = MAY_BE_EMPTY.iter().any(|(part, _)| query.contains(part));
            if samples.is_empty() && !may_be {
                missing.insert(format!("{title}: {query}"));
            }
        }
        missing.is_empty().then_some(())
    });
    let found = found.await;
    assert!(found.is_ok(), "{missing:#?}");
    assert_documented(&stack.tollgate().metrics().await.expect("metrics"));
    let rules = prometheus.rules().await.expect("its rules");
    assert!(rules.len() > 20, "{rules:?}");
    let unhealthy: Vec<_> = rules.iter().filter(|(_, health)| health != "ok").collect();
    assert!(unhealthy.is_empty(), "{unhealthy:?}");
}
