//! Stored objects and their owners: one contract, over both databases.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use sqlx::SqlitePool;
use tollgate::access::{
    AskedBy, BatchInput, ClientId, Deployment, Known, ObjectChange, ObjectKind, Operation,
    ProductId, Unsettled,
};
use tollgate::usage::{Dimension, LedgerRow, ObjectRow, Period, Position, UsageStore};
use tollgate::usage::{LEDGER, RecordId};

use crate::ledger::{row, store};
use crate::rig::{places, postgres, sqlite};

const DAY_MS: i64 = 86_400_000;

fn object(kind: ObjectKind, id: &str, client: &str, known: Option<Known>) -> ObjectRow {
    let change = ObjectChange {
        kind,
        id: id.to_owned(),
        owner: ClientId::new(client),
        known,
        backend: Some("sweden".into()),
    };
    ObjectRow::new(&change, 0)
}

fn item(id: &str, client: &str) -> ObjectRow {
    object(ObjectKind::Item, id, client, Some(Known::Nothing))
}

fn aged(object: ObjectRow, days: i64) -> ObjectRow {
    ObjectRow {
        created_ms: days * DAY_MS,
        ..object
    }
}

fn background(id: &str) -> ObjectRow {
    let response = Unsettled::new(
        Deployment::parse("gpt-4o"),
        Some(ProductId::new("standard")),
        AskedBy {
            at_ms: 7,
            user: Some("alice".into()),
            ..AskedBy::default()
        },
    );
    let known = Known::Background(Arc::new(response));
    object(ObjectKind::Response, id, "a", Some(known))
}

fn counted(id: &str) -> ObjectRow {
    object(ObjectKind::Response, id, "a", Some(Known::Nothing))
}

fn deleted(id: &str) -> ObjectRow {
    object(ObjectKind::Response, id, "a", None)
}

async fn after(store: &UsageStore, position: Position) -> (Vec<ObjectRow>, Position) {
    store.objects_after(position, 1000).await.expect("read")
}

async fn all(store: &UsageStore) -> Vec<ObjectRow> {
    after(store, Position::default()).await.0
}

async fn ids(store: &UsageStore) -> Vec<String> {
    let mut ids: Vec<_> = all(store).await.into_iter().map(|row| row.id).collect();
    ids.sort();
    ids
}

async fn write(store: &UsageStore, objects: &[ObjectRow]) {
    store.write(&[], objects).await.expect("written");
}

#[tokio::test]
async fn objects_come_back_with_what_is_known_of_them() {
    let input = Known::Input(Arc::new(BatchInput {
        operation: Operation::Embeddings,
        deployment: Deployment::parse("text-embedding-3-large").expect("a name"),
        product: ProductId::new("standard"),
        bytes: 12,
        lines: 3,
    }));
    let batch = Unsettled::new(None, None, AskedBy::default());
    let written = [
        background("resp_1"),
        object(ObjectKind::File, "file-1", "b", Some(input)),
        object(
            ObjectKind::Batch,
            "batch_1",
            "b",
            Some(Known::Batch(Arc::new(batch))),
        ),
        object(
            ObjectKind::File,
            "file-2",
            "b",
            Some(Known::Output("batch_1".into())),
        ),
        item("msg_1", "a"),
        object(ObjectKind::Container, "cntr_1", "a", Some(Known::Nothing)),
        deleted("resp_2"),
    ];
    for place in places(LEDGER) {
        let store = store(&place).await;
        write(&store, &written).await;
        let mut read = all(&store).await;
        assert_eq!(read.len(), written.len(), "{}", place.name);
        for row in &written {
            assert!(read.contains(row), "{}: {row:?}", place.name);
        }
        read.retain(|row| row.change().is_none());
        assert_eq!(read, [], "each says something");
        store.close().await;
    }
}

