//! The tables of the ledger: one contract, over both databases.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate::usage::LEDGER;
use tollgate::usage::RecordId;
use tollgate::usage::{Dimension, LedgerRow, Period, Sum, UsageStore};

use crate::rig::{TestDatabase, places};

const DAY: Duration = Duration::from_secs(86_400);
const NEW_YEAR: u64 = 20_454;

pub(crate) fn day(number: u64) -> SystemTime {
    UNIX_EPOCH + DAY * u32::try_from(NEW_YEAR + number).expect("a day")
}

/// A record of a request that came at this moment.
pub(crate) fn row(at: SystemTime, client: &str, tokens: i64) -> LedgerRow {
    let since = at.duration_since(UNIX_EPOCH).expect("after 1970");
    LedgerRow {
        id: RecordId::new(at)
            .expect("random numbers")
            .as_bytes()
            .to_vec(),
        started_ms: i64::try_from(since.as_millis()).expect("a time"),
        client: client.to_owned(),
        labels: Some(r#"{"team":"search"}"#.to_owned()),
        operation: "chat.completions".to_owned(),
        deployment: Some("gpt-4o".to_owned()),
        backend: "sweden".to_owned(),
        source: "reported".to_owned(),
        input_tokens: tokens,
        output_tokens: 1,
        total_tokens: tokens + 1,
        price: Some("gpt-4o".to_owned()),
        cost_nanos: Some(tokens * 10),
        currency: Some("USD".to_owned()),
        ..LedgerRow::default()
    }
}

pub(crate) async fn store(place: &TestDatabase) -> UsageStore {
    let opened = UsageStore::open(&place.url).await;
    opened.unwrap_or_else(|error| panic!("{}: {error}", place.name))
}

async fn by_client(store: &UsageStore, period: Period) -> Vec<(String, i64, i64, i64)> {
    let sums = store.sums(&[Dimension::Client], false, period).await;
    let line = |mut sum: Sum| {
        let client = sum.keys.pop().expect("a key");
        (client, sum.requests, sum.input_tokens, sum.cost_nanos)
    };
    let mut lines: Vec<_> = sums.expect("sums").into_iter().map(line).collect();
    lines.sort();
    lines
}

fn line(client: &str, requests: i64, tokens: i64) -> (String, i64, i64, i64) {
    (client.to_owned(), requests, tokens, tokens * 10)
}

#[tokio::test]
async fn records_come_back_as_they_were_written_and_are_summed() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let rows: Vec<_> = (0..150_u32)
            .map(|n| {
                row(
                    day(0) + DAY * (n % 3) + Duration::from_millis(n.into()),
                    "a",
                    1,
                )
            })
            .chain([row(day(1), "b", 100)])
            .collect();
        store.insert(&rows).await.expect("written");
        let mut read = store.page(Period::ALL, None, 1000).await.expect("read");
        let mut written = rows.clone();
        read.sort_by(|a, b| a.id.cmp(&b.id));
        written.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(read, written, "{}", place.name);
        assert_eq!(
            by_client(&store, Period::ALL).await,
            [line("a", 150, 150), line("b", 1, 100)],
            "{}",
            place.name
        );
        let second = Period {
            from: Some(day(1)),
            to: Some(day(2)),
        };
        assert_eq!(
            by_client(&store, second).await,
            [line("a", 50, 50), line("b", 1, 100)]
        );
        let page = store.page(second, None, 1000).await.expect("read");
        assert_eq!(page.len(), 51, "a period is a range of ids");
        let sums = store.sums(&[], true, Period::ALL).await.expect("sums");
        let mut days: Vec<_> = sums.iter().map(|sum| (sum.day, sum.requests)).collect();
        days.sort_unstable();
        let first = i64::try_from(NEW_YEAR).expect("a day");
        assert_eq!(days, [(first, 50), (first + 1, 51), (first + 2, 50)]);
        for (period, at_most, count) in [(Period::ALL, 99, 4), (second, 99, 2), (Period::ALL, 3, 3)]
        {
            let rows = store.daily_rows(period, at_most).await;
            assert_eq!(rows.expect("a count"), count, "{}", place.name);
        }
        store.close().await;
    }
}

