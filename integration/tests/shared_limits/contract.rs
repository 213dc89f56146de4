//! What holds wherever limits are counted.

use std::time::Duration;

use tollgate::limits::*;

use super::rig::{client, demand, each, line, rule, sent, tokens};

const DAILY: Span = Span::Period(Period::Day);

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_said_is_true() {
    for (store, replica, _server) in each().await {
        let lines = [client("app", &[rule(Measure::Requests, Span::Second, 3)])];
        for _ in 0..3 {
            drop(sent(replica.reserve(&lines, tokens(0, 0)).await));
        }
        let exceeded = replica.reserve(&lines, tokens(0, 0)).await;
        let exceeded = exceeded.expect_err(store);
        let Until::After(wait) = exceeded.until else {
            panic!("{store}: {exceeded:?}");
        };
        assert!(wait <= Duration::from_millis(1_010), "{store}: {wait:?}");
        tokio::time::sleep(wait).await;
        drop(sent(replica.reserve(&lines, tokens(0, 0)).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_and_not_used_is_there_for_others() {
    for (store, replica, _server) in each().await {
        for span in [Span::Minute, DAILY] {
            let lines = [client("app", &[rule(Measure::TotalTokens, span, 1_000)])];
            let first = sent(replica.reserve(&lines, tokens(100, 700)).await);
            let exceeded = replica.reserve(&lines, tokens(100, 200)).await;
            let exceeded = exceeded.expect_err(store);
            assert_eq!((exceeded.amount, exceeded.used), (300, 800), "{store}");
            first.settle(tokens(90, 10));
            let second = sent(replica.reserve(&lines, tokens(100, 800)).await);
            // More than was set aside is a debt.
            second.settle(tokens(100, 1_900));
            let refused = replica.reserve(&lines, tokens(1, 0)).await;
            refused.expect_err("there is a debt");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_passes_all_limits_or_takes_nothing_of_any() {
    for (store, replica, _server) in each().await {
        let rules = [
            rule(Measure::OutputTokens, Span::Minute, 50),
            rule(Measure::InputTokens, Span::Minute, 10),
        ];
        let everything = rule(Measure::Requests, Span::Minute, 2);
        let lines = [
            client("app", &rules),
            line(Subject::Everything, &[everything]),
        ];
        for _ in 0..3 {
            let refused = replica.reserve(&lines, tokens(11, 20)).await;
            assert_eq!(refused.expect_err(store).until, Until::Never, "{store}");
        }
        // One that was refused later, or whose client went away before it was sent.
        drop(replica.reserve(&lines, tokens(10, 50)).await.expect("room"));
        drop(sent(replica.reserve(&lines, tokens(10, 50)).await));
        let others = [
            client("other", &rules),
            line(Subject::Everything, &[everything]),
        ];
        drop(sent(replica.reserve(&others, tokens(1, 1)).await));
        let refused = replica.reserve(&others, tokens(1, 1)).await;
        assert_eq!(
            refused.expect_err(store).subject,
            Subject::Everything,
            "{store}"
        );
        // What was set aside for it at its client is there again.
        drop(sent(replica.reserve(&others[..1], tokens(9, 49)).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_are_counted_until_they_end() {
    for (store, replica, _server) in each().await {
        let lines = [client(
            "app",
            &[rule(Measure::ConcurrentRequests, Span::AtOnce, 2)],
        )];
        let first = sent(replica.reserve(&lines, tokens(0, 0)).await);
        let second = replica.reserve(&lines, tokens(0, 0)).await.expect("room");
        let refused = replica.reserve(&lines, tokens(0, 0)).await;
        refused.expect_err(store);
        first.settle(tokens(5, 5));
        let mut third = sent(replica.reserve(&lines, tokens(0, 0)).await);
        third.ended();
        let fourth = sent(replica.reserve(&lines, tokens(0, 0)).await);
        third.settle(tokens(1, 1));
        let refused = replica.reserve(&lines, tokens(0, 0)).await;
        refused.expect_err(store);
        drop((second, fourth));
        drop(sent(replica.reserve(&lines, tokens(0, 0)).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_says_when_it_is_renewed_and_what_was_used_before_counts() {
    for (store, replica, _server) in each().await {
        let quota = rule(
            Measure::Cost,
            Span::Period(Period::Month),
            9_000_000_000_000_001,
        );
        let lines = [client("app", &[quota])];
        let cost = |cost| Amounts {
            cost,
            ..tokens(0, 0)
        };
        let subject = Subject::Client("app".into());
        replica.limits.seed(
            &subject,
            quota,
            9_000_000_000_000_000 - 50,
            &replica.settings,
        );
        let refused = replica.reserve(&lines, cost(52)).await.expect_err(store);
        let Until::Renewed(at) = refused.until else {
            panic!("{store}: {refused:?}");
        };
        assert!(at > replica.limits.now().unix_ms, "{store}");
        drop(sent(replica.reserve(&lines, cost(50)).await));
        drop(sent(replica.reserve(&lines, cost(1)).await));
        let refused = replica.reserve(&lines, cost(1)).await;
        refused.expect_err(store);
        let standing = replica.limits.standing(&lines[0], &replica.settings);
        assert_eq!(standing[0].remaining(), 0, "{store}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_limit_applies_at_once_and_forgets_nothing() {
    for (store, replica, _server) in each().await {
        let of = |most| {
            [client(
                "app",
                &[rule(Measure::TotalTokens, Span::Minute, most)],
            )]
        };
        sent(replica.reserve(&of(1_000), tokens(500, 0)).await).settle(tokens(500, 0));
        replica
            .reserve(&of(600), tokens(101, 0))
            .await
            .expect_err(store);
        replica
            .reserve(&of(400), tokens(1, 0))
            .await
            .expect_err(store);
        drop(sent(replica.reserve(&of(2_000), tokens(1_500, 0)).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_what_is_shared_is_kept_for_those_of_a_higher_priority() {
    let reserves = Reserves {
        high: 20,
        normal: 10,
    };
    for (store, replica, _server) in each().await {
        let mut taken = Vec::new();
        for priority in [
            Priority::High,
            Priority::Low,
            Priority::Normal,
            Priority::High,
        ] {
            let subject = Subject::Deployment("gpt-4o".into());
            let lines = [Line {
                percent: reserves.percent(&subject, priority),
                ..line(subject, &[rule(Measure::Requests, Span::Minute, 100)])
            }];
            let mut count = 0;
            while (taken.is_empty() && count < 5) || !taken.is_empty() {
                match replica.reserve(&lines, tokens(0, 0)).await {
                    Ok(reservation) => drop(sent(Ok(reservation))),
                    Err(_) => break,
                }
                count += 1;
            }
            taken.push(count);
        }
        assert_eq!(taken, [5, 65, 10, 20], "{store}");
    }
    let own = Subject::Client("app".into());
    let of_its_own = reserves.percent(&own, Priority::Low);
    assert_eq!(of_its_own, 100, "nobody shares it");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_gets_what_is_given_back() {
    for (store, replica, _server) in each().await {
        let lines = [client(
            "app",
            &[rule(Measure::ConcurrentRequests, Span::AtOnce, 1)],
        )];
        let first = sent(replica.reserve(&lines, tokens(0, 0)).await);
        let queueing = Some(Queueing {
            max_wait: Duration::from_secs(20),
            max_requests: 10,
        });
        let second = replica.ask(Demand {
            queueing,
            ..demand(&lines, tokens(0, 0))
        });
        let end = async {
            super::rig::wait_for(|| replica.limits.waiting() == 1).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, end);
        drop(second.expect(store));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_was_set_aside_for_counts_and_each_threshold_is_said_once() {
    const YEARLY: Span = Span::Period(Period::Year);
    for (store, replica, _server) in each().await {
        let lines = [client("app", &[rule(Measure::TotalTokens, YEARLY, 1_000)])];
        let charge = |used| {
            let settings = &replica.settings;
            replica.limits.charge(&lines, tokens(used, 0), settings);
        };
        charge(490);
        assert!(replica.alarms().is_empty(), "{store}: 490 of 1,000");
        sent(replica.reserve(&lines, tokens(10, 0)).await).settle(tokens(10, 0));
        assert_eq!(replica.alarms(), [50], "{store}");
        let refused = replica.reserve(&lines, tokens(501, 0)).await;
        assert_eq!(refused.expect_err(store).used, 500, "{store}");
        assert!(replica.alarms().is_empty(), "{store}: it is half full");
        charge(450);
        assert_eq!(replica.alarms(), [80], "{store}");
        for percent in [Some(100), None] {
            let refused = replica.reserve(&lines, tokens(51, 0)).await;
            refused.expect_err(store);
            assert_eq!(replica.alarms(), Vec::from_iter(percent), "{store}");
        }
        drop(sent(replica.reserve(&lines, tokens(50, 0)).await));
    }
}