#[tokio::test]
async fn a_follower_sees_each_change_of_an_object() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        write(&store, &[background("resp_1"), item("msg_1", "a")]).await;
        let (_, position) = after(&store, Position::default()).await;
        let (none, position) = after(&store, position).await;
        assert_eq!(none, [], "{}", place.name);
        write(&store, &[counted("resp_1")]).await;
        let (found, position) = after(&store, position).await;
        let [row] = found.try_into().expect("one change");
        assert_eq!((row.id.as_str(), row.known), ("resp_1", None));
        write(&store, &[deleted("resp_1")]).await;
        let (found, position) = after(&store, position).await;
        assert_eq!(found.len(), 1, "{}", place.name);
        assert_eq!(found[0].deleted, 1);
        let page = store.objects_after(Position::default(), 1).await;
        assert_eq!(page.expect("a page").0, [item("msg_1", "a")], "one a page");
        assert_eq!(after(&store, position).await.0, []);
        store.close().await;
    }
}

#[tokio::test]
async fn an_object_stays_with_its_first_client() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        write(&store, &[item("msg_1", "a")]).await;
        write(&store, &[item("msg_1", "b"), item("msg_2", "b")]).await;
        let gone = object(ObjectKind::Item, "msg_1", "b", None);
        write(&store, &[gone]).await;
        let mut read = all(&store).await;
        read.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(
            read,
            [item("msg_1", "a"), item("msg_2", "b")],
            "{}",
            place.name
        );
        store.close().await;
    }
}

#[tokio::test]
async fn objects_are_written_with_the_record_or_not_at_all() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let record = row(UNIX_EPOCH + Duration::from_secs(1), "a", 1);
        let many: Vec<_> = (0..200).map(|n| item(&format!("msg_{n}"), "a")).collect();
        let written = store.write(std::slice::from_ref(&record), &many).await;
        written.expect("written");
        assert_eq!(all(&store).await.len(), 200, "{}", place.name);
        // A server passes over a record that it has, and writes the rest; to a file it is an error.
        let again = store.write(&[record], &[item("msg_more", "a")]).await;
        let is_there = ids(&store).await.contains(&"msg_more".to_owned());
        assert_eq!(is_there, again.is_ok(), "{}: {again:?}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_counted_or_deleted_stays_so_in_whatever_order_replicas_say_it() {
    let place = postgres();
    let store = store(&place).await;
    let said = [background("resp_1"), counted("resp_1"), deleted("resp_1")];
    for (order, last) in [
        ([0, 1, 2, 0, 1], (None, 1)),
        ([2, 1, 0, 2, 0], (None, 1)),
        ([1, 0, 0, 1, 0], (None, 0)),
        ([0, 0, 0, 0, 0], (Some("background"), 0)),
    ] {
        let id = format!("resp_{order:?}");
        for at in order {
            let row = ObjectRow {
                id: id.clone(),
                ..said[at].clone()
            };
            write(&store, &[row]).await;
        }
        let found = all(&store).await.into_iter().find(|row| row.id == id);
        let found = found.expect("it is there");
        assert_eq!(
            (found.known.as_deref(), found.deleted),
            last,
            "said in the order {order:?}"
        );
    }
    let (_, position) = after(&store, Position::default()).await;
    write(&store, &[item("msg_1", "a")]).await;
    write(&store, &[item("msg_1", "a")]).await;
    let (found, position) = after(&store, position).await;
    assert_eq!(found.len(), 1);
    write(&store, &[item("msg_1", "a")]).await;
    let (found, _) = after(&store, position).await;
    assert_eq!(found, [], "the same again is not a change");
}

#[tokio::test]
async fn a_response_that_two_replicas_have_counted_is_in_the_books_once() {
    let place = postgres();
    let store = store(&place).await;
    let counted = |id: &str| LedgerRow {
        response_id: Some(id.to_owned()),
        ..row(UNIX_EPOCH + Duration::from_secs(1), "a", 10)
    };
    let none = LedgerRow {
        source: "none".to_owned(),
        ..counted("resp_1")
    };
    let here = [none.clone(), counted("resp_1"), counted("resp_2")];
    store.insert(&here).await.expect("written");
    let there = [none, counted("resp_1"), counted("resp_3")];
    store.insert(&there).await.expect("written");
    let records = store.page(Period::ALL, None, 100).await.expect("read");
    let of = |id: &str| {
        let reported = records.iter().filter(|row| row.source == "reported");
        reported
            .filter(|row| row.response_id.as_deref() == Some(id))
            .count()
    };
    assert_eq!(
        [of("resp_1"), of("resp_2"), of("resp_3")],
        [1, 1, 1],
        "{records:?}"
    );
    let sums = store.sums(&[], false, Period::ALL).await.expect("sums");
    let tokens: i64 = sums.iter().map(|sum| sum.input_tokens).sum();
    let of_records: i64 = records.iter().map(|row| row.input_tokens).sum();
    assert_eq!(tokens, of_records, "the sums are those of the records");
}

