use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::upstream::Rest;

const WISH: Wish<'_> = Wish {
    called: "gpt-4o",
    most: 5,
    has_one_name: false,
    kept_percent: 0,
};

/// A pool of backends with a priority and a weight each.
fn pool(members: &[(&str, u32, u32)]) -> Pool {
    let member = |(name, priority, weight): &(&str, u32, u32)| {
        Member::new(Arc::new(Backend::new(name)), None, *priority, *weight)
    };
    Pool::new(members.iter().map(member).collect())
}

fn names(order: &Order) -> Vec<String> {
    let names = order.choices.iter().map(|it| it.backend().name.to_string());
    names.collect()
}

fn order(pool: &Pool, now: Instant) -> Result<Order, NoBackend> {
    pool.order(WISH, now, |_| true, |_| true)
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
    // It has answered all of them, and has its share again, not what it has missed as well.
    held.clear();
    let firsts = (0..100).map(|_| names(&order(&pool, now).expect("an order")).remove(0));
    assert_eq!(firsts.filter(|it| it == "slow").count(), 50);
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
    let o3 = Wish {
        called: "o3",
        ..WISH
    };
    let other = pool.order(o3, now, |_| true, |_| true).expect("both");
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
        let is_one = move |it: &Member| &*it.backend.name == name;
        pool.order(WISH, Instant::now(), |_| true, is_one)
    };
    assert_eq!(names(&only("eu").expect("eu")), ["eu"]);
    let none = only("asia").map(|it| names(&it));
    assert_eq!(none, Err(NoBackend::NotAllowed));
}

#[test]
fn all_have_one_name_where_the_body_is_shared() {
    let member = |(name, deployment, priority): (&str, &str, u32)| {
        Member::new(
            Arc::new(Backend::new(name)),
            Some(deployment.into()),
            priority,
            1,
        )
    };
    let pool = Pool::new(
        [("a", "x", 0), ("b", "y", 1), ("c", "x", 2), ("d", "y", 3)]
            .into_iter()
            .map(member)
            .collect(),
    );
    let one = Wish {
        has_one_name: true,
        ..WISH
    };
    let now = Instant::now();
    let order = || names(&pool.order(one, now, |_| true, |_| true).expect("an order"));
    assert_eq!(order(), ["a", "c"]);
    // The first that can be asked says the name.
    backend(&pool, "a").deployment("x", |it| {
        it.rest(now, Duration::from_secs(1), Rest::Throttled);
    });
    backend(&pool, "c").deployment("x", |it| {
        it.rest(now, Duration::from_secs(1), Rest::Throttled);
    });
    assert_eq!(order(), ["b", "d"]);
    let only_d = |it: &Member| &*it.backend.name == "d";
    let pinned = pool.order(one, now, |_| true, only_d).expect("d");
    assert_eq!(names(&pinned), ["d"]);
}

#[test]
fn one_without_a_token_loses_no_turn_and_no_trial() {
    let pool = pool(&[("a", 0, 1), ("b", 1, 1)]);
    let now = Instant::now();
    for _ in 0..5 {
        backend(&pool, "a").whole(|it| it.failed(now, Rest::Failing));
    }
    let later = now + Duration::from_secs(1);
    let without = |name: &'static str| {
        let has_token = move |it: &Backend| !name.contains(&*it.name);
        pool.order(WISH, later, has_token, |_| true)
            .map(|it| names(&it))
    };
    assert_eq!(without("a"), Ok(vec!["b".to_owned()]));
    assert_eq!(without("a, b"), Err(NoBackend::NoToken));
    assert_eq!(names(&order(&pool, later).expect("a trial")), ["a", "b"]);
}

#[test]
fn a_trial_that_another_request_has_is_waited_for() {
    let pool = pool(&[("a", 0, 1), ("b", 0, 1)]);
    let now = Instant::now();
    for _ in 0..5 {
        backend(&pool, "a").whole(|it| it.failed(now, Rest::Failing));
    }
    let later = now + Duration::from_secs(1);
    // While this request looks at b, another one takes the trial of a.
    let meanwhile = |it: &Member| match &*it.backend.name {
        "a" => true,
        _ => {
            backend(&pool, "a").take_trial("gpt-4o", later);
            false
        }
    };
    let none = pool.order(WISH, later, |_| true, meanwhile);
    let none = none.map(|it| names(&it));
    assert!(matches!(none, Err(NoBackend::Resting(until)) if until > later));
    // And here it has ended well by then.
    let answered = |it: &Member| {
        let is_a = &*it.backend.name == "a";
        if !is_a {
            backend(&pool, "a").served("gpt-4o", later);
        }
        is_a
    };
    let later = later + Duration::from_secs(60);
    let order = pool.order(WISH, later, |_| true, answered).expect("a");
    assert_eq!(names(&order), ["a"]);
}

