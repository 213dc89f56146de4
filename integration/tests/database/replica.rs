//! What a process knows of the keys: loaded, kept up to date, and kept while the database is away.

use std::sync::Arc;
use std::time::SystemTime;

use tollgate::access::{Client, ClientId};
use tollgate::auth::{AuthError, Key, KeyDigest, KeySlot, KeyState};
use tollgate::control::KEYS;
use tollgate::control::KeyStore;
use tollgate::control::Replica;
use tollgate::database::DatabaseError;

use crate::rig::{event, new_key, places, postgres, sqlite};

fn ask(replica: &Replica, key: &Key) -> Result<(), AuthError> {
    let digest = KeyDigest::of_presented(key.expose()).expect("a tollgate key");
    let client = |id: &ClientId| Some(Arc::new(Client::new(id.clone(), Vec::new())));
    let found = replica
        .keys()
        .authenticate(&digest, SystemTime::now(), client);
    found.map(|_| ())
}

#[tokio::test]
async fn a_change_at_one_replica_is_seen_by_another_with_its_next_poll() {
    for place in places(KEYS) {
        let store = KeyStore::open(&place.url).await.expect("opened");
        let replica = Replica::new(place.url.clone());
        let (key, new) = new_key();
        assert_eq!(ask(&replica, &key), Err(AuthError::KeysUnavailable));
        replica.poll().await.expect("polled");
        assert_eq!(ask(&replica, &key), Err(AuthError::UnknownKey));
        let client = ClientId::new("partner");
        store
            .issue(&client, KeySlot::Primary, &new, &event("a", 1))
            .await
            .expect("issued");
        replica.poll().await.expect("polled");
        assert_eq!(ask(&replica, &key), Ok(()), "{}", place.name);
        let revoked = store
            .set_state(&new.id, KeyState::Revoked, &event("a", 2))
            .await;
        revoked.expect("revoked");
        replica.poll().await.expect("polled");
        assert_eq!(
            ask(&replica, &key),
            Err(AuthError::KeyRevoked),
            "{}",
            place.name
        );
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_known_outlives_an_outage_and_what_was_changed_meanwhile_arrives_after_it() {
    let place = postgres();
    let server = place.postgres.as_ref().expect("a server");
    let store = KeyStore::open(&place.url).await.expect("opened");
    let replica = Replica::new(place.url.clone());
    let (key, new) = new_key();
    let client = ClientId::new("partner");
    let issued = store
        .issue(&client, KeySlot::Primary, &new, &event("a", 1))
        .await;
    issued.expect("issued");
    replica.poll().await.expect("polled");

    server.down().expect("it stops");
    let away = replica.poll().await.expect_err("nobody there");
    assert!(
        matches!(away, DatabaseError::Statement(_) | DatabaseError::Timeout),
        "{away}"
    );
    assert_eq!(ask(&replica, &key), Ok(()), "what is known stays");

    server.up().expect("it starts");
    let statement = format!(
        "UPDATE issued_keys_changes SET version = 9; \
         UPDATE issued_keys SET state = 'revoked', version = 9 WHERE id = '{}'",
        new.id
    );
    server.query(&statement).expect("changed by another");
    replica.poll().await.expect("polled");
    assert_eq!(ask(&replica, &key), Err(AuthError::KeyRevoked));
}

#[tokio::test]
async fn a_database_that_was_restored_from_a_backup_is_read_again() {
    let place = postgres();
    let server = place.postgres.as_ref().expect("a server");
    let store = KeyStore::open(&place.url).await.expect("opened");
    let replica = Replica::new(place.url.clone());
    let ((old, kept), (young, lost)) = (new_key(), new_key());
    for (slot, new) in [(KeySlot::Primary, &kept), (KeySlot::Secondary, &lost)] {
        let client = ClientId::new("partner");
        let issued = store.issue(&client, slot, new, &event("a", 1)).await;
        issued.expect("issued");
    }
    replica.poll().await.expect("polled");
    assert_eq!(
        (ask(&replica, &old), ask(&replica, &young)),
        (Ok(()), Ok(()))
    );
    let restore = format!(
        "DELETE FROM issued_keys WHERE id = '{}'; UPDATE issued_keys_changes SET version = 1",
        lost.id
    );
    server.query(&restore).expect("restored");
    replica.poll().await.expect("polled");
    assert_eq!(ask(&replica, &old), Ok(()));
    assert_eq!(ask(&replica, &young), Err(AuthError::UnknownKey));
}

#[tokio::test]
async fn a_hundred_thousand_keys_are_loaded() {
    let place = sqlite(KEYS);
    KeyStore::open(&place.url)
        .await
        .expect("opened")
        .close()
        .await;
    place.fill(100_000).await;
    let replica = Replica::new(place.url.clone());
    replica.poll().await.expect("polled");
    assert_eq!(replica.keys().counts().active, 100_000);
}
