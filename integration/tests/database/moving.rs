//! Keys that go to another client.

use std::time::Duration;

use tollgate::access::ClientId;
use tollgate::auth::{IssuedKey, KeyId, KeySlot, KeyState};
use tollgate::control::{End, KEYS, KeyChangeError, KeyStore, Which};

use crate::rig::{event, new_key, places};

fn client(id: &str) -> ClientId {
    ClientId::new(id)
}

async fn issue(store: &KeyStore, to: &str, slot: KeySlot) -> IssuedKey {
    let (_, new) = new_key();
    let (to, event) = (client(to), event("uid:7", 1));
    let issued = store.issue(&to, slot, &new, &event).await;
    issued.expect("a free slot")
}

#[tokio::test]
async fn all_keys_of_a_renamed_client_go_with_it_each_as_a_change_of_its_own() {
    for place in places(KEYS) {
        let store = KeyStore::open(&place.url).await.expect("opened");
        let first = issue(&store, "old", KeySlot::Primary).await;
        let second = issue(&store, "old", KeySlot::Secondary).await;
        store
            .set_state(&second.id, KeyState::Revoked, &event("a", 2))
            .await
            .expect("revoked");
        let other = issue(&store, "other", KeySlot::Primary).await;
        let known = store.version().await.expect("a number");
        let all = Which::Of(client("old"));
        let (new, by) = (client("new"), event("uid:9", 3));
        let moved = store.relocate(&all, &new, &[], &by).await;
        let moved = moved.expect("moved");
        assert_eq!(moved.len(), 2, "{}", place.name);
        for (from, key) in &moved {
            assert_eq!((from.as_str(), key.client.as_str()), ("old", "new"));
            assert_eq!(key.changed.by, "uid:9");
        }
        let changes = store.changes(known).await.expect("changes");
        let mut numbers: Vec<_> = changes.iter().map(|key| key.version).collect();
        numbers.dedup();
        assert_eq!(
            numbers,
            [known + 1, known + 2],
            "a page may end between them"
        );
        let listed = store.list(Some(&client("new"))).await.expect("a list");
        let mut ids: Vec<_> = listed.iter().map(|key| key.id.clone()).collect();
        let mut expected = vec![first.id, second.id];
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "the revoked one, too: it says whose it was");
        let kept = store.list(Some(&client("other"))).await.expect("a list");
        assert_eq!(kept.first().map(|key| &key.id), Some(&other.id));
        let again = store
            .relocate(&all, &client("new"), &[], &event("a", 4))
            .await;
        let again = again.expect_err("nothing to move");
        assert!(
            again.to_string().contains("`old` has no issued keys"),
            "{again}"
        );
        store.close().await;
    }
}

#[tokio::test]
async fn no_key_is_moved_where_one_of_them_has_no_room() {
    for place in places(KEYS) {
        let store = KeyStore::open(&place.url).await.expect("opened");
        let first = issue(&store, "old", KeySlot::Primary).await;
        let second = issue(&store, "old", KeySlot::Secondary).await;
        let taken = issue(&store, "new", KeySlot::Secondary).await;
        let refused = async |which: Which, in_file: &[KeySlot]| {
            let (new, by) = (client("new"), event("a", 2));
            let refused = store.relocate(&which, &new, in_file, &by).await;
            refused.expect_err("no room")
        };
        let all = Which::Of(client("old"));
        let error = refused(all, &[]).await;
        assert!(
            matches!(&error, KeyChangeError::NoRoom { id, taken_by, .. }
                if *id == second.id && taken_by.contains(taken.id.as_str())),
            "{}: {error}",
            place.name
        );
        let one = Which::One(first.id.clone());
        let error = refused(one, &[KeySlot::Primary]).await;
        assert!(
            error.to_string().contains("of the configuration file"),
            "{error}"
        );
        let listed = store.list(Some(&client("old"))).await.expect("a list");
        assert_eq!(listed.len(), 2, "all or none");
        let one = Which::One(taken.id.clone());
        let error = refused(one, &[]).await;
        assert!(
            error.to_string().contains("already a key of `new`"),
            "{error}"
        );
        let nobody = KeyId::parse("AAAAAAAAAA").expect("an id");
        let error = refused(Which::One(nobody), &[]).await;
        assert!(matches!(error, KeyChangeError::NotFound(_)), "{error}");

        // A key that was replaced holds no slot: what is good of it goes along.
        let (_, new) = new_key();
        let hour = Duration::from_secs(3600);
        let by = event("a", 3);
        let rotated = store.rotate(&first.id, &new, hour, End::Kept, &by).await;
        rotated.expect("rotated");
        let (one, to) = (Which::One(first.id.clone()), client("new"));
        let moved = store.relocate(&one, &to, &[KeySlot::Primary], &by).await;
        assert_eq!(moved.expect("moved").len(), 1);
        store.close().await;
    }
}
