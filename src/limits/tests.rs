//! Limits in simulated time: what passes, what does not, and what is told of it.

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
}

impl World {
    fn new() -> Self {
        Self::with(LimitSettings::default())
    }

    fn with(settings: LimitSettings) -> Self {
        let (limits, alarms) = Limits::by(Clock::simulated(NOON), None);
        Self {
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
async fn a_wait_that_is_said_is_true() {
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
async fn what_was_set_aside_and_not_used_is_there_for_others() {
    let world = World::new();
    let lines = [client(
        "app",
        &[rule(Measure::TotalTokens, PER_MINUTE, 1_000)],
    )];
    let first = sent(world.now(&lines, tokens(100, 700)));
    let exceeded = world
        .now(&lines, tokens(100, 200))
        .expect_err("800 are set aside");
    assert_eq!((exceeded.amount, exceeded.used), (300, 800));
    first.settle(tokens(90, 10));
    let second = sent(world.now(&lines, tokens(100, 800)));
    // More than was set aside is a debt.
    second.settle(tokens(100, 1_900));
    assert!(world.now(&lines, tokens(1, 0)).is_err());
    advance(Duration::from_secs(61)).await;
    assert!(world.now(&lines, tokens(1_000, 0)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_passes_all_limits_or_takes_nothing_of_any() {
    let world = World::new();
    let lines = [
        line(
            Subject::Everything,
            &[rule(Measure::Requests, PER_MINUTE, 100)],
        ),
        client(
            "app",
            &[
                rule(Measure::OutputTokens, PER_MINUTE, 50),
                rule(Measure::InputTokens, PER_MINUTE, 10),
            ],
        ),
    ];
    for _ in 0..3 {
        let exceeded = world
            .now(&lines, tokens(11, 20))
            .expect_err("too much input");
        assert_eq!(exceeded.rule.meter.to_string(), "input tokens per minute");
        assert_eq!(exceeded.until, Until::Never);
    }
    for line in &lines {
        for standing in world.limits.standing(line, &world.settings) {
            assert_eq!(standing.used, 0, "{standing:?}");
        }
    }
    // One that was refused later, or whose client went away before it was sent.
    drop(world.now(&lines, tokens(10, 50)).expect("room"));
    drop(sent(world.now(&lines, tokens(10, 50))));
    assert!(world.now(&lines, tokens(10, 50)).is_err(), "it was sent");
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_are_counted_until_they_end_however_they_end() {
    let world = World::new();
    let lines = [client(
        "app",
        &[rule(Measure::ConcurrentRequests, Span::AtOnce, 2)],
    )];
    let first = sent(world.now(&lines, tokens(0, 0)));
    let second = world.now(&lines, tokens(0, 0)).expect("room");
    assert!(world.now(&lines, tokens(0, 0)).is_err());
    first.settle(tokens(5, 5));
    let third = sent(world.now(&lines, tokens(0, 0)));
    drop(second);
    drop(third);
    let standing = world
        .limits
        .standing(lines.first().expect("one"), &world.settings);
    assert_eq!(standing.first().map(|it| it.used), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_renewed_when_its_period_ends_and_what_began_before_belongs_there() {
    let calendar = Calendar::new("Europe/Berlin").expect("a zone");
    let mut world = World::with(LimitSettings {
        calendar,
        ..LimitSettings::default()
    });
    let lines = [client("app", &[rule(Measure::TotalTokens, DAILY, 1_000)])];
    sent(world.now(&lines, tokens(400, 600))).settle(tokens(300, 190));
    assert_eq!(world.alarms(), NOTHING, "490 of 1,000");
    sent(world.now(&lines, tokens(0, 10))).settle(tokens(0, 10));
    assert_eq!(world.alarms(), [50]);
    sent(world.now(&lines, tokens(0, 450))).settle(tokens(0, 450));
    assert_eq!(world.alarms(), [80]);
    let exceeded = world.now(&lines, tokens(0, 51)).expect_err("50 are left");
    assert_eq!(
        exceeded.until,
        Until::Renewed(NOON + 11 * HOUR_MS),
        "midnight in Berlin"
    );
    assert_eq!(world.alarms(), [100], "nearly nothing is left");
    assert!(world.now(&lines, tokens(0, 51)).is_err());
    assert_eq!(world.alarms(), NOTHING, "each is said once");
    let long = sent(world.now(&lines, tokens(0, 50)));
    advance(Duration::from_secs(11 * 3600)).await;
    let next = sent(world.now(&lines, tokens(0, 1_000)));
    long.settle(tokens(0, 40));
    next.settle(tokens(0, 500));
    let standing = world
        .limits
        .standing(lines.first().expect("one"), &world.settings);
    assert_eq!(standing.first().map(|it| it.used), Some(500));
    assert_eq!(world.alarms(), [50], "of the new day");
}

#[tokio::test(start_paused = true)]
async fn what_was_used_before_a_restart_counts_and_is_not_said_again() {
    let mut world = World::new();
    let quota = rule(Measure::TotalTokens, DAILY, 100);
    let lines = [client("app", &[quota])];
    world
        .limits
        .seed(&Subject::Client("app".into()), quota, 90, &world.settings);
    assert!(world.now(&lines, tokens(0, 11)).is_err());
    sent(world.now(&lines, tokens(0, 10))).settle(tokens(0, 10));
    assert_eq!(world.alarms(), [100], "80 was said by the process before");
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
async fn another_limit_applies_at_once_and_forgets_nothing() {
    let world = World::new();
    let of = |most| {
        [client(
            "app",
            &[rule(Measure::TotalTokens, PER_MINUTE, most)],
        )]
    };
    sent(world.now(&of(1_000), tokens(500, 0))).settle(tokens(500, 0));
    assert!(world.now(&of(600), tokens(101, 0)).is_err());
    assert!(world.now(&of(400), tokens(1, 0)).is_err());
    assert!(world.now(&of(2_000), tokens(1_500, 0)).is_ok());
    // A limit that is new counts from now on; what began before it has nothing to give back to it.
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
async fn a_part_of_what_is_shared_is_kept_for_those_of_a_higher_priority() {
    let reserves = Reserves {
        high: 20,
        normal: 10,
    };
    let world = World::new();
    let rules: Arc<[Rule]> = [rule(Measure::Requests, PER_MINUTE, 100)].into();
    let taken = |priority| {
        let subject = Subject::Deployment("gpt-4o".into());
        let lines = [Line {
            percent: reserves.percent(&subject, priority),
            subject,
            rules: Arc::clone(&rules),
        }];
        let take = || world.now(&lines, tokens(0, 0)).map(|it| drop(sent(Ok(it))));
        std::iter::from_fn(|| take().ok()).count()
    };
    assert_eq!(taken(Priority::Low), 70);
    assert_eq!(taken(Priority::Normal), 10);
    assert_eq!(taken(Priority::High), 20);
    let own = Subject::Client("app".into());
    assert_eq!(
        reserves.percent(&own, Priority::Low),
        100,
        "nobody shares it"
    );
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

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_served_in_order_of_priority_and_arrival() {
    let world = World::new();
    let lines = [line(
        Subject::Everything,
        &[rule(Measure::ConcurrentRequests, Span::AtOnce, 1)],
    )];
    let queueing = Some(Queueing {
        max_wait: Duration::from_secs(5),
        max_requests: 3,
    });
    let ask = |priority| {
        world.reserve(Demand {
            priority,
            queueing,
            ..demand(&lines, tokens(0, 0))
        })
    };
    let later = |attempt| match attempt {
        Attempt::Later(waiting) => tokio::spawn(waiting),
        Attempt::Now(decided) => panic!("{decided:?}"),
    };
    let Attempt::Now(Ok(first)) = ask(Priority::Normal) else {
        panic!("there is room");
    };
    let low = later(ask(Priority::Low));
    let normal = later(ask(Priority::Normal));
    let high = later(ask(Priority::High));
    let Attempt::Now(Err(_)) = ask(Priority::High) else {
        panic!("the queue is full");
    };
    tokio::task::yield_now().await;
    drop(first);
    let mut under_way = high.await.expect("it ran").expect("room");
    drop(under_way);
    under_way = normal.await.expect("it ran").expect("room");
    // Whoever gives up leaves the queue.
    low.abort();
    assert!(low.await.expect_err("aborted").is_cancelled());
    let second = later(ask(Priority::Low));
    drop(under_way);
    drop(second.await.expect("it ran").expect("room"));
    assert_eq!(world.limits.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_it_may() {
    let world = World::new();
    let lines = [client("app", &[rule(Measure::Requests, Span::Second, 1)])];
    let ask = |max_wait| {
        world.reserve(Demand {
            queueing: Some(Queueing {
                max_wait,
                max_requests: 10,
            }),
            ..demand(&lines, tokens(0, 0))
        })
    };
    drop(sent(world.now(&lines, tokens(0, 0))));
    let short = ask(Duration::from_millis(500));
    assert!(
        matches!(short, Attempt::Now(Err(_))),
        "the wait is known to be too long"
    );
    let Attempt::Later(first) = ask(Duration::from_millis(1_500)) else {
        panic!("it can wait");
    };
    let Attempt::Later(second) = ask(Duration::from_millis(1_500)) else {
        panic!("it joins");
    };
    let (first, second) = (tokio::spawn(first), tokio::spawn(second));
    let first = timeout(Duration::from_secs(2), first)
        .await
        .expect("in time");
    drop(sent(first.expect("it ran")));
    let second = timeout(Duration::from_secs(2), second)
        .await
        .expect("in time");
    assert!(
        second.expect("it ran").is_err(),
        "two seconds would be too long"
    );
}

#[tokio::test(start_paused = true)]
async fn who_has_used_nothing_for_long_is_forgotten_and_quotas_are_not() {
    let world = World::new();
    let user = |name: &str| Subject::User {
        client: "app".into(),
        user: Some(name.into()),
    };
    let window = line(user("one"), &[rule(Measure::Requests, PER_MINUTE, 5)]);
    let quota = line(user("two"), &[rule(Measure::Requests, DAILY, 5)]);
    drop(sent(world.now(&[window], tokens(0, 0))));
    drop(sent(world.now(&[quota], tokens(0, 0))));
    world.limits.sweep(&world.settings);
    assert_eq!(world.limits.users_of("app").len(), 2);
    advance(Duration::from_secs(61)).await;
    world.limits.sweep(&world.settings);
    assert_eq!(world.limits.users_of("app"), [user("two")]);
    advance(Duration::from_secs(24 * 3600)).await;
    world.limits.sweep(&world.settings);
    assert_eq!(world.limits.users_of("app"), []);
}

/// 200 callers at once that use less, as much, and more than they have set aside.
#[tokio::test(start_paused = true)]
async fn a_budget_is_not_exceeded_by_many_at_once() {
    const LIMIT: u64 = 100_000;
    let world = World::new();
    let lines = [client(
        "app",
        &[rule(Measure::TotalTokens, PER_MINUTE, LIMIT)],
    )];
    let mut under_way = Vec::new();
    let (mut used, mut refused) = (0, 0);
    for step in 0..6_000_u64 {
        if under_way.len() == 200 {
            let reservation: Reservation =
                under_way.remove(usize::try_from(step % 200).expect("small"));
            let output = 20 + step * 7 % 80;
            reservation.settle(tokens(50, output));
            used += 50 + output;
        }
        match world.now(&lines, tokens(50, 100)) {
            Ok(reservation) => under_way.push(sent(Ok(reservation))),
            Err(_) => refused += 1,
        }
        advance(Duration::from_millis(9)).await;
    }
    for reservation in under_way.drain(..) {
        reservation.settle(tokens(50, 100));
        used += 150;
    }
    assert!(refused > 0, "the load is above the limit");
    assert!(used <= LIMIT, "{used} in 54 s");
    assert!(used >= LIMIT / 100 * 98, "{used}: there was room");
}

/// Two equal clients at ten times what they share.
#[tokio::test(start_paused = true)]
async fn equals_get_equal_shares() {
    let world = World::new();
    let shared = line(
        Subject::Everything,
        &[rule(Measure::Requests, Span::Second, 50)],
    );
    let mut got = [0_u32; 2];
    for at in 0..10_000_u32 {
        // In no order that either could profit of.
        let who = at.wrapping_mul(2_654_435_761) >> 31;
        if let Ok(reservation) = world.now(std::slice::from_ref(&shared), tokens(0, 0)) {
            drop(sent(Ok(reservation)));
            let place = got.get_mut(usize::try_from(who).expect("0 or 1"));
            *place.expect("one of two") += 1;
        }
        advance(Duration::from_millis(2)).await;
    }
    let [one, other] = got;
    let distance = one.abs_diff(other) * 100;
    assert!(distance <= (one + other) / 2 * 5, "{one} and {other}");
}
