//! The contract of the key store: each test runs over SQLite and over PostgreSQL.

use std::collections::HashSet;
use std::time::Duration;

use tollgate::access::ClientId;
use tollgate::auth::{IssuedKey, KeySlot, KeyState};
use tollgate::control::KEYS;
use tollgate::control::{End, KeyChangeError, KeyStore, PAGE_ROWS};

use crate::rig::{TestDatabase, at, event, new_key, places};

async fn open(place: &TestDatabase) -> KeyStore {
    let opened = KeyStore::open(&place.url).await;
    opened.unwrap_or_else(|error| panic!("{}: {error}", place.name))
}

fn partner() -> ClientId {
    ClientId::new("partner")
}

async fn issue(store: &KeyStore, slot: KeySlot, seconds: u64) -> IssuedKey {
    let (_, new) = new_key();
    let issued = store
        .issue(&partner(), slot, &new, &event("uid:7", seconds))
        .await;
    issued.expect("a free slot")
}

#[tokio::test]
async fn a_key_that_was_issued_is_there_with_its_history_and_survives_a_restart() {
    for place in places(KEYS) {
        let store = open(&place).await;
        let (_, mut new) = new_key();
        new.not_before = Some(at(10));
        new.not_after = Some(at(20));
        let issued = store
            .issue(&partner(), KeySlot::Secondary, &new, &event("uid:7", 1))
            .await
            .expect("issued");
        assert_eq!(issued.id, new.id, "{}", place.name);
        assert_eq!(issued.issued, event("uid:7", 1));
        assert_eq!(issued.validity.not_before, Some(at(10)));
        store.close().await;

        let store = open(&place).await;
        for kept in [
            store.list(None).await.expect("all"),
            store.list(Some(&partner())).await.expect("the client's"),
            store.changes(0).await.expect("changes"),
        ] {
            assert_eq!(kept, std::slice::from_ref(&issued), "{}", place.name);
        }
        let other = ClientId::new("other");
        assert!(store.list(Some(&other)).await.expect("none").is_empty());
        store.close().await;
    }
}

#[tokio::test]
async fn a_slot_has_one_key_until_that_is_revoked_or_over() {
    for place in places(KEYS) {
        let store = open(&place).await;
        let (_, mut short) = new_key();
        short.not_after = Some(at(100));
        let first = store
            .issue(&partner(), KeySlot::Primary, &short, &event("a", 1))
            .await
            .expect("a free slot");
        let (_, again) = new_key();
        let refused = store
            .issue(&partner(), KeySlot::Primary, &again, &event("a", 99))
            .await;
        assert!(
            matches!(&refused, Err(KeyChangeError::SlotTaken { id, .. }) if *id == first.id),
            "{}: {refused:?}",
            place.name
        );
        issue(&store, KeySlot::Secondary, 2).await;
        let after_its_end = issue(&store, KeySlot::Primary, 100).await;
        let revoked = store
            .set_state(&after_its_end.id, KeyState::Revoked, &event("b", 101))
            .await;
        revoked.expect("revoked");
        issue(&store, KeySlot::Primary, 102).await;
        store.close().await;
    }
}

#[tokio::test]
async fn a_key_goes_from_active_to_suspended_and_back_and_from_revoked_nowhere() {
    use KeyState::{Active, Revoked, Suspended};
    for place in places(KEYS) {
        let store = open(&place).await;
        let id = issue(&store, KeySlot::Primary, 1).await.id;
        let set =
            async |state, seconds| store.set_state(&id, state, &event("uid:8", seconds)).await;
        for (state, seconds) in [(Suspended, 2), (Active, 3), (Suspended, 4), (Revoked, 5)] {
            let changed = set(state, seconds).await.expect("changed");
            assert_eq!(changed.validity.state, state);
            assert_eq!(changed.changed, event("uid:8", seconds));
            assert_eq!(changed.issued, event("uid:7", 1), "who issued it stays");
            let kept = store.list(None).await.expect("all");
            assert_eq!(kept, [changed], "{}", place.name);
            let again = set(state, seconds).await.expect_err("no change");
            assert!(!matches!(again, KeyChangeError::Database(_)), "{again}");
        }
        for state in [Active, Suspended, Revoked] {
            let refused = set(state, 6).await.expect_err("revoked permanently");
            assert!(matches!(refused, KeyChangeError::Revoked(_)), "{refused}");
        }
        let (_, nobody) = new_key();
        let missing = store.set_state(&nobody.id, Revoked, &event("a", 7)).await;
        assert!(matches!(missing, Err(KeyChangeError::NotFound(_))));
        store.close().await;
    }
}

