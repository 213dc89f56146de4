//! Which key a record is of, and when each was last used: over SQLite and PostgreSQL.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqlitePool};
use tollgate::database::{Database, DatabaseUrl, Purpose};
use tollgate::usage::{Dimension, LEDGER, LedgerRow, Period, SHARED, Sum};

use crate::ledger::{day, row, store};
use crate::rig::{TestDatabase, places};

const DIGITS: [&str; 2] = ["0e5751c026e543b2", "f0f1f2f3f4f5f6f7"];

fn of_key(key: usize, at: std::time::SystemTime, tokens: i64) -> LedgerRow {
    LedgerRow {
        key_id: Some(format!("key{key}")),
        key_sha256: DIGITS.get(key).map(|it| (*it).to_owned()),
        ..row(at, "a", tokens)
    }
}

async fn by_key(place: &TestDatabase) -> Vec<(String, i64, i64)> {
    let store = store(place).await;
    let sums = store.sums(&[Dimension::Key], false, Period::ALL).await;
    let line = |sum: Sum| (sum.keys.concat(), sum.requests, sum.input_tokens);
    let mut lines: Vec<_> = sums.expect("sums").into_iter().map(line).collect();
    lines.sort();
    store.close().await;
    lines
}

fn line(key: &str, requests: i64, tokens: i64) -> (String, i64, i64) {
    (key.to_owned(), requests, tokens)
}

#[tokio::test]
async fn sums_are_by_key_and_other_prices_leave_the_key() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let mut rows = vec![
            of_key(0, day(0), 5),
            of_key(1, day(0), 7),
            of_key(0, day(1), 1),
            row(day(0), "a", 2),
        ];
        store.insert(&rows).await.expect("written");
        let expected = [line("", 1, 2), line("key0", 2, 6), line("key1", 1, 7)];
        assert_eq!(by_key(&place).await, expected, "{}", place.name);
        for row in &mut rows {
            row.cost_nanos = Some(1);
        }
        store.reprice(&rows).await.expect("changed");
        assert_eq!(by_key(&place).await, expected, "{}", place.name);
        let read = store.page(Period::ALL, None, 10).await.expect("read");
        let keys = read.iter().filter(|row| row.key_id.is_some()).count();
        assert_eq!(keys, 3, "{}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn a_last_use_moves_on_never_back_and_outlives_its_records() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let late = of_key(0, day(3) + Duration::from_millis(7), 1);
        let rows = [of_key(0, day(1), 1), late.clone(), of_key(1, day(2), 1)];
        store.insert(&rows).await.expect("written");
        // What comes late, and what comes again.
        let old = of_key(0, day(0), 1);
        store.insert(&[old, late.clone()]).await.expect("written");
        let all = Period {
            from: None,
            to: None,
        };
        store.prune_records(all, i64::MAX, 100).await.expect("gone");
        store.prune_sums(all).await.expect("gone");
        let uses = store.key_uses().await.expect("uses");
        let last = |key: usize| {
            let found = DIGITS.get(key).and_then(|digits| uses.of(digits));
            found.map(|it| (it.key_id.clone(), it.last_ms))
        };
        let first = Some(("key0".to_owned(), late.started_ms));
        assert_eq!(last(0), first, "{}", place.name);
        assert_eq!(last(1).map(|(id, _)| id), Some("key1".to_owned()));
        assert!(
            uses.since_ms > 1_700_000_000_000,
            "since the tables were made"
        );
        assert_eq!(uses.of("0000000000000000"), None);
        store.close().await;
    }
}

/// A ledger as it was before it knew of keys, with one record and its sum.
async fn before_keys(place: &TestDatabase) {
    let earlier = |purpose: Purpose, steps: usize| Purpose {
        steps: purpose.steps.get(..steps).expect("earlier steps"),
        ..purpose
    };
    let purpose = match &place.url {
        DatabaseUrl::Sqlite { .. } => earlier(LEDGER, 8),
        DatabaseUrl::Postgres(_) => earlier(SHARED, 6),
    };
    let opened = Database::open(&place.url, purpose).await;
    opened.expect("an earlier version").close().await;
    let id = row(day(0), "a", 7).id;
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = match place.postgres {
        Some(_) => format!("'\\x{hex}'"),
        None => format!("x'{hex}'"),
    };
    let counts = "input_tokens, cached_tokens, output_tokens, reasoning_tokens, total_tokens, \
         audio_input_tokens, audio_output_tokens, images, audio_ms, characters";
    let record = format!(
        "INSERT INTO usage_records (id, started_ms, duration_us, request_id, client, credential, operation, \
         backend, stream, source, {counts}, image_input_tokens, accepted_prediction_tokens, \
         rejected_prediction_tokens, filtered, attempts, request_bytes) VALUES ({bytes}, {}, 1, 'r', 'a', \
         'key.primary', 'chat.completions', 'sweden', 0, 'reported', 7, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)",
        row(day(0), "a", 7).started_ms,
    );
    let sum = format!(
        "INSERT INTO usage_daily (day, client, labels, end_user, product, operation, deployment, model, backend, \
         region, source, price, currency, service_tier, requests, unpriced, {counts}, cost_nanos) VALUES (20454, \
         'a', '', '', '', 'chat.completions', '', '', 'sweden', '', 'reported', '', '', '', 1, 1, 7, 0, 1, 0, 8, \
         0, 0, 0, 0, 0, 0)"
    );
    for statement in [record, sum] {
        match (&place.postgres, &place.url) {
            (Some(server), _) => drop(server.query(&statement).expect("written")),
            (None, url) => {
                let pool = SqlitePool::connect(&format!("sqlite:{url}")).await;
                let pool = pool.expect("the file");
                let written = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await;
                written.expect("written");
                pool.close().await;
            }
        }
    }
}

#[tokio::test]
async fn a_ledger_from_before_keys_were_known_is_read_and_goes_on() {
    for place in places(LEDGER) {
        before_keys(&place).await;
        let store = store(&place).await;
        let read = store.page(Period::ALL, None, 10).await.expect("read");
        let [old] = read.as_slice() else {
            panic!("{}: {read:?}", place.name)
        };
        assert_eq!((&old.key_id, &old.key_sha256), (&None, &None));
        let rows = [of_key(0, day(0), 3)];
        store.insert(&rows).await.expect("written");
        let expected = [line("", 1, 7), line("key0", 1, 3)];
        assert_eq!(by_key(&place).await, expected, "{}", place.name);
        let priced = LedgerRow {
            price: Some("gpt-4o".to_owned()),
            cost_nanos: Some(4),
            currency: Some("USD".to_owned()),
            ..old.clone()
        };
        store.reprice(&[priced]).await.expect("changed");
        assert_eq!(by_key(&place).await, expected, "{}", place.name);
        store.close().await;
    }
}
