//! What limits cost a request: everything set aside and settled, with many clients.

use std::sync::Arc;

use tollgate::limits::{
    Amounts, Attempt, Demand, LimitSettings, Limits, Line, Measure, Meter, Period, Priority, Rule,
    Span, Subject,
};

use super::measure;

const CLIENTS: usize = 100_000;
const REQUESTS: usize = 1_000_000;

fn rule(measure: Measure, span: Span) -> Rule {
    Rule {
        meter: Meter { measure, span },
        most: u64::from(u32::MAX),
    }
}

/// Measures.
pub(super) fn run() {
    let (limits, _told) = Limits::new();
    let settings = Arc::new(LimitSettings::default());
    let rules: Arc<[Rule]> = [
        rule(Measure::Requests, Span::Minute),
        rule(Measure::TotalTokens, Span::Minute),
        rule(Measure::TotalTokens, Span::Period(Period::Day)),
    ]
    .into();
    let line = |client: usize| Line {
        subject: Subject::Client(format!("client-{client}").into()),
        rules: Arc::clone(&rules),
        percent: 100,
    };
    let lines: Vec<_> = (0..CLIENTS).map(line).collect();
    let used = Amounts {
        requests: 1,
        input: 100,
        output: 150,
        cost: 0,
    };
    let demands = (0..REQUESTS).map(|at| Demand {
        lines: lines
            .get(at * 7_919 % CLIENTS)
            .into_iter()
            .cloned()
            .collect(),
        amounts: used,
        priority: Priority::Normal,
        queueing: None,
    });
    let name = "limits: 3 of each of 100,000 clients, set aside and settled";
    measure(name, demands.collect(), |demand| {
        match limits.reserve(demand, &settings) {
            Attempt::Now(Ok(mut reservation)) => {
                reservation.sent();
                reservation.settle(used);
            }
            Attempt::Now(Err(exceeded)) => panic!("{exceeded:?}"),
            Attempt::Later(_) => panic!("nothing waits"),
        }
    });
}