#[tokio::test]
async fn a_rotation_leaves_the_old_key_its_grace_and_no_more_than_it_had() {
    let grace = Duration::from_secs(50);
    for place in places(KEYS) {
        let store = open(&place).await;
        let (_, mut limited) = new_key();
        limited.not_after = Some(at(30));
        let rotate = async |id, seconds| {
            let (_, new) = new_key();
            store
                .rotate(id, &new, grace, End::New, &event("uid:8", seconds))
                .await
        };
        let first = issue(&store, KeySlot::Primary, 1).await;
        let [second, before, old] = rotate(&first.id, 2).await.expect("rotated");
        assert_eq!(second.slot, KeySlot::Primary);
        assert_eq!(second.validity.not_after, None);
        assert_eq!(before, first, "as it was");
        assert_eq!(old.validity.not_after, Some(at(52)), "{}", place.name);
        assert_eq!(old.replaced_by, Some(second.id.clone()));
        assert_eq!(old.version, second.version, "one change");
        let kept: HashSet<_> = store
            .list(None)
            .await
            .expect("all")
            .into_iter()
            .map(|it| it.id)
            .collect();
        assert_eq!(kept, HashSet::from([first.id.clone(), second.id.clone()]));

        let again = rotate(&first.id, 3).await;
        assert!(matches!(again, Err(KeyChangeError::Replaced { by, .. }) if by == second.id));
        let (_, third) = new_key();
        let taken = store
            .issue(&partner(), KeySlot::Primary, &third, &event("a", 4))
            .await;
        assert!(matches!(taken, Err(KeyChangeError::SlotTaken { id, .. }) if id == second.id));

        let limited = store
            .issue(&partner(), KeySlot::Secondary, &limited, &event("a", 5))
            .await;
        let limited = limited.expect("issued");
        let [_, _, old] = rotate(&limited.id, 6).await.expect("rotated");
        assert_eq!(
            old.validity.not_after,
            Some(at(30)),
            "its own end comes first"
        );
        store.close().await;
    }
}

#[tokio::test]
async fn a_rotation_keeps_the_end_where_nothing_else_is_said() {
    for place in places(KEYS) {
        let store = open(&place).await;
        let (_, mut limited) = new_key();
        limited.not_after = Some(at(5000));
        let limited = store
            .issue(&partner(), KeySlot::Primary, &limited, &event("a", 1))
            .await;
        let rotate = async |id, end, seconds| {
            let (_, new) = new_key();
            let event = event("a", seconds);
            let rotated = store.rotate(id, &new, Duration::ZERO, end, &event).await;
            let [key, before, _] = rotated.expect("rotated");
            (key.id, before.validity.not_after, key.validity.not_after)
        };
        let first = limited.expect("issued").id;
        let (second, before, kept) = rotate(&first, End::Kept, 2).await;
        let end = Some(at(5000));
        assert_eq!((before, kept), (end, end), "{}", place.name);
        let (_, before, dropped) = rotate(&second, End::New, 3).await;
        assert_eq!((before, dropped), (end, None), "{}", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_not_in_use_is_not_rotated() {
    for place in places(KEYS) {
        let store = open(&place).await;
        let rotate = async |id| {
            let (_, new) = new_key();
            let rotated = store
                .rotate(id, &new, Duration::ZERO, End::Kept, &event("a", 100))
                .await;
            rotated.expect_err("not in use").to_string()
        };
        let (_, mut short) = new_key();
        short.not_after = Some(at(100));
        let over = store
            .issue(&partner(), KeySlot::Primary, &short, &event("a", 1))
            .await;
        let over = over.expect("issued").id;
        assert!(rotate(&over).await.contains("expired"));
        let id = issue(&store, KeySlot::Secondary, 1).await.id;
        for (state, reason) in [
            (KeyState::Suspended, "suspended: resume"),
            (KeyState::Revoked, "permanent"),
        ] {
            store
                .set_state(&id, state, &event("a", 2))
                .await
                .expect("set");
            assert!(rotate(&id).await.contains(reason), "{}", place.name);
        }
        assert_eq!(
            store.list(None).await.expect("all").len(),
            2,
            "none was made"
        );
        store.close().await;
    }
}

/// Several connections change keys at once; a reader that always asks for what is above its last
/// number sees every key.
#[tokio::test]
async fn changes_that_happen_together_have_numbers_in_the_order_of_their_commits() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 25;
    for place in places(KEYS) {
        let store = open(&place).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    for number in 0..EACH {
                        let client = ClientId::new(format!("client-{writer}-{number}"));
                        let (_, new) = new_key();
                        let event = event("a", 1);
                        let issued = store.issue(&client, KeySlot::Primary, &new, &event);
                        issued.await.expect("issued");
                    }
                })
            })
            .collect();
        let (mut known, mut seen) = (0, HashSet::new());
        while seen.len() < usize::try_from(WRITERS * EACH).expect("few") {
            let is_over = writers.iter().all(|writer| writer.is_finished());
            for change in store.changes(known).await.expect("changes") {
                assert!(change.version > known, "{}", place.name);
                known = change.version;
                seen.insert(change.id);
            }
            assert!(!is_over || known == store.version().await.expect("a number"));
            if is_over {
                break;
            }
        }
        for writer in writers {
            writer.await.expect("it has issued its keys");
        }
        seen.extend(
            store
                .changes(known)
                .await
                .expect("the rest")
                .into_iter()
                .map(|it| it.id),
        );
        assert_eq!(seen.len(), 100, "{}: one was missed", place.name);
        store.close().await;
    }
}

#[tokio::test]
async fn more_keys_than_a_page_are_read_page_by_page() {
    for place in places(KEYS) {
        let store = open(&place).await;
        place.fill(2 * PAGE_ROWS + 1).await;
        let (mut known, mut count) = (0, 0);
        loop {
            let changes = store.changes(known).await.expect("changes");
            let Some(last) = changes.last() else { break };
            known = last.version;
            count += i64::try_from(changes.len()).expect("few");
        }
        assert_eq!(count, 2 * PAGE_ROWS + 1, "{}", place.name);
        let all = store.list(None).await.expect("all");
        assert_eq!(i64::try_from(all.len()).expect("few"), count);
        store.close().await;
    }
}
