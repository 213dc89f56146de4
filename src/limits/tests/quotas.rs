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
