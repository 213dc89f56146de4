//! Quotas of calendar periods.

use super::*;

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

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_over_midnight_begins_no_day_twice() {
    const HOUR: Duration = Duration::from_secs(3600);
    let world = World::new();
    let lines = [client("app", &[rule(Measure::TotalTokens, DAILY, 1_000)])];
    let used = || {
        let line = lines.first().expect("one");
        let standing = world.limits.standing(line, &world.settings);
        let standing = standing.first().expect("one");
        (standing.used, standing.set_aside)
    };
    sent(world.now(&lines, tokens(0, 300))).settle(tokens(0, 300));
    advance(12 * HOUR).await;
    let of_the_day = sent(world.now(&lines, tokens(0, 600)));
    // An hour back, to the day before.
    world.clock.set(-HOUR_MS);
    assert_eq!(used(), (600, Some(600)));
    let meanwhile = sent(world.now(&lines, tokens(0, 300)));
    let exceeded = world.now(&lines, tokens(0, 101)).expect_err("100 are left");
    assert_eq!(exceeded.until, Until::Renewed(NOON + 36 * HOUR_MS));
    meanwhile.settle(tokens(0, 200));
    assert_eq!(used(), (800, Some(600)), "nothing stays set aside");
    // Midnight, once more.
    advance(HOUR).await;
    of_the_day.settle(tokens(0, 500));
    assert_eq!(used(), (700, Some(0)));
    assert!(world.now(&lines, tokens(0, 301)).is_err());
    advance(24 * HOUR).await;
    assert_eq!(used(), (0, Some(0)), "the next day");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_far_ahead_is_believed_no_more() {
    let world = World::new();
    let lines = [client("app", &[rule(Measure::TotalTokens, DAILY, 1_000)])];
    const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
    world.clock.set(YEAR_MS);
    sent(world.now(&lines, tokens(0, 900))).settle(tokens(0, 900));
    world.clock.set(-YEAR_MS);
    let exceeded = world.now(&lines, tokens(0, 101)).expect_err("900 are used");
    assert_eq!(exceeded.until, Until::Renewed(NOON + 12 * HOUR_MS));
    advance(Duration::from_secs(12 * 3600)).await;
    assert!(world.now(&lines, tokens(0, 1_000)).is_ok());
}
