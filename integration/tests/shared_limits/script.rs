//! The script alone, in a real Redis, at any time of the server's clock.

use tollgate_integration::redis::Redis;

const SCRIPT: &str = include_str!("../../../src/limits/shared/counters.lua");
const CLOCK: &str = "redis.call('TIME')";
/// 2026-11-28T12:00:00Z
const NOON: u64 = 1_795_867_200_000;
const MINUTE: u64 = 60_000;
/// When counters of quotas are forgotten here.
const YEAR_2096: u64 = 4_000_000_000_000;

/// A server whose clock says what a test wants.
struct Server(Redis);

/// What one counter has answered.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    granted: i64,
    used: i64,
}

impl Server {
    fn start() -> Self {
        Self(Redis::start().expect("a Redis"))
    }

    /// A replica's call about some counters.
    fn try_call(
        &self,
        now_ms: u64,
        (replica, number): (&str, u64),
        counters: &[(&str, String)],
    ) -> Result<Vec<Said>, String> {
        assert!(SCRIPT.contains(CLOCK), "the script asks for the time");
        let clock = format!("{{'{}', '{}'}}", now_ms / 1_000, now_ms % 1_000 * 1_000);
        let script = SCRIPT.replace(CLOCK, &clock);
        let keys = (counters.len() + 1).to_string();
        let (mark, number) = (format!("mark:{replica}"), number.to_string());
        let mut words = vec!["eval", &script, &keys, &mark];
        words.extend(counters.iter().map(|(key, _)| *key));
        words.extend([replica, &number, "5000"]);
        words.extend(counters.iter().flat_map(|(_, said)| said.split(' ')));
        let answer = self.0.ask(&words).expect("redis-cli");
        let figures: Result<Vec<i64>, _> = answer.lines().map(str::parse).collect();
        let figures = figures.map_err(|_| answer)?;
        let (each, rest) = figures[2..].as_chunks::<4>();
        assert!(rest.is_empty() && each.len() == counters.len());
        Ok(each
            .iter()
            .map(|[granted, used, _, _]| Said {
                granted: *granted,
                used: *used,
            })
            .collect())
    }

    fn call(&self, now_ms: u64, by: (&str, u64), counters: &[(&str, String)]) -> Vec<Said> {
        self.try_call(now_ms, by, counters).expect("an answer")
    }

    fn has(&self, key: &str) -> bool {
        self.0.ask(&["exists", key]).expect("an answer") == "1"
    }
}

/// A minute's window: what is changed in a slot, and what is needed.
fn window(since: u64, most: u64, need: u64, change: Option<(u64, i64)>) -> String {
    let change = match change {
        Some((at_ms, amount)) => format!("1 {} {amount}", at_ms / 250),
        None => "0".to_owned(),
    };
    format!("window {since} {MINUTE} 250 {most} {need} {need} 4 {change}")
}

/// A quota: what is used, held and known, and what is needed.
fn stock(since: u64, [used, held, seed]: [u64; 3], most: u64, need: u64) -> String {
    format!("stock {since} {used} {held} {seed} {YEAR_2096} {most} {need} {need} 4")
}

#[test]
fn a_clock_that_falls_back_blocks_no_limit_for_good() {
    let server = Server::start();
    let mut number = 0;
    let mut ask = |now_ms, need| {
        number += 1;
        let said = server.call(
            now_ms,
            ("a", number),
            &[("w", window(number, 6, need, None))],
        );
        said[0].granted
    };
    assert_eq!(ask(NOON, 3), 3);
    // Another server goes on, whose clock is more than a span behind.
    let back = NOON - 100_000;
    assert_eq!(ask(back, 3), 3);
    assert_eq!(ask(back, 1), 0, "both count");
    assert_eq!(ask(NOON + MINUTE + 250, 6), 6, "and both leave");
    // Far behind: that of the other one says nothing.
    assert_eq!(ask(NOON - 600_000, 6), 6);
    assert_eq!(ask(NOON - 600_000, 1), 0);
}

#[test]
fn what_was_used_while_the_clock_is_behind_counts_and_can_be_given_back() {
    let server = Server::start();
    server.call(NOON, ("a", 1), &[("w", window(1, 10, 1, None))]);
    let back = NOON - 100_000;
    let said = server.call(back, ("a", 2), &[("w", window(2, 10, 0, Some((back, 5))))]);
    assert_eq!(said[0].used, 6);
    let said = server.call(back, ("a", 3), &[("w", window(3, 10, 0, Some((back, -5))))]);
    assert_eq!(said[0].used, 1);
}

