//! Taking an end user's name out of records and sums: over SQLite and PostgreSQL.

use tollgate::usage::{Dimension, LEDGER, LedgerRow, Period, Sum, UsageStore};

use crate::ledger::{day, row, store};
use crate::rig::places;

/// More than change together.
const MANY: u64 = 1_100;

fn of_user(user: &str, at: std::time::SystemTime, tokens: i64) -> LedgerRow {
    LedgerRow {
        end_user: Some(user.to_owned()),
        ..row(at, "a", tokens)
    }
}

/// Requests and tokens by user.
async fn sums(store: &UsageStore) -> Vec<(String, i64, i64)> {
    let sums = store.sums(&[Dimension::User], false, Period::ALL).await;
    let line = |sum: Sum| (sum.keys.concat(), sum.requests, sum.input_tokens);
    let mut lines: Vec<_> = sums.expect("sums").into_iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn records_and_sums_lose_a_name_together_however_many_they_are() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let many = (0..MANY).map(|number| of_user("ann", day(number % 3), 2));
        let rows: Vec<_> = many
            .chain([of_user("bob", day(0), 5), row(day(0), "a", 7)])
            .collect();
        for rows in rows.chunks(100) {
            store.insert(rows).await.expect("written");
        }
        assert_eq!(store.forget_user("ann").await.expect("forgotten"), MANY);
        assert_eq!(store.forget_user("ann").await.expect("nobody"), 0);
        // What nobody is named in any more is one sum; that of the name is gone.
        let many = i64::try_from(MANY).expect("a number");
        let nobody = (String::new(), many + 1, 2 * many + 7);
        let expected = [nobody, ("bob".to_owned(), 1, 5)];
        assert_eq!(sums(&store).await, expected, "{}", place.name);
        let page = store.page(Period::ALL, None, 2_000).await.expect("read");
        let users = page.iter().filter(|row| row.end_user.is_some()).count();
        assert_eq!(users, 1, "{}", place.name);
        store.close().await;
    }
}
