//! What the tests of the ledger share: a stack that keeps one, and a look into it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tollgate::database::{DatabaseUrl, Synchronous};
use tollgate::usage::LEDGER;
use tollgate::usage::{LedgerRow, Period, UsageStore};
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::everything;

/// The data directory, beside tollgate.yaml.
pub(crate) const DATA: &str = "data_directory: data\n";
/// What the fake's models cost.
pub(crate) const PRICES: &str = "prices:\n  - { model: gpt-4o, input: 2.50, cached_input: 1.25, output: 10.00, per: 1000000, currency: USD }\n  - { model: text-embedding-3-large, input: 0.13, per: 1000000, currency: USD }\n";

/// A stack that keeps a ledger, with more at the end of tollgate.yaml.
pub(crate) fn with_ledger(more: &str) -> Options {
    let more = more.to_owned();
    Options::default().edit_config(move |yaml| {
        let labelled = yaml.replace(
            "  - id: mobile-app\n",
            "  - id: mobile-app\n    labels: { team: search, cost_center: \"4711\" }\n    user_from: { header: x-end-user }\n",
        );
        format!("{labelled}{DATA}{more}")
    })
}

/// A pause of the gateway's own asking: it asks for nothing while a test runs, unless it is told that
/// something is over.
pub(crate) const NEVER: &str = "1h";
/// It asks at once.
pub(crate) const SOON: &str = "20ms";

/// A stack with a ledger that allows everything, and what else its file says.
pub(crate) fn with_everything(more: &str) -> Options {
    with_ledger(more).edit_config(|yaml| everything(&yaml))
}

/// The directory of the ledger.
pub(crate) fn directory(stack: &Stack) -> PathBuf {
    stack.directory().join("data")
}

/// The ledger with all that was written by now, also while tollgate writes it.
pub(crate) async fn ledger(stack: &Stack) -> UsageStore {
    let url = DatabaseUrl::in_directory(&directory(stack), LEDGER, Synchronous::Full);
    let store = UsageStore::open(&url).await.expect("the ledger");
    store.catch_up().await.expect("its log");
    store
}

/// Every record of a ledger that was written by now.
pub(crate) async fn rows(store: &UsageStore) -> Vec<LedgerRow> {
    store.catch_up().await.expect("its log");
    let mut rows: Vec<LedgerRow> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.id.clone());
        let page = store.page(Period::ALL, after.as_deref(), 5000).await;
        let page = page.expect("a page");
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// Records by request id; each id has one.
pub(crate) fn by_request(rows: Vec<LedgerRow>) -> BTreeMap<String, LedgerRow> {
    let mut found = BTreeMap::new();
    for row in rows {
        let id = row.request_id.clone();
        assert!(
            found.insert(id.clone(), row).is_none(),
            "{id} is charged twice"
        );
    }
    found
}

/// What the fake billed, by request id.
pub(crate) fn bills(stack: &Stack) -> BTreeMap<String, Entry> {
    let entries = stack.azure.ledger().into_iter();
    entries
        .map(|entry| (entry.request_id.clone().expect("an id of Envoy's"), entry))
        .collect()
}

/// Waits until a ledger has so many records.
pub(crate) async fn records(store: &UsageStore, count: usize) -> Vec<LedgerRow> {
    wait_for(&format!("{count} records"), async || {
        let found = rows(store).await;
        assert!(found.len() <= count, "{} records, not {count}", found.len());
        (found.len() == count).then_some(found)
    })
    .await
}

/// Asserts that a record has the tokens of the bill.
pub(crate) fn assert_equals_bill(row: &LedgerRow, bill: &Entry) {
    let counted = [
        row.input_tokens,
        row.output_tokens,
        row.cached_tokens,
        row.reasoning_tokens,
    ];
    let tokens = &bill.tokens;
    let billed = [
        tokens.prompt,
        tokens.completion,
        tokens.cached,
        tokens.reasoning,
    ];
    let billed = billed.map(|count| i64::try_from(count).expect("a count"));
    assert_eq!(counted, billed, "{row:?}\n{bill:?}");
}

/// A number that the environment gives for a long run.
pub(crate) fn soak(name: &str, short: usize) -> usize {
    std::env::var(name).map_or(short, |text| text.parse().expect(name))
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