#[test]
fn where_none_accepts_the_identity_it_is_not_callers_who_are_too_many() {
    let pool = pool(&[("a", 0, 1), ("b", 1, 1)]);
    let now = Instant::now();
    let second = Duration::from_secs(1);
    backend(&pool, "a").whole(|it| it.failed(now, Rest::IdentityRejected));
    backend(&pool, "b").whole(|it| it.failed(now, Rest::IdentityRejected));
    let none = order(&pool, now).map(|it| names(&it));
    assert_eq!(none, Err(NoBackend::Rejecting(now + second)));
    backend(&pool, "b").whole(|it| it.rest(now, 2 * second, Rest::Throttled));
    let none = order(&pool, now).map(|it| names(&it));
    assert_eq!(none, Err(NoBackend::Resting(now + second)));
}

#[test]
fn what_is_left_is_kept_for_others_while_some_have_too_much_to_do() {
    let pool = pool(&[("a", 0, 1), ("b", 0, 9), ("c", 1, 1), ("us", 1, 1)]);
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    let order = |kept_percent| {
        let wish = Wish {
            kept_percent,
            ..WISH
        };
        let order = pool.order(wish, now, |_| true, |it| &*it.backend.name != "us");
        order.map(|it| it.choices.len())
    };
    let rest = |name, time, why| backend(&pool, name).whole(|it| it.rest(now, time, why));
    let reserved = Err(NoBackend::Reserved(now + 3 * second));
    rest("c", second, Rest::Failing);
    assert_eq!(
        order(90),
        Ok(2),
        "it fails, which has nothing to do with room"
    );
    rest("b", 3 * second, Rest::Throttled);
    // One of three is left.
    assert_eq!([order(0), order(33), order(34)], [Ok(1), Ok(1), reserved]);
    rest("us", second, Rest::Throttled);
    assert_eq!(order(34), reserved, "it is not for this request");
    rest("a", 2 * second, Rest::Throttled);
    assert_eq!(
        order(34),
        Err(NoBackend::Resting(now + second)),
        "nothing is left"
    );
}

#[test]
fn a_full_one_is_passed_over_for_its_equals_and_for_no_others() {
    let pool = pool(&[("a", 0, 1), ("b", 0, 1), ("c", 1, 1)]);
    let now = Instant::now();
    let full = |name: &str| backend(&pool, name).deployment("gpt-4o", |it| it.full(now));
    full("a");
    for _ in 0..4 {
        assert_eq!(names(&order(&pool, now).expect("b")), ["b", "a", "c"]);
    }
    full("b");
    let firsts: Vec<_> = (0..4)
        .map(|_| names(&order(&pool, now).expect("both")).remove(0))
        .collect();
    let of = |name: &str| firsts.iter().filter(|it| *it == name).count();
    assert_eq!((of("a"), of("b")), (2, 2), "{firsts:?}");
    // It has room again: its share, and not what it has missed.
    backend(&pool, "a").served("gpt-4o", now);
    assert_eq!(names(&order(&pool, now).expect("a")), ["a", "b", "c"]);
}

#[test]
fn where_nobody_is_free_those_that_are_not_slow_share_the_turns() {
    let now = Instant::now();
    let pool = pool(&[("slow", 0, 1), ("one", 0, 1), ("two", 0, 1)]);
    let slow = pool.members().iter().find(|it| &*it.backend.name == "slow");
    let slow = slow.expect("one");
    let held: Vec<_> = (0..100)
        .map(|_| Choice::new(slow, &"gpt-4o".into()).begin())
        .collect();
    for name in ["one", "two"] {
        backend(&pool, name).deployment("gpt-4o", |it| it.full(now));
    }
    let firsts = (0..20).map(|_| names(&order(&pool, now).expect("an order")).remove(0));
    let mut seen: HashMap<String, u32> = HashMap::new();
    for first in firsts {
        *seen.entry(first).or_default() += 1;
    }
    assert_eq!(
        seen,
        HashMap::from([("one".to_owned(), 10), ("two".to_owned(), 10)])
    );
    drop(held);
}
