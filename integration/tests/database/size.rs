//! Reports over a large ledger: `TOLLGATE_SOAK_RECORDS=10000000` makes it as large as the figures in
//! docs/chargeback.md, and `TOLLGATE_SOAK_DIRECTORY` keeps it.

use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use tollgate::database::{DatabaseUrl, Synchronous};
use tollgate::usage::LEDGER;
use tollgate::usage::RecordId;
use tollgate::usage::{Dimension, LedgerRow, Period, UsageStore};

/// Records that are written together, as the service does under load.
const BATCH: usize = 512;
const CLIENTS: u64 = 200;
const USERS: u64 = 1000;
const DEPLOYMENTS: [&str; 3] = ["gpt-4o", "gpt-4o-mini", "text-embedding-3-large"];
/// 2026-01-01, and a year.
const FIRST_MS: u64 = 1_767_225_600_000;
const SPAN_MS: u64 = 365 * 86_400_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// One of so many requests of a year.
fn row(number: u64, count: u64) -> LedgerRow {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let user = mixed % USERS;
    let deployment = DEPLOYMENTS[usize::try_from((mixed / USERS) % 3).expect("small")];
    let at = FIRST_MS + SPAN_MS / count * number;
    let id = RecordId::new(UNIX_EPOCH + Duration::from_millis(at)).expect("random numbers");
    LedgerRow {
        id: id.as_bytes().to_vec(),
        started_ms: i64::try_from(at).expect("a time"),
        duration_us: 1_500_000,
        request_id: format!("5c9b6f0e-27b7-4b3c-9d3e-{number:012}"),
        client: format!("client-{}", user % CLIENTS),
        labels: Some(format!(r#"{{"team":"team-{}"}}"#, user % 20)),
        end_user: Some(format!("user-{user}@example.com")),
        credential: "token".to_owned(),
        product: Some("standard".to_owned()),
        operation: "chat.completions".to_owned(),
        deployment: Some(deployment.to_owned()),
        model: Some(format!("{deployment}-2024-08-06")),
        backend: "sweden".to_owned(),
        region: Some("Sweden Central".to_owned()),
        status: Some(200),
        source: "reported".to_owned(),
        input_tokens: 1000,
        output_tokens: 200,
        total_tokens: 1200,
        attempts: 1,
        price: Some(format!("{deployment}@2026-01-01")),
        cost_nanos: Some(4_500_000),
        currency: Some("USD".to_owned()),
        ..LedgerRow::default()
    }
}

#[tokio::test]
async fn a_report_reads_sums_and_not_every_record() {
    let count = number("TOLLGATE_SOAK_RECORDS", 5_000);
    let own = tempfile::tempdir().expect("a directory");
    let directory = std::env::var_os("TOLLGATE_SOAK_DIRECTORY").map(PathBuf::from);
    let directory = directory.unwrap_or_else(|| own.path().to_owned());
    let url = DatabaseUrl::in_directory(&directory, LEDGER, Synchronous::Normal);
    let store = UsageStore::open(&url).await.expect("a ledger");
    let started = Instant::now();
    let all: Vec<u64> = (0..count).collect();
    for numbers in all.chunks(BATCH) {
        let rows: Vec<_> = numbers.iter().map(|number| row(*number, count)).collect();
        store.insert(&rows).await.expect("written");
    }
    println!("{count} records written in {:?}", started.elapsed());
    for (name, dimensions) in [
        ("client", vec![Dimension::Client]),
        ("user", vec![Dimension::User]),
        ("label", vec![Dimension::Labels]),
        ("model", vec![Dimension::Model]),
    ] {
        let started = Instant::now();
        let sums = store
            .sums(&dimensions, false, Period::ALL)
            .await
            .expect("sums");
        println!("by {name}: {} lines in {:?}", sums.len(), started.elapsed());
        let requests: i64 = sums.iter().map(|sum| sum.requests).sum();
        assert_eq!(
            u64::try_from(requests).expect("a count"),
            count,
            "by {name}"
        );
    }
    store.close().await;
}
