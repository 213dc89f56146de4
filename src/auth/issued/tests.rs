use std::time::Duration;

use super::*;
use crate::auth::Key;

fn issued(key: &Key, version: i64, state: KeyState) -> IssuedKey {
    let event = KeyEvent {
        by: "uid:0".to_owned(),
        at: SystemTime::UNIX_EPOCH,
    };
    IssuedKey {
        id: KeyId::parse(key.id()).expect("an id"),
        digest: KeyDigest::of_presented(key.expose()).expect("a tollgate key"),
        client: ClientId::new("partner"),
        slot: KeySlot::Primary,
        validity: Validity {
            state,
            ..Validity::default()
        },
        replaced_by: None,
        issued: event.clone(),
        changed: event,
        version,
    }
}

fn partner(id: &ClientId) -> Option<Arc<Client>> {
    Some(Arc::new(Client::new(id.clone(), Vec::new())))
}

fn ask(keys: &IssuedKeys, key: &Key) -> Result<CredentialKind, AuthError> {
    let digest = KeyDigest::of_presented(key.expose()).expect("a tollgate key");
    let caller = keys.authenticate(&digest, SystemTime::UNIX_EPOCH, partner);
    caller.map(|it| it.credential)
}

#[test]
fn a_key_is_unknown_only_once_the_keys_are_loaded() {
    let (keys, key) = (IssuedKeys::default(), Key::generate().expect("a key"));
    assert_eq!(ask(&keys, &key), Err(AuthError::KeysUnavailable));
    keys.set_loaded();
    assert_eq!(ask(&keys, &key), Err(AuthError::UnknownKey));
    keys.apply(&[issued(&key, 1, KeyState::Active)]);
    assert_eq!(ask(&keys, &key), Ok(CredentialKind::Key(KeySlot::Primary)));
}

#[test]
fn a_later_change_wins_in_whatever_order_they_come() {
    let (keys, key) = (IssuedKeys::default(), Key::generate().expect("a key"));
    keys.apply(&[issued(&key, 3, KeyState::Revoked)]);
    keys.apply(&[issued(&key, 2, KeyState::Active)]);
    assert_eq!(ask(&keys, &key), Err(AuthError::KeyRevoked));
    keys.apply(&[issued(&key, 4, KeyState::Suspended)]);
    assert_eq!(ask(&keys, &key), Err(AuthError::KeySuspended));
    let all = KeyCounts {
        suspended: 1,
        ..KeyCounts::default()
    };
    assert_eq!(keys.counts(), all);
}

#[test]
fn what_a_restored_database_no_longer_has_is_gone() {
    let (keys, kept, gone) = (
        IssuedKeys::default(),
        Key::generate().expect("a key"),
        Key::generate().expect("a key"),
    );
    keys.set_loaded();
    keys.apply(&[
        issued(&kept, 8, KeyState::Revoked),
        issued(&gone, 9, KeyState::Active),
    ]);
    keys.replace(&[issued(&kept, 2, KeyState::Active)]);
    assert!(ask(&keys, &kept).is_ok(), "an older version, but the truth");
    assert_eq!(ask(&keys, &gone), Err(AuthError::UnknownKey));
}

#[test]
fn a_key_of_a_client_that_the_configuration_has_not_is_refused() {
    let (keys, key) = (IssuedKeys::default(), Key::generate().expect("a key"));
    keys.apply(&[issued(&key, 1, KeyState::Active)]);
    let digest = KeyDigest::of_presented(key.expose()).expect("a tollgate key");
    let refused = keys.authenticate(&digest, SystemTime::UNIX_EPOCH, |_| None);
    assert_eq!(refused.map(|_| ()), Err(AuthError::KeyClientUnknown));
}

#[test]
fn the_old_key_of_a_rotation_is_good_until_its_grace_ends() {
    let (keys, key) = (IssuedKeys::default(), Key::generate().expect("a key"));
    let rotated_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let ends = rotated_at + Duration::from_secs(86_400);
    let mut old = issued(&key, 2, KeyState::Active);
    old.validity.not_after = Some(ends);
    keys.apply(&[old]);
    let digest = KeyDigest::of_presented(key.expose()).expect("a tollgate key");
    let at = |now| keys.authenticate(&digest, now, partner).map(|_| ());
    assert_eq!(at(rotated_at), Ok(()));
    assert_eq!(at(ends - Duration::from_millis(1)), Ok(()));
    assert_eq!(at(ends), Err(AuthError::KeyExpired));
}

#[test]
fn an_id_has_letters_and_digits_only() {
    assert!(KeyId::parse("Ab3dEf6h9J").is_some());
    for wrong in ["", "a b", "../x", "tgk_Ab3", &"a".repeat(65)] {
        assert!(KeyId::parse(wrong).is_none(), "{wrong}");
    }
}

/// Loading is linear and finds every key.
#[test]
fn a_hundred_thousand_keys_are_all_found() {
    let keys = IssuedKeys::default();
    let all: Vec<_> = (1..=100_000_i64)
        .map(|number| {
            let key = Key::generate().expect("a key");
            let state = match number % 4 {
                0 => KeyState::Revoked,
                _ => KeyState::Active,
            };
            (issued(&key, number, state), key)
        })
        .collect();
    let records: Vec<_> = all.iter().map(|(record, _)| record.clone()).collect();
    keys.apply(&records);
    keys.set_loaded();
    let good = all
        .iter()
        .filter(|(_, key)| ask(&keys, key).is_ok())
        .count();
    assert_eq!(good, 75_000);
    assert_eq!(keys.counts().revoked, 25_000);
}
