//! The ledger: what is in it and when, and what happens while it can't be written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::process::Command;
use tollgate::database::{DatabaseUrl, PostgresUrl};
use tollgate::usage::RecordId;
use tollgate::usage::{Dimension, LedgerRow, Period, UsageStore};
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::books::{
    Dice, PRICES, assert_equals_bill, bills, by_request, ledger, records, rows, with_ledger,
};
use crate::support::{hello, hello_stream, metric, refused, send, send_json, settled};

#[tokio::test]
async fn an_answer_that_ended_has_its_record_on_the_disk() {
    let stack = Stack::start(with_ledger(PRICES)).await;
    let store = ledger(&stack).await;
    for (count, body) in [hello(), hello_stream(), hello(), hello_stream()]
        .iter()
        .enumerate()
    {
        let request = stack
            .chat(body)
            .header("x-end-user", "ann")
            .header(
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )
            .header("x-fake-cached-tokens", "2");
        let text = send(request).await.text().await.expect("a whole answer");
        assert!(!text.is_empty());
        let found = rows(&store).await;
        assert_eq!(found.len(), count + 1, "written before the answer's end");
    }
    settled(&stack, 4).await;
    let bills = bills(&stack);
    for (id, row) in by_request(rows(&store).await) {
        assert_equals_bill(&row, &bills[&id]);
        assert_eq!(row.source, "reported");
        assert_eq!(row.client, "mobile-app");
        assert_eq!(row.end_user.as_deref(), Some("ann"));
        assert_eq!(
            row.labels.as_deref(),
            Some(r#"{"cost_center":"4711","team":"search"}"#)
        );
        assert_eq!(
            row.trace_id.as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        assert_eq!(row.credential, "key.primary");
        assert_eq!(row.key_id.as_deref(), stack.key.text().get(4..14));
        assert_eq!(row.product.as_deref(), Some("standard"));
        assert_eq!(row.backend, "sweden");
        assert!(row.region.is_some(), "the backend says its region");
        assert_eq!(row.status, Some(200));
        let cost = (row.input_tokens - row.cached_tokens) * 2500
            + row.cached_tokens * 1250
            + row.output_tokens * 10_000;
        assert_eq!(row.cost_nanos, Some(cost), "{row:?}");
        assert_eq!(row.currency.as_deref(), Some("USD"));
    }
}

#[tokio::test]
async fn what_goes_without_waiting_is_written_all_the_same() {
    let stack = Stack::start(with_ledger("ledger: { durability: relaxed }\n")).await;
    let store = ledger(&stack).await;
    for _ in 0..3 {
        send_json(stack.chat(&hello())).await;
    }
    let found = records(&store, 3).await;
    assert!(
        found.iter().all(|row| row.cost_nanos.is_none()),
        "there are no prices"
    );
    assert_eq!(
        metric(&stack, "tollgate_usage_unpriced_total", &[]).await,
        0.0
    );
}

#[tokio::test]
async fn usage_without_a_price_is_counted() {
    let prices = "prices: [ { model: other, input: 1.00, per: 1, currency: USD } ]\n";
    let stack = Stack::start(with_ledger(prices)).await;
    send_json(stack.chat(&hello())).await;
    let labels = ["tollgate_deployment=\"gpt-4o\""];
    assert_eq!(
        metric(&stack, "tollgate_usage_unpriced_total", &labels).await,
        1.0
    );
    let store = ledger(&stack).await;
    assert_eq!(records(&store, 1).await[0].cost_nanos, None);
}

#[tokio::test]
async fn a_stored_response_is_its_clients_after_a_restart() {
    let mut stack = Stack::start(with_ledger("")).await;
    let body = json!({"model": "gpt-4o", "input": "Hi"});
    let (_, answer) = send_json(stack.post("/openai/v1/responses", &body)).await;
    let id = answer["id"].as_str().expect("an id").to_owned();
    stack.restart_tollgate().await.expect("a restart");
    let url = stack.callers.url(&format!("/openai/v1/responses/{id}"));
    let get = |id: &str| {
        let url = url.replace(&answer["id"].as_str().unwrap_or_default().to_owned(), id);
        let request = stack.callers.http1().get(url);
        request.header("api-key", stack.key.text())
    };
    let (status, found) = send_json(get(&id)).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(found["id"], id.as_str());
    assert_eq!(refused(get("resp_guessed")).await.0, 404);
}

#[tokio::test]
async fn at_the_end_every_record_is_written() {
    let mut stack = Stack::start(with_ledger("ledger: { durability: relaxed }\n")).await;
    for _ in 0..20 {
        send_json(stack.chat(&hello())).await;
    }
    let child = stack.tollgate_mut().child();
    child.signal("TERM").await.expect("a signal");
    assert!(child.ended().await.expect("an end").success());
    assert_eq!(rows(&ledger(&stack).await).await.len(), 20);
}

/// No file of the process may be written beyond a place where the ledger has long been, or anywhere
/// again: a disk that is full, without a disk.
async fn limit_files(stack: &mut Stack, is_full: bool) {
    let limit = match is_full {
        true => "--fsize=4096:",
        false => "--fsize=unlimited:",
    };
    let pid = stack
        .tollgate_mut()
        .child()
        .pid()
        .expect("it runs")
        .to_string();
    let set = Command::new("prlimit")
        .args(["--pid", &pid, limit])
        .status()
        .await;
    assert!(set.expect("prlimit, of util-linux").success());
}

/// Asks until the ledger has found out that it can't be written; gives how many answers were whole.
async fn until_failing(stack: &Stack) -> usize {
    let mut whole = 0;
    loop {
        let answer = send(stack.chat(&hello())).await;
        let is_ok = answer.status() == 200;
        whole += usize::from(answer.text().await.is_ok() && is_ok);
        if metric(stack, "tollgate_ledger_failing", &[]).await > 0.0 {
            return whole;
        }
        assert!(whole < 200, "the disk is not full");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_requests_before_they_reach_a_backend_and_loses_nothing() {
    let mut stack = Stack::start(with_ledger("").ignoring_file_limits()).await;
    send_json(stack.chat(&hello())).await;
    limit_files(&mut stack, true).await;
    until_failing(&stack).await;
    let reached = stack.azure.requests().len();
    let got = refused(stack.chat(&hello())).await;
    assert_eq!(got, (503, "accounting_unavailable".to_owned()));
    assert_eq!(
        stack.azure.requests().len(),
        reached,
        "the backend was not asked"
    );
    let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 503);
    assert!(text.contains("the usage ledger can't be written"), "{text}");

    limit_files(&mut stack, false).await;
    stack.tollgate_mut().ready().await.expect("it serves again");
    let (status, _) = send_json(stack.chat(&hello())).await;
    assert_eq!(status, 200);
    let store = ledger(&stack).await;
    let found = by_request(records(&store, reached + 1).await);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        bills(&stack).keys().collect::<Vec<_>>(),
        "what waited is written"
    );
    let lost = metric(
        &stack,
        "tollgate_ledger_records_total",
        &["outcome=\"lost\""],
    )
    .await;
    assert_eq!(lost, 0.0);
}

#[tokio::test]
async fn a_full_disk_does_not_keep_the_service_from_ending() {
    let mut stack = Stack::start(with_ledger("").ignoring_file_limits()).await;
    limit_files(&mut stack, true).await;
    until_failing(&stack).await;
    let child = stack.tollgate_mut().child();
    child.signal("TERM").await.expect("a signal");
    child.ended().await.expect("it ends");
    let said = stack.tollgate().log().all().concat();
    assert!(
        said.contains("lost"),
        "what was not written is said: {said}"
    );
}

#[tokio::test]
async fn a_full_disk_may_be_gone_on_without_and_what_waits_is_said_and_written_later() {
    let more = "ledger: { on_failure: continue }\n";
    let mut stack = Stack::start(with_ledger(more).ignoring_file_limits()).await;
    send_json(stack.chat(&hello())).await;
    limit_files(&mut stack, true).await;
    until_failing(&stack).await;
    for _ in 0..5 {
        let (status, _) = send_json(stack.chat(&hello())).await;
        assert_eq!(status, 200, "requests go on");
    }
    assert!(metric(&stack, "tollgate_ledger_waiting", &[]).await >= 5.0);
    let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 200);
    assert!(
        text.contains("ledger: the usage ledger can't be written"),
        "{text}"
    );

    limit_files(&mut stack, false).await;
    let store = ledger(&stack).await;
    let sent = stack.azure.ledger().len();
    let found = by_request(records(&store, sent).await);
    assert_eq!(found.len(), sent, "all that waited is written");
    wait_for("nothing to wait", async || {
        let waiting = metric(&stack, "tollgate_ledger_waiting", &[]).await;
        (waiting == 0.0).then_some(())
    })
    .await;
    let lost = metric(
        &stack,
        "tollgate_ledger_records_total",
        &["outcome=\"lost\""],
    )
    .await;
    assert_eq!(lost, 0.0);
}

/// A record of so many days ago.
fn old_record(days: u32) -> LedgerRow {
    let at = SystemTime::now() - Duration::from_secs(86_400) * days;
    let since = at.duration_since(UNIX_EPOCH).expect("after 1970");
    LedgerRow {
        id: RecordId::new(at)
            .expect("random numbers")
            .as_bytes()
            .to_vec(),
        started_ms: i64::try_from(since.as_millis()).expect("a time"),
        client: "gone".to_owned(),
        source: "reported".to_owned(),
        input_tokens: 1,
        ..LedgerRow::default()
    }
}

#[tokio::test]
async fn days_that_are_too_old_go_from_records_and_sums() {
    let mut stack = Stack::start(with_ledger("ledger: { retention: 30d }\n")).await;
    send_json(stack.chat(&hello())).await;
    let store = ledger(&stack).await;
    let (old, kept) = (old_record(32), old_record(28));
    store.insert(&[old, kept.clone()]).await.expect("written");
    stack.restart_tollgate().await.expect("a restart");
    wait_for("the old record to go", async || {
        (rows(&store).await.len() == 2).then_some(())
    })
    .await;
    assert!(rows(&store).await.contains(&kept));
    wait_for("its sums to go", async || {
        let sums = store.sums(&[Dimension::Client], false, Period::ALL).await;
        let requests: i64 = sums.expect("sums").iter().map(|sum| sum.requests).sum();
        (requests == 2).then_some(())
    })
    .await;
}

/// A ledger that is copied to a server.
fn copied_to(server: &Postgres) -> Options {
    let more = format!(
        "database: {{ url: \"{}\", password: {{ env: TEST_DATABASE_PASSWORD }} }}\n",
        server.url()
    );
    with_ledger(&more).tollgate_env("TEST_DATABASE_PASSWORD", Postgres::PASSWORD)
}

#[tokio::test]
async fn a_server_that_is_away_holds_up_nobody_and_misses_nothing() {
    let server = Postgres::start().expect("a PostgreSQL");
    server.down().expect("it stops");
    let mut stack = Stack::start(copied_to(&server)).await;
    for _ in 0..10 {
        let (status, _) = send_json(stack.chat(&hello())).await;
        assert_eq!(status, 200, "with the server away");
    }
    wait_for("the backlog", async || {
        let waiting = metric(&stack, "tollgate_ledger_outbox_waiting", &[]).await;
        (waiting == 10.0).then_some(())
    })
    .await;
    let failures = metric(
        &stack,
        "tollgate_ledger_failures_total",
        &["outcome=\"copy\""],
    )
    .await;
    assert!(failures >= 1.0);
    server.up().expect("it starts");
    let url = PostgresUrl::new(&server.url(), Some(Postgres::PASSWORD.into()));
    let url = DatabaseUrl::Postgres(url.expect("its address"));
    let shared = UsageStore::open(&url).await.expect("a server");
    let copied = records(&shared, 10).await;
    assert_eq!(copied, rows(&ledger(&stack).await).await);

    // Killed while it copies, it sends the last batch again; the server takes each record once.
    for _ in 0..10 {
        send_json(stack.chat(&hello())).await;
    }
    let old = old_record(500);
    let taken = shared.insert(std::slice::from_ref(&old)).await;
    taken.expect("an old record");
    stack.restart_tollgate().await.expect("a restart");
    wait_for("the old record to go", async || {
        (!rows(&shared).await.contains(&old)).then_some(())
    })
    .await;
    server.down().expect("it stops");
    for _ in 0..5 {
        send_json(stack.chat(&hello())).await;
    }
    server.up().expect("it starts");
    let copied = by_request(records(&shared, 25).await);
    assert_eq!(copied.len(), 25);
    assert_eq!(copied, by_request(rows(&ledger(&stack).await).await));
}

#[tokio::test]
async fn a_record_that_postgresql_refuses_is_set_aside_and_holds_up_no_other() {
    let server = Postgres::start().expect("a PostgreSQL");
    server.down().expect("it stops");
    let mut stack = Stack::start(copied_to(&server)).await;
    for _ in 0..3 {
        send_json(stack.chat(&hello())).await;
    }
    // More than an entry of PostgreSQL's index may have, and nothing that it could compress. No
    // request makes such a record: this is what a defect of ours, or an older version, has left.
    let mut dice = Dice(7);
    let mut letters = || char::from_u32(0x4e00 + u32::try_from(dice.below(20_000)).expect("small"));
    let user: String = (0..2000).filter_map(|_| letters()).collect();
    let poison = LedgerRow {
        end_user: Some(user),
        ..old_record(1)
    };
    let store = ledger(&stack).await;
    let taken = store.insert(std::slice::from_ref(&poison)).await;
    taken.expect("a file takes it");
    for _ in 0..4 {
        send_json(stack.chat(&hello())).await;
    }
    server.up().expect("it starts");
    let url = PostgresUrl::new(&server.url(), Some(Postgres::PASSWORD.into()));
    let url = DatabaseUrl::Postgres(url.expect("its address"));
    let shared = UsageStore::open(&url).await.expect("a server");
    let copied = by_request(records(&shared, 7).await);
    assert!(copied.values().all(|row| row.id != poison.id));
    for restarts in 0..2 {
        wait_for("the refusal to be counted", async || {
            let refused = metric(&stack, "tollgate_ledger_outbox_refused", &[]).await;
            (refused == 1.0).then_some(())
        })
        .await;
        let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
        assert_eq!(status, 200, "requests are served");
        let said = "ledger: PostgreSQL has refused records or objects: see not_copied in usage.db";
        assert!(text.contains(said), "{text}");
        let waiting = metric(&stack, "tollgate_ledger_outbox_waiting", &[]).await;
        assert_eq!(waiting, 0.0, "nothing waits behind it");
        if restarts == 0 {
            stack.restart_tollgate().await.expect("a restart");
        }
    }
    let refused = store.not_copied().await.expect("what was refused");
    assert_eq!(refused.len(), 1, "{refused:?}");
    let id = poison.record_id().expect("an id").to_string();
    assert_eq!(
        (refused[0].kind.as_str(), refused[0].id.as_str()),
        ("record", id.as_str())
    );
    assert!(refused[0].reason.contains("index row"), "{refused:?}");

    // What docs/chargeback.md says to do, when the cause is gone: here with the record.
    let file = stack.directory().join("data/usage.db");
    let cure = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1], timeout=30); \
        d.execute('DELETE FROM usage_records WHERE length(end_user) > 1000'); \
        d.execute('UPDATE outbox SET seq = 0'); d.commit()";
    let python = Command::new("python3")
        .args(["-c", cure])
        .arg(file)
        .status();
    assert!(python.await.expect("python3 runs").success());
    wait_for("nothing to be refused", async || {
        let (_, text) = stack.tollgate().admin("/readyz").await.ok()?;
        (text == "ready\n").then_some(())
    })
    .await;
    assert_eq!(store.not_copied().await.expect("none"), []);
}