#[tokio::test]
async fn a_charge_that_is_made_again_is_in_the_books_once() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let at = UNIX_EPOCH + Duration::from_secs(1);
        let charge = |name: &str, source: &str| LedgerRow {
            id: RecordId::of(at, name.as_bytes()).as_bytes().to_vec(),
            source: source.to_owned(),
            ..row(at, "a", 10)
        };
        let charges = [
            charge("batch_1/file-1/0", "reported"),
            charge("batch_1/file-1/1", "reported"),
            charge("resp_1", "estimated"),
        ];
        // After a crash, at another replica, and in another order.
        store.insert(&charges[..2]).await.expect("written");
        store.insert(&charges).await.expect("written again");
        let again = [charges[2].clone(), charges[0].clone()];
        store.insert(&again).await.expect("and again");
        let sums = store.sums(&[], false, Period::ALL).await.expect("sums");
        let tokens: i64 = sums.iter().map(|sum| sum.input_tokens).sum();
        assert_eq!(tokens, 30, "{}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_still_to_be_charged_is_kept_whatever_room_there_is() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let open = ["resp_1", "resp_2", "resp_3"].map(background);
        let plain = ["resp_4", "resp_5"].map(counted);
        write(&store, &open).await;
        write(&store, &plain).await;
        let beyond = store.objects_beyond(ObjectKind::Response, 1, 100).await;
        store
            .delete_objects(&beyond.expect("asked"))
            .await
            .expect("deleted");
        let kept = ids(&store).await;
        for row in &open {
            assert!(kept.contains(&row.id), "{}: {kept:?}", place.name);
        }
        assert_eq!(kept.len(), 4, "{}: {kept:?}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn old_objects_go_and_files_stay_longer() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let file = |id: &str, known| object(ObjectKind::File, id, "a", known);
        write(
            &store,
            &[
                aged(item("msg_old", "a"), 10),
                aged(item("msg_new", "a"), 80),
                aged(file("file-old", Some(Known::Nothing)), 10),
                aged(file("file-new", Some(Known::Nothing)), 30),
                aged(file("file-deleted", None), 30),
            ],
        )
        .await;
        let mut pruned = 0;
        while let some @ 1.. = store
            .prune_old_objects(20 * DAY_MS, 70 * DAY_MS, 2)
            .await
            .expect("deleted")
        {
            assert!(some <= 2, "a few at a time");
            pruned += some;
        }
        assert_eq!(pruned, 3, "{}", place.name);
        assert_eq!(ids(&store).await, ["file-new", "msg_new"], "{}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn without_room_each_client_keeps_its_newest() {
    for place in places(LEDGER) {
        let store = store(&place).await;
        let of = |client: &str, count: usize| {
            let items = (0..count).map(|n| item(&format!("{client}_{n:02}"), client));
            items.collect::<Vec<_>>()
        };
        write(
            &store,
            &[of("few", 2), of("many", 50), of("some", 5)].concat(),
        )
        .await;
        let other = object(ObjectKind::File, "file-1", "many", Some(Known::Nothing));
        write(&store, &[other]).await;
        let beyond = async |room, limit| {
            let beyond = store.objects_beyond(ObjectKind::Item, room, limit).await;
            beyond.expect("found")
        };
        let none = beyond(57, 100).await;
        assert!(none.is_empty(), "{}: there is room", place.name);
        assert_eq!(beyond(17, 7).await.len(), 7, "not more than asked for");
        let all_beyond = beyond(17, 100).await;
        assert_eq!(all_beyond.len(), 40);
        store.delete_objects(&all_beyond).await.expect("deleted");
        let mut expected = vec!["few_00", "few_01", "file-1"];
        let newest: Vec<_> = (40..50).map(|n| format!("many_{n}")).collect();
        expected.extend(newest.iter().map(String::as_str));
        expected.extend(["some_00", "some_01", "some_02", "some_03", "some_04"]);
        assert_eq!(ids(&store).await, expected, "{}", place.name);
        store.close().await;
    }
}

/// Takes the tables back to what they were before there were objects, and service tiers.
const BEFORE_OBJECTS: &str = "DROP TABLE stored_objects; DROP TABLE log_places; DROP TABLE not_copied; \
     DROP TABLE key_uses; DROP TABLE key_uses_since; \
     ALTER TABLE usage_records DROP COLUMN service_tier; \
     ALTER TABLE usage_records DROP COLUMN key_id; \
     ALTER TABLE usage_records DROP COLUMN key_sha256; \
     ALTER TABLE usage_daily RENAME TO later; \
     CREATE TABLE usage_daily AS SELECT * FROM later; \
     ALTER TABLE usage_daily DROP COLUMN service_tier; \
     ALTER TABLE usage_daily DROP COLUMN key_id; \
     DROP TABLE later; \
     CREATE INDEX usage_records_responses ON usage_records (seq) WHERE response_id IS NOT NULL; \
     DELETE FROM usage_migrations WHERE version >= 2";

#[tokio::test]
async fn a_ledger_of_before_opens_with_the_owners_that_it_knows() {
    let place = sqlite(LEDGER);
    let store = self::store(&place).await;
    let at = |days: u64| UNIX_EPOCH + Duration::from_secs(days * 86_400);
    let response = |id: &str, days: u64, source: &str, reason: Option<&str>| LedgerRow {
        response_id: Some(id.to_owned()),
        source: source.to_owned(),
        source_reason: reason.map(str::to_owned),
        product: Some("standard".to_owned()),
        ..row(at(days), "a", 1)
    };
    let records = [
        response("resp_old", 10, "reported", None),
        response("resp_plain", 90, "reported", None),
        response("resp_cut", 91, "estimated", Some("incomplete")),
        response("resp_refused", 91, "none", Some("refused")),
        response("resp_waiting", 92, "none", Some("background")),
        response("resp_counted", 93, "none", Some("background")),
        response("resp_counted", 94, "reported", None),
        row(at(95), "a", 1),
    ];
    store.insert(&records).await.expect("written");
    store.close().await;
    let pool = SqlitePool::connect(&format!("sqlite:{}", place.url)).await;
    let pool = pool.expect("the file");
    let undone = sqlx::raw_sql(BEFORE_OBJECTS).execute(&pool).await;
    undone.expect("undone");
    pool.close().await;

    let store = self::store(&place).await;
    let mut read = all(&store).await;
    read.sort_by(|a, b| a.id.cmp(&b.id));
    let found: Vec<_> = read
        .iter()
        .map(|row| (row.id.as_str(), row.known.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("resp_counted", None),
            ("resp_cut", None),
            ("resp_plain", None),
            ("resp_waiting", Some("background")),
        ],
        "those of the last 30 days"
    );
    let waiting = read[3].change().expect("it is understood");
    assert_eq!(waiting.owner.as_str(), "a");
    let Some(Known::Background(response)) = waiting.known else {
        panic!("not in the background: {waiting:?}");
    };
    let product = response.product.as_ref().map(ProductId::as_str);
    assert_eq!(product, Some("standard"));
    let kept = store.page(Period::ALL, None, 100).await.expect("read");
    assert_eq!(kept.len(), records.len(), "the records stay");
    let sums = store.sums(&[Dimension::ServiceTier], false, Period::ALL);
    let sums = sums.await.expect("sums");
    let requests: i64 = sums.iter().map(|sum| sum.requests).sum();
    assert_eq!(requests, 8, "the sums stay: {sums:?}");
    assert!(sums.iter().all(|sum| sum.keys == [""]), "{sums:?}");
}
