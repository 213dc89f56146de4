//! Whose quotas are shown, and that looking at them changes nothing.

use super::*;
use crate::limits::{Measure, Period, Resets, Rule};
use crate::telemetry::LabelLimits;

fn of(client: &str) -> (Subject, Vec<Standing>) {
    let quota = Standing {
        rule: Rule {
            meter: Meter {
                measure: Measure::TotalTokens,
                span: Span::Period(Period::Month),
            },
            most: 100,
        },
        whole: 100,
        used: 50,
        set_aside: None,
        resets: Resets::At(0),
    };
    (Subject::Client(client.into()), vec![quota])
}

#[test]
fn reading_quotas_takes_no_clients_name_from_those_who_are_served() {
    let limits = LabelLimits {
        max_clients: Some(1),
        ..LabelLimits::default()
    };
    let metrics = Metrics::sent(limits, None).expect("metrics");
    let standings = || vec![of("idle"), of("busy")];
    metrics.observe_limits(Vec::new, || None, standings);
    let quotas = || {
        let text = metrics.render().expect("text");
        let text = String::from_utf8(text).expect("text");
        let lines = text
            .lines()
            .filter(|it| it.contains("tollgate_quota_used{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(quotas(), Vec::<String>::new(), "nobody has been served");
    let label = metrics.clients.label_of_served(&Arc::from("busy"));
    assert_eq!(
        label.map(|it| it.value.to_string()).as_deref(),
        Some("busy")
    );
    let [quota] = &quotas()[..] else {
        panic!("one: {:?}", quotas())
    };
    assert!(quota.contains("tollgate_client=\"busy\""), "{quota}");
}
