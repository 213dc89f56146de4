use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::upstream::Rest;

/// A pool of backends with a priority and a weight each.
fn pool(members: &[(&str, u32, u32)]) -> Pool {
    let member = |(name, priority, weight): &(&str, u32, u32)| {
        Member::new(Arc::new(Backend::new(name)), None, *priority, *weight)
    };
    Pool::new(members.iter().map(member).collect())
}

fn names(order: &Order) -> Vec<String> {
    let names = order.choices.iter().map(|it| it.backend.name.to_string());
    names.collect()
}

fn order(pool: &Pool, now: Instant) -> Result<Order, NoBackend> {
    pool.order("gpt-4o", now, 5, |_| true)
}

fn backend<'a>(pool: &'a Pool, name: &str) -> &'a Backend {
    let mut members = pool.members().iter();
    &members
        .find(|it| &*it.backend.name == name)
        .expect("one")
        .backend
}

#[test]
fn priorities_come_before_weights_and_each_backend_once() {
    let pool = pool(&[("b", 1, 100), ("a", 0, 1), ("c", 2, 1)]);
    let order = order(&pool, Instant::now()).expect("an order");
    assert_eq!(names(&order), ["a", "b", "c"]);
}

#[test]
fn weights_are_kept_over_many_requests() {
    for weights in [[1, 1, 1], [95, 5, 1], [7, 2, 1]] {
        let [a, b, c] = weights;
        let pool = pool(&[("a", 0, a), ("b", 0, b), ("c", 0, c)]);
        let mut seen: HashMap<String, u32> = HashMap::new();
        for _ in 0..10_000 {
            let order = order(&pool, Instant::now()).expect("an order");
            assert_eq!(order.choices.len(), 3);
            *seen.entry(names(&order).remove(0)).or_default() += 1;
        }
        for (name, weight) in ["a", "b", "c"].into_iter().zip(weights) {
            let share = f64::from(seen.get(name).copied().unwrap_or(0)) / 10_000.0;
            let wanted = f64::from(weight) / f64::from(a + b + c);
            assert!(
                (share - wanted).abs() < 0.001,
                "{weights:?} {name}: {share}"
            );
        }
    }
}

#[test]
fn one_that_is_slow_is_passed_over() {
    let pool = pool(&[("slow", 0, 1), ("quick", 0, 1)]);
    let now = Instant::now();
    let mut held = Vec::new();
    for _ in 0..1000 {
        let order = order(&pool, now).expect("an order");
        if names(&order).first().is_some_and(|it| it == "slow") {
            held.push(order);
        }
    }
    let most = usize::try_from(MIN_UNDER_WAY + 1).expect("small");
    assert_eq!(held.len(), most, "all requests gather at the slow one");
}

#[test]
fn a_deployment_that_rests_is_not_asked_until_it_returns() {
    let pool = pool(&[("a", 0, 1), ("b", 1, 1)]);
    let now = Instant::now();
    let second = Duration::from_secs(1);
    let rest = |name: &str, of: &str, time| {
        backend(&pool, name).deployment(of, |it| it.rest(now, time, Rest::Throttled));
    };
    rest("a", "gpt-4o", second);
    assert_eq!(names(&order(&pool, now).expect("b")), ["b"]);
    let other = pool.order("o3", now, 5, |_| true).expect("both");
    assert_eq!(names(&other), ["a", "b"], "another deployment rests too");
    rest("b", "gpt-4o", 2 * second);
    let none = order(&pool, now).map(|it| names(&it));
    assert_eq!(none, Err(NoBackend::Resting(now + second)), "the earliest");
    assert_eq!(names(&order(&pool, now + second).expect("a")), ["a"]);
}

#[test]
fn one_request_tries_what_has_rested_and_the_others_do_not() {
    let pool = pool(&[("a", 0, 1), ("b", 1, 1)]);
    let now = Instant::now();
    for _ in 0..5 {
        backend(&pool, "a").whole(|it| it.failed(now, Rest::Failing));
    }
    assert_eq!(names(&order(&pool, now).expect("b")), ["b"]);
    let later = now + Duration::from_secs(1);
    assert_eq!(names(&order(&pool, later).expect("a trial")), ["a", "b"]);
    assert_eq!(
        names(&order(&pool, later).expect("b")),
        ["b"],
        "two at once"
    );
    backend(&pool, "a").served("gpt-4o", later);
    assert_eq!(names(&order(&pool, later).expect("both")), ["a", "b"]);
}

#[test]
fn what_is_not_allowed_is_never_asked() {
    let pool = pool(&[("us", 0, 1), ("eu", 1, 1)]);
    let only = |name: &'static str| {
        pool.order("gpt-4o", Instant::now(), 5, move |it| {
            &*it.backend.name == name
        })
    };
    assert_eq!(names(&only("eu").expect("eu")), ["eu"]);
    let none = only("asia").map(|it| names(&it));
    assert_eq!(none, Err(NoBackend::NotAllowed));
}
