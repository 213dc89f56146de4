//! Redis that is away, hangs, or comes back with nothing in it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tollgate::limits::*;
use tollgate_integration::redis::Redis;

use super::rig::*;

const DAILY: Span = Span::Period(Period::Day);

fn all_kinds(most: u64) -> Vec<Line> {
    vec![client(
        "app",
        &[
            rule(Measure::Requests, Span::Minute, most),
            rule(Measure::TotalTokens, DAILY, most * 10),
            rule(Measure::ConcurrentRequests, Span::AtOnce, most),
        ],
    )]
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_redis_under_load_loses_no_request_that_its_share_allows() {
    const EACH: usize = 1_500;
    let server = Redis::start().expect("a Redis");
    let lines = all_kinds(8_000);
    let (mut tasks, mut replicas) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let replica = Arc::new(Replica::shared(options(&server)).await);
        replicas.push(Arc::clone(&replica));
        let lines = lines.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..EACH {
                let reserved = replica.reserve(&lines, tokens(5, 5)).await;
                sent(reserved).settle(tokens(5, 4));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }));
    }
    let answered = || -> u64 { replicas.iter().map(|it| it.state().answered).sum() };
    for _ in 0..3 {
        let before = answered();
        wait_for(|| answered() > before + 10 || tasks.iter().all(JoinHandle::is_finished)).await;
        server.kill();
        wait_for(|| replicas.iter().all(|it| !it.state().is_up())).await;
        server.up().expect("it starts");
    }
    for task in tasks {
        task.await.expect("no request was refused");
    }
    // Back again, and nothing is forgotten, though it has begun with nothing three times.
    for replica in &replicas {
        replica.until_up(true).await;
    }
    wait_for_total(&server, 4 * EACH).await;
    let more: usize = {
        let mut more = 0;
        for replica in &replicas {
            while let Ok(reservation) = replica.reserve(&lines, tokens(0, 0)).await {
                drop(sent(Ok(reservation)));
                more += 1;
            }
        }
        more
    };
    let all = 4 * EACH + more;
    println!("{all} of 8000");
    assert!((7_840..=8_080).contains(&all), "{all}");
}

/// The replicas have told all.
async fn wait_for_total(server: &Redis, requests: usize) {
    wait_for(|| {
        let said = server.ask(&["hget", "test:{client:app}:requests:minute", "sum"]);
        let told: usize = said.expect("an answer").parse().unwrap_or(0);
        told >= requests
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_a_replica_has_its_share_and_no_more() {
    let server = Redis::start().expect("a Redis");
    server.kill();
    let replica = Replica::shared(options(&server)).await;
    assert!(!replica.state().is_up());
    for (rule, share) in [
        (rule(Measure::Requests, Span::Minute, 40), 10),
        (rule(Measure::Requests, DAILY, 40), 10),
        (rule(Measure::ConcurrentRequests, Span::AtOnce, 40), 10),
        (rule(Measure::Requests, Span::Minute, 2), 1),
    ] {
        let lines = [client(&format!("{rule:?}"), &[rule])];
        let mut held = Vec::new();
        while let Ok(reservation) = replica.reserve(&lines, tokens(0, 0)).await {
            held.push(sent(Ok(reservation)));
        }
        assert_eq!(held.len(), share, "{rule:?}");
    }
    // More than its share, and less than the limit: it may fit later.
    let lines = [client(
        "app",
        &[rule(Measure::TotalTokens, Span::Minute, 1_000)],
    )];
    let refused = replica
        .reserve(&lines, tokens(300, 0))
        .await
        .expect_err("too much");
    assert!(matches!(refused.until, Until::After(_)), "{refused:?}");
    // What it has used alone is known to all when the server is there.
    server.up().expect("it starts");
    replica.until_up(true).await;
    let lines = [client("late", &[rule(Measure::Requests, Span::Minute, 40)])];
    drop(sent(replica.reserve(&lines, tokens(0, 0)).await));
    let known = format!("{:?}", rule(Measure::Requests, Span::Minute, 40));
    let lines = [client(&known, &[rule(Measure::Requests, Span::Minute, 40)])];
    let other = Replica::shared(options(&server)).await;
    let mut more = 0;
    while other
        .reserve(&lines, tokens(0, 0))
        .await
        .map(|it| drop(sent(Ok(it))))
        .is_ok()
    {
        more += 1;
    }
    assert_eq!(more, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_of_a_quota_is_divided() {
    let server = Redis::start().expect("a Redis");
    let replica = Replica::shared(options(&server)).await;
    let other = Replica::shared(options(&server)).await;
    let lines = [client("app", &[rule(Measure::TotalTokens, DAILY, 1_000)])];
    sent(other.reserve(&lines, tokens(500, 0)).await).settle(tokens(500, 0));
    sent(replica.reserve(&lines, tokens(100, 0)).await).settle(tokens(100, 0));
    let used = "return redis.call('hget', redis.call('keys', 'test:*:tokens:day:*')[1], 'used')";
    wait_for(|| server.ask(&["eval", used, "0"]).expect("an answer") == "600").await;
    server.kill();
    // The first call finds out.
    let first = replica.reserve(&lines, tokens(101, 0)).await;
    first.expect_err("a quarter of 400");
    assert!(!replica.state().is_up());
    drop(sent(replica.reserve(&lines, tokens(100, 0)).await));
    replica
        .reserve(&lines, tokens(1, 0))
        .await
        .expect_err("used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes_where_the_rule_is_to_refuse() {
    let server = Redis::start().expect("a Redis");
    let replica = Replica::shared(SharedOptions {
        when_unavailable: WhenUnavailable::Refuse,
        ..options(&server)
    })
    .await;
    let lines = all_kinds(1_000);
    drop(sent(replica.reserve(&lines, tokens(1, 1)).await));
    server.kill();
    replica.until_up(false).await;
    // What it was given before may be used.
    let refused = loop {
        match replica.reserve(&lines, tokens(1, 1)).await {
            Ok(reservation) => drop(sent(Ok(reservation))),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.until, Until::Unavailable);
    server.up().expect("it starts");
    replica.until_up(true).await;
    drop(sent(replica.reserve(&lines, tokens(1, 1)).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_holds_no_request() {
    let server = Redis::start().expect("a Redis");
    let replica = Arc::new(
        Replica::shared(SharedOptions {
            answer_timeout: SharedOptions::ANSWER_TIMEOUT,
            ..options(&server)
        })
        .await,
    );
    let lines = all_kinds(1_000);
    drop(sent(replica.reserve(&lines, tokens(1, 1)).await));
    server.hang(true).expect("it hangs");
    let other = [client(
        "other",
        &[rule(Measure::Requests, Span::Minute, 100)],
    )];
    let asked = tokio::time::timeout(
        Duration::from_secs(10),
        replica.reserve(&other, tokens(0, 0)),
    );
    drop(sent(asked.await.expect("it is decided")));
    assert!(!replica.state().is_up() && replica.state().failed > 0);
    server.hang(false).expect("it goes on");
    replica.until_up(true).await;
}
