//! The identity's token: fetched once, refreshed behind the requests, and missed with a clear word.

use std::time::{Duration, Instant};

use tollgate_integration::fakes::identity::IdentityOptions;
use tollgate_integration::fakes::identity::control::Mode;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{assert_no_violations, hello, metric, refused, send, stack};

#[tokio::test]
async fn a_thousand_requests_need_one_fetch() {
    let stack = stack().await;
    for _ in 0..10 {
        let requests =
            (0..100).map(|_| tokio::spawn(send(stack.chat(&hello()).header("x-fake-canned", "1"))));
        for request in requests.collect::<Vec<_>>() {
            assert_eq!(request.await.expect("it ran").status(), 200);
        }
    }
    assert_eq!(stack.identity.fetches(), 1, "never on a request's path");
}

#[tokio::test]
async fn requests_at_a_cold_start_cause_one_fetch() {
    let stack = Stack::start(Options::default().dont_wait_until_ready()).await;
    let requests =
        (0..200).map(|_| tokio::spawn(send(stack.chat(&hello()).header("x-fake-canned", "1"))));
    for request in requests.collect::<Vec<_>>() {
        let status = request.await.expect("it ran").status().as_u16();
        assert!(
            status == 200 || status == 503,
            "served, or told to retry: {status}"
        );
    }
    assert_eq!(stack.identity.fetches(), 1);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_ends_and_requests_notice_nothing() {
    let identity = IdentityOptions {
        lifetime: Duration::from_secs(4),
        ..IdentityOptions::default()
    };
    let stack = Stack::start(Options::default().identity(identity)).await;
    let started = Instant::now();
    while stack.identity.fetches() < 4 {
        let response = send(stack.chat(&hello()).header("x-fake-canned", "1")).await;
        assert_eq!(response.status(), 200, "after {:?}", started.elapsed());
    }
    assert!(
        started.elapsed() > Duration::from_secs(4),
        "the first token has ended meanwhile"
    );
    assert_no_violations(&stack);
}

#[tokio::test]
async fn while_the_source_is_down_the_token_serves_to_its_end_and_then_the_answer_is_503() {
    let identity = IdentityOptions {
        lifetime: Duration::from_secs(3),
        ..IdentityOptions::default()
    };
    let stack = Stack::start(Options::default().identity(identity)).await;
    stack.identity.set_mode(Mode::Failing { status: 500 });
    let mut served = 0;
    let response = wait_for("the token's end", async || {
        let response = send(stack.chat(&hello()).header("x-fake-canned", "1")).await;
        served += usize::from(response.status() == 200);
        (response.status() != 200).then_some(response)
    })
    .await;
    assert!(served > 0, "the old token served");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(response.headers()["content-type"], "application/json");
    let got = refused(stack.chat(&hello())).await;
    assert_eq!(got, (503, "identity_unavailable".to_owned()));
    let (status, why) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 503, "not ready without a token: {why}");
    assert!(
        metric(
            &stack,
            "tollgate_identity_refreshes_total",
            &["outcome=\"failure\""]
        )
        .await
            > 0.0
    );
    assert_no_violations(&stack);

    stack.identity.set_mode(Mode::Ok);
    stack.identity.set_lifetime(Duration::from_secs(3600));
    wait_for("the source's return", async || {
        (send(stack.chat(&hello())).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_source_that_hangs_holds_up_no_request() {
    let identity = IdentityOptions {
        lifetime: Duration::from_secs(2),
        ..IdentityOptions::default()
    };
    let stack = Stack::start(Options::default().identity(identity)).await;
    stack.identity.set_mode(Mode::Slow { delay_ms: 600_000 });
    wait_for("the token's end", async || {
        (send(stack.chat(&hello()).header("x-fake-canned", "1"))
            .await
            .status()
            == 503)
            .then_some(())
    })
    .await;
    // Ten answers, none of which waited for the source, which answers in ten minutes.
    for _ in 0..10 {
        assert_eq!(refused(stack.chat(&hello())).await.0, 503);
    }
    assert_no_violations(&stack);
}
