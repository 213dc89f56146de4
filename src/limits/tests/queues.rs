//! Requests that wait for room.

use super::*;

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
