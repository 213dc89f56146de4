//! Limits in simulated time: what passes, what does not, and what is told of it.

mod queues;
mod quotas;
mod shares;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{advance, timeout};

use super::moment::Clock;
use super::*;

/// 2026-11-28T12:00:00Z
const NOON: i64 = 1_795_867_200_000;
const NOTHING: [u8; 0] = [];
const HOUR_MS: i64 = 3_600_000;

struct World {
    limits: Arc<Limits>,
    alarms: mpsc::Receiver<Alarm>,
    settings: Arc<LimitSettings>,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        Self::with(LimitSettings::default())
    }

    fn with(settings: LimitSettings) -> Self {
        let clock = Clock::simulated(NOON);
        let (limits, alarms) = Limits::by(clock, None);
        Self {
            clock,
            limits,
            alarms,
            settings: Arc::new(settings),
        }
    }

    fn reserve(&self, demand: Demand) -> Attempt {
        self.limits.reserve(demand, &self.settings)
    }

    fn now(&self, lines: &[Line], amounts: Amounts) -> Result<Reservation, Box<Exceeded>> {
        match self.reserve(demand(lines, amounts)) {
            Attempt::Now(decided) => decided,
            Attempt::Later(_) => panic!("it waits"),
        }
    }

    fn alarms(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.alarms.try_recv().ok())
            .map(|alarm| alarm.percent)
            .collect()
    }
}

fn rule(measure: Measure, span: Span, most: u64) -> Rule {
    Rule {
        meter: Meter { measure, span },
        most,
    }
}

fn line(subject: Subject, rules: &[Rule]) -> Line {
    Line {
        subject,
        rules: rules.into(),
        percent: 100,
    }
}

fn client(name: &str, rules: &[Rule]) -> Line {
    line(Subject::Client(name.into()), rules)
}

fn demand(lines: &[Line], amounts: Amounts) -> Demand {
    Demand {
        lines: lines.to_vec(),
        amounts,
        priority: Priority::Normal,
        queueing: None,
    }
}

fn tokens(input: u64, output: u64) -> Amounts {
    Amounts {
        requests: 1,
        input,
        output,
        cost: 0,
    }
}

fn sent(reserved: Result<Reservation, Box<Exceeded>>) -> Reservation {
    let mut reservation = reserved.expect("room");
    reservation.sent();
    reservation
}

const PER_MINUTE: Span = Span::Minute;
const DAILY: Span = Span::Period(Period::Day);

#[tokio::test(start_paused = true)]
async fn a_wait_is_said_to_the_millisecond() {
    let world = World::new();
    let lines = [client("app", &[rule(Measure::Requests, Span::Second, 3)])];
    for _ in 0..3 {
        drop(sent(world.now(&lines, tokens(0, 0))));
        advance(Duration::from_millis(100)).await;
    }
    let exceeded = world.now(&lines, tokens(0, 0)).expect_err("three a second");
    let Until::After(wait) = exceeded.until else {
        panic!("{exceeded:?}");
    };
    advance(wait - Duration::from_millis(1)).await;
    assert!(world.now(&lines, tokens(0, 0)).is_err(), "not before");
    advance(Duration::from_millis(1)).await;
    drop(sent(world.now(&lines, tokens(0, 0))));
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_without_its_request_stays_set_aside_and_is_under_way_no_more() {
    let world = World::new();
    let lines = [client(
        "app",
        &[
            rule(Measure::ConcurrentRequests, Span::AtOnce, 1),
            rule(Measure::TotalTokens, DAILY, 1_000),
        ],
    )];
    let mut first = sent(world.now(&lines, tokens(0, 700)));
    first.ended();
    let second = sent(world.now(&lines, tokens(0, 300)));
    assert!(
        world.now(&lines, tokens(0, 0)).is_err(),
        "the second is under way"
    );
    first.settle(tokens(0, 100));
    assert!(world.now(&lines, tokens(0, 0)).is_err(), "still");
    second.settle(tokens(0, 300));
    // What nothing was set aside for counts in quotas.
    world.limits.charge(&lines, tokens(0, 500), &world.settings);
    let exceeded = world.now(&lines, tokens(0, 101)).expect_err("900 are used");
    assert_eq!(exceeded.used, 900);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_new_counts_from_then_on() {
    let world = World::new();
    let of = |most| {
        [client(
            "app",
            &[rule(Measure::TotalTokens, PER_MINUTE, most)],
        )]
    };
    // What began before it has nothing to give back to it.
    let under_way = sent(world.now(&of(2_000), tokens(800, 0)));
    let both = [client(
        "app",
        &[
            rule(Measure::TotalTokens, PER_MINUTE, 2_000),
            rule(Measure::ConcurrentRequests, Span::AtOnce, 1),
        ],
    )];
    advance(Duration::from_millis(1)).await;
    let second = sent(world.now(&both, tokens(1, 0)));
    under_way.settle(tokens(1, 0));
    assert!(
        world.now(&both, tokens(1, 0)).is_err(),
        "the second is under way"
    );
    second.settle(tokens(1, 0));
    assert!(world.now(&both, tokens(1, 0)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_caller_is_told_of_the_nearest_of_its_own_limits() {
    let world = World::new();
    let lines = [
        line(
            Subject::Everything,
            &[rule(Measure::Requests, PER_MINUTE, 5)],
        ),
        client(
            "app",
            &[
                rule(Measure::Requests, PER_MINUTE, 60),
                rule(Measure::Requests, Span::Second, 10),
                rule(Measure::TotalTokens, PER_MINUTE, 1_000),
                rule(Measure::TotalTokens, DAILY, 500),
            ],
        ),
    ];
    let reservation = sent(world.now(&lines, tokens(100, 200)));
    let told = reservation.rate_limits();
    let requests = told.requests.expect("requests");
    assert_eq!((requests.rule.most, requests.remaining()), (10, 9));
    assert_eq!(requests.resets, Resets::In(Duration::from_millis(1_005)));
    let of_tokens = told.tokens.expect("tokens");
    assert_eq!((of_tokens.rule.most, of_tokens.remaining()), (1_000, 700));
}
