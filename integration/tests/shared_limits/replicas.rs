//! Several replicas and one Redis: what all of them together may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tollgate::limits::*;
use tollgate_integration::redis::Redis;

use super::rig::*;

const DAILY: Span = Span::Period(Period::Day);

async fn four(server: &Redis) -> Vec<Arc<Replica>> {
    let mut replicas = Vec::new();
    for _ in 0..4 {
        replicas.push(Arc::new(Replica::shared(options(server)).await));
    }
    replicas
}

/// Each replica asks without a pause, with requests of many sizes that use less than they set aside, until
/// the time is over or a request has been refused for a while. Says when how much was used.
async fn load(replicas: &[Arc<Replica>], lines: Vec<Line>, until: Duration) -> Vec<(Instant, u64)> {
    let end = Instant::now() + until;
    let mut tasks = Vec::new();
    for (at, replica) in replicas.iter().enumerate() {
        let (replica, lines) = (Arc::clone(replica), lines.clone());
        tasks.push(tokio::spawn(async move {
            let mut used = Vec::new();
            let mut step = u64::try_from(at).expect("small");
            while Instant::now() < end {
                step += 1;
                let output = 20 + step * 37 % 90;
                match replica.reserve(&lines, tokens(30, 110)).await {
                    Ok(reservation) => {
                        let reservation = sent(Ok(reservation));
                        used.push((Instant::now(), 30 + output));
                        tokio::task::yield_now().await;
                        reservation.settle(tokens(30, output));
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
            used
        }));
    }
    let mut used = Vec::new();
    for task in tasks {
        used.extend(task.await.expect("it ran"));
    }
    used.sort_unstable();
    used
}

fn sum(used: &[(Instant, u64)]) -> u64 {
    used.iter().map(|(_, amount)| amount).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_replicas_share_one_budget() {
    const LIMIT: u64 = 200_000;
    let server = Redis::start().expect("a Redis");
    let replicas = four(&server).await;
    for span in [Span::Minute, DAILY] {
        let name = format!("{span:?}");
        let lines = vec![client(&name, &[rule(Measure::TotalTokens, span, LIMIT)])];
        let used = sum(&load(&replicas, lines, Duration::from_secs(4)).await);
        println!("{span:?}: {used} of {LIMIT}");
        assert!(used <= LIMIT / 100 * 101, "{span:?}: {used}");
        assert!(used >= LIMIT / 100 * 98, "{span:?}: {used}, there was room");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_replicas_share_what_comes_back_with_each_second() {
    const LIMIT: u64 = 100_000;
    const SECONDS: u64 = 4;
    let server = Redis::start().expect("a Redis");
    let replicas = four(&server).await;
    let lines = vec![client(
        "app",
        &[rule(Measure::TotalTokens, Span::Second, LIMIT)],
    )];
    let used = load(&replicas, lines, Duration::from_secs(SECONDS)).await;
    let mut most = 0;
    for (at, (from, _)) in used.iter().enumerate() {
        let within = used[at..].iter();
        let within = within.take_while(|(then, _)| *then < *from + Duration::from_secs(1));
        most = within.map(|(_, amount)| amount).sum::<u64>().max(most);
    }
    let all = sum(&used);
    println!("at most {most} in a second, {all} in {SECONDS} s of {LIMIT} each");
    assert!(most <= LIMIT / 100 * 101, "{most} in one second");
    let all_of_it = LIMIT * SECONDS;
    assert!(all >= all_of_it / 100 * 90, "{all}, there was room");
}

#[tokio::test(flavor = "multi_thread")]
async fn most_decisions_need_no_round_trip() {
    let server = Redis::start().expect("a Redis");
    let replicas = four(&server).await;
    let lines = vec![client(
        "app",
        &[rule(Measure::TotalTokens, Span::Minute, 1_000_000_000)],
    )];
    let used = load(&replicas, lines, Duration::from_secs(2)).await;
    let calls: u64 = replicas.iter().map(|it| it.state().answered).sum();
    let decisions = u64::try_from(used.len()).expect("few");
    println!("{calls} calls for {decisions} decisions");
    assert!(
        calls * 10 < decisions,
        "{calls} calls for {decisions} decisions"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_are_counted_together_and_those_of_a_dead_replica_end() {
    let server = Redis::start().expect("a Redis");
    let replicas = four(&server).await;
    let lines = [client(
        "app",
        &[rule(Measure::ConcurrentRequests, Span::AtOnce, 8)],
    )];
    let under_way = AtomicU64::new(0);
    let mut held = Vec::new();
    for _ in 0..5 {
        for replica in &replicas {
            if let Ok(reservation) = replica.reserve(&lines, tokens(0, 0)).await {
                held.push(sent(Ok(reservation)));
                under_way.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    assert_eq!(under_way.into_inner(), 8);
    let mut replicas = replicas.into_iter();
    let first = replicas.next().expect("four");
    // It is killed: nobody says that its requests have ended.
    held.into_iter().for_each(std::mem::forget);
    for dead in replicas {
        Arc::try_unwrap(dead)
            .ok()
            .expect("nobody else has it")
            .crash();
    }
    let others = [client(
        "app",
        &[rule(Measure::ConcurrentRequests, Span::AtOnce, 8)],
    )];
    let free = || async {
        let mut held = Vec::new();
        while let Ok(reservation) = first.reserve(&others, tokens(0, 0)).await {
            held.push(reservation);
        }
        held.len()
    };
    assert_eq!(free().await, 0);
    let found = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let found = free().await;
            if found > 0 {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(
        (1..=6).contains(&found.await.expect("the leases end")),
        "its own are under way"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_holds_is_there_for_others_when_it_ends() {
    let server = Redis::start().expect("a Redis");
    let lines = [client(
        "app",
        &[rule(Measure::TotalTokens, DAILY, 1_000_000)],
    )];
    let first = Replica::shared(options(&server)).await;
    for _ in 0..50 {
        sent(first.reserve(&lines, tokens(100, 0)).await).settle(tokens(50, 0));
    }
    first.stop().await;
    let second = Replica::shared(options(&server)).await;
    drop(sent(
        second.reserve(&lines, tokens(1_000_000 - 50 * 50, 0)).await,
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_counts_where_the_server_knows_nothing() {
    let server = Redis::start().expect("a Redis");
    let quota = rule(Measure::TotalTokens, DAILY, 1_000);
    let lines = [client("app", &[quota])];
    let subject = Subject::Client("app".into());
    let first = Replica::shared(options(&server)).await;
    first.limits.seed(&subject, quota, 600, &first.settings);
    drop(sent(first.reserve(&lines, tokens(100, 0)).await));
    // What is under way is in no ledger yet: the server hears of it as used within its replica's next calls.
    let used = "local keys = redis.call('keys', 'test:{client:app}:*:day:*'); return redis.call('hget', keys[1], 'used')";
    wait_for(|| server.ask(&["eval", used, "0"]).expect("an answer") == "700").await;
    // Its ledger knows of all that was used; so does the server.
    let second = Replica::shared(options(&server)).await;
    second.limits.seed(&subject, quota, 700, &second.settings);
    second
        .reserve(&lines, tokens(301, 0))
        .await
        .expect_err("300 are left");
    drop(sent(second.reserve(&lines, tokens(300, 0)).await));
    first
        .reserve(&lines, tokens(1, 0))
        .await
        .expect_err("nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_a_client_over_its_limit_invents_leave_nothing_in_the_server() {
    let server = Redis::start().expect("a Redis");
    let replica = Replica::shared(options(&server)).await;
    let yearly = rule(Measure::Cost, Span::Period(Period::Year), 1_000);
    let of_client = client("app", &[rule(Measure::Requests, Span::Minute, 3)]);
    let mut passed = 0;
    for number in 0..100 {
        let user = Subject::User {
            client: "app".into(),
            user: Some(format!("user {number}").into()),
        };
        let amounts = Amounts {
            cost: 10,
            ..tokens(0, 0)
        };
        let lines = [line(user, &[yearly]), of_client.clone()];
        if let Ok(reservation) = replica.reserve(&lines, amounts).await {
            sent(Ok(reservation)).settle(amounts);
            passed += 1;
        }
    }
    assert_eq!(passed, 3);
    let count = "return #redis.call('keys', 'test:{user:*}:cost:year:*')";
    wait_for(|| server.ask(&["eval", count, "0"]).expect("an answer") == "3").await;
}