#[test]
fn whoever_knows_most_of_a_quota_tells_a_server_that_has_lost_it() {
    let server = Server::start();
    let seed = |used| [0, 0, used];
    server.call(NOON, ("a", 1), &[("q", stock(1, seed(100), 1_000_000, 1))]);
    let said = server.call(
        NOON,
        ("b", 1),
        &[("q", stock(1, seed(900_000), 1_000_000, 500_000))],
    );
    let refused = Said {
        granted: 0,
        used: 900_000,
    };
    assert_eq!(said, [refused]);
}

#[test]
fn what_is_told_again_counts_once_however_late_a_copy_is() {
    let server = Server::start();
    let tell = |number, since, amount| {
        server.try_call(
            NOON,
            ("a", number),
            &[
                ("w", window(since, 1_000, 0, Some((NOON, amount)))),
                ("q", stock(since, [amount.unsigned_abs(), 0, 0], 1_000, 0)),
            ],
        )
    };
    let used = |said: Result<Vec<Said>, String>| said.expect("an answer").remove(0).used;
    assert_eq!(used(tell(1, 1, 50)), 50);
    assert_eq!(used(tell(1, 1, 50)), 50, "the same call");
    assert_eq!(used(tell(2, 1, 50)), 50, "told again");
    assert_eq!(used(tell(3, 3, 100)), 150);
    let late = tell(1, 1, 50).expect_err("a copy that comes late");
    assert!(late.starts_with("LATE"), "{late}");
    let said = tell(4, 4, 0).expect("an answer");
    assert!(said.iter().all(|it| it.used == 150), "{said:?}");
}

#[test]
fn what_is_new_in_a_call_that_is_told_again_counts() {
    let server = Server::start();
    server.call(NOON, ("a", 1), &[("q", stock(1, [10, 0, 0], 1_000, 0))]);
    // Its answer was lost, and there is another counter, and another period of a quota.
    let both = [
        ("q", stock(1, [10, 0, 0], 1_000, 0)),
        ("w", window(2, 1_000, 0, Some((NOON, 7)))),
        ("next", stock(2, [5, 0, 0], 1_000, 0)),
    ];
    let used = |said: Vec<Said>| said.iter().map(|it| it.used).collect::<Vec<_>>();
    assert_eq!(used(server.call(NOON, ("a", 2), &both)), [10, 7, 5]);
    assert_eq!(used(server.call(NOON, ("a", 3), &both)), [10, 7, 5]);
}

#[test]
fn nothing_stays_of_whoever_uses_nothing() {
    let server = Server::start();
    server.call(NOON, ("a", 1), &[("q", stock(1, [0, 0, 0], 10, 11))]);
    assert!(!server.has("q"), "refused");
    server.call(
        NOON,
        ("a", 2),
        &[
            ("q", stock(2, [0, 0, 0], 10, 5)),
            ("w", window(2, 10, 5, None)),
        ],
    );
    server.call(NOON, ("b", 1), &[("q", stock(1, [0, 0, 0], 10, 5))]);
    let gives_back = [
        ("q", stock(3, [0, 0, 0], 10, 0)),
        ("w", window(3, 10, 0, Some((NOON, -5)))),
    ];
    server.call(NOON, ("a", 3), &gives_back);
    assert!(server.has("q"), "another one holds some");
    assert!(!server.has("w"));
    server.call(NOON, ("b", 2), &[("q", stock(2, [0, 0, 0], 10, 0))]);
    assert!(!server.has("q"));
}

#[test]
fn no_amount_is_more_than_the_server_can_count() {
    let server = Server::start();
    const LARGEST: u64 = 1 << 62;
    const EXACT: i64 = 1 << 53;
    let tell = |number, now_ms, amount| {
        let said = server.call(
            now_ms,
            ("a", number),
            &[
                ("w", window(number, LARGEST, 0, Some((now_ms, amount)))),
                ("q", stock(number, [LARGEST; 3], LARGEST, 1)),
            ],
        );
        said.into_iter().map(|it| it.used).collect::<Vec<_>>()
    };
    let both = [EXACT, 1 << 62];
    assert_eq!(tell(1, NOON, EXACT - 1)[0], EXACT - 1);
    assert_eq!(tell(2, NOON + 500, 3), both);
    assert_eq!(tell(3, NOON + 1_000, EXACT), both);
    // Each part leaves in its time, and nothing stays.
    assert_eq!(tell(4, NOON + MINUTE + 250, 0)[0], 1);
    assert_eq!(tell(5, NOON + MINUTE + 750, 0)[0], 0);
}