#[tokio::test]
async fn sums_are_by_service_tier() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let answered_by = |tier: Option<&str>, tokens| LedgerRow {
            service_tier: tier.map(str::to_owned),
            ..row(day(0), "a", tokens)
        };
        let rows = [
            answered_by(Some("priority"), 7),
            answered_by(Some("default"), 2),
            answered_by(Some("priority"), 1),
            answered_by(None, 4),
        ];
        store.insert(&rows).await.expect("written");
        let sums = store.sums(&[Dimension::ServiceTier], false, Period::ALL);
        let line = |sum: Sum| (sum.keys.concat(), sum.requests, sum.input_tokens);
        let mut lines: Vec<_> = sums.await.expect("sums").into_iter().map(line).collect();
        lines.sort();
        let expected = [("", 1, 4), ("default", 1, 2), ("priority", 2, 8)];
        let expected = expected.map(|(tier, requests, tokens)| (tier.to_owned(), requests, tokens));
        assert_eq!(lines, expected, "{}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn each_id_is_taken_once_however_often_it_comes() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let rows: Vec<_> = (0..100).map(|_| row(day(0), "a", 1)).collect();
        let (first, again) = tokio::join!(store.insert(&rows), store.insert(&rows));
        first.expect("written");
        again.expect("the same again is not an error");
        store.insert(&rows[..10]).await.expect("a part of it again");
        let found = by_client(&store, Period::ALL).await;
        assert_eq!(found, [line("a", 100, 100)], "{}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn another_price_changes_records_and_sums_together() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let mut rows: Vec<_> = (0..20).map(|_| row(day(0), "a", 10)).collect();
        rows.push(row(day(0), "b", 10));
        store.insert(&rows).await.expect("written");
        let mut changed = rows[..5].to_vec();
        for row in &mut changed {
            row.cost_nanos = Some(7);
            row.price = Some("other".to_owned());
            row.currency = Some("EUR".to_owned());
        }
        store.reprice(&changed).await.expect("changed");
        let sums = store
            .sums(&[Dimension::Client], false, Period::ALL)
            .await
            .expect("sums");
        let mut found: Vec<_> = sums
            .into_iter()
            .map(|sum| {
                (
                    sum.keys.concat(),
                    sum.currency,
                    sum.requests,
                    sum.input_tokens,
                    sum.cost_nanos,
                )
            })
            .collect();
        found.sort();
        let sum = |client: &str, currency: &str, requests, tokens, cost| {
            (
                client.to_owned(),
                currency.to_owned(),
                requests,
                tokens,
                cost,
            )
        };
        assert_eq!(
            found,
            [
                sum("a", "EUR", 5, 50, 35),
                sum("a", "USD", 15, 150, 1500),
                sum("b", "USD", 1, 10, 100)
            ],
            "{}",
            place.name
        );
        let read = store.page(Period::ALL, None, 100).await.expect("read");
        assert_eq!(
            read.iter()
                .filter(|row| row.currency.as_deref() == Some("EUR"))
                .count(),
            5
        );
        store.close().await;
    }
}

#[tokio::test]
async fn old_days_go_and_later_ones_stay() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let rows: Vec<_> = (0..30).map(|n| row(day(n % 3), "a", 1)).collect();
        store.insert(&rows).await.expect("written");
        let old = Period {
            from: None,
            to: Some(day(2)),
        };
        let mut pruned = 0;
        while let some @ 1.. = store
            .prune_records(old, i64::MAX, 7)
            .await
            .expect("deleted")
        {
            assert!(some <= 7, "a few at a time");
            pruned += some;
        }
        store.prune_sums(old).await.expect("deleted");
        assert_eq!(pruned, 20, "{}", place.name);
        assert_eq!(
            by_client(&store, Period::ALL).await,
            [line("a", 10, 10)],
            "{}",
            place.name
        );
        assert_eq!(
            store
                .page(Period::ALL, None, 100)
                .await
                .expect("read")
                .len(),
            10
        );
        store.close().await;
    }
}

#[tokio::test]
async fn a_reader_that_follows_sees_every_record_once_in_the_order_of_commits() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let first = [row(day(1), "a", 1), row(day(0), "a", 2)];
        store.insert(&first).await.expect("written");
        let end = store.end().await.expect("the end");
        let start = Default::default();
        let (read, position) = store.follow(start, 1).await.expect("read");
        assert_eq!(read, first[..1], "{}", place.name);
        let (read, position) = store.follow(position, 10).await.expect("read");
        assert_eq!(read, first[1..]);
        let later = [row(day(0), "b", 3)];
        store.insert(&later).await.expect("written");
        for after in [position, end] {
            let (read, position) = store.follow(after, 10).await.expect("read");
            assert_eq!(read, later, "{}", place.name);
            let (none, _) = store.follow(position, 10).await.expect("read");
            assert!(none.is_empty(), "{none:?}");
        }
        store.close().await;
    }
}
