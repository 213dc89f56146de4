use proptest::prelude::*;

use super::*;
use crate::auth::certificate::KeptCertificate;
use crate::auth::{Key, PresentedKey};

#[test]
fn a_decision_is_good_for_seconds_by_clocks_that_differ_a_little() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let second = Duration::from_secs(1);
    for (sealed, is_good) in [
        (now, true),
        (now - MAX_AGE, true),
        (now - MAX_AGE - second, false),
        (now + MAX_SKEW, true),
        (now + MAX_SKEW + second, false),
        (SystemTime::UNIX_EPOCH, false),
    ] {
        assert_eq!(good_until(sealed, now).is_some(), is_good, "{sealed:?}");
    }
    let latest = good_until(now + MAX_SKEW, now).expect("good");
    assert!(latest <= remembered_until(now));
}

#[test]
fn what_was_used_is_remembered_for_as_long_as_it_could_be_opened() {
    let used = Used::default();
    let id = DecisionId::of_bytes([1; 16]);
    let until = Duration::from_secs(10);
    assert!(used.take(id, until));
    used.sweep(until);
    assert!(!used.take(id, until));
    used.sweep(until + Duration::from_nanos(1));
    assert_eq!(used.len(), 0);
}

fn read_back(proof: &Proof, user: Option<&str>, address: Option<&str>) -> message::Opened {
    let sealed = Sealed {
        id: DecisionId::of_bytes([7; 16]),
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(5),
        started: SystemTime::UNIX_EPOCH + Duration::from_nanos(3),
        proof,
        user,
        address: address.map(|it| it.parse().expect("an address")),
        announced_bytes: usize::MAX,
        span: None,
    };
    message::read(&sealed.to_bytes()).expect("it was written here")
}

#[test]
fn each_kind_of_proof_is_read_as_it_was() {
    let key = Key::generate().expect("random numbers");
    let key = PresentedKey::parse(key.expose()).expect("a key");
    let read = read_back(&Proof::Key(key), None, Some("2001:db8::1"));
    assert!(matches!(read.proof, Proof::Key(it) if it == key));
    assert_eq!(read.address, "2001:db8::1".parse().ok());
    assert_eq!(read.announced_bytes, usize::MAX);
    assert_eq!(
        read.started,
        SystemTime::UNIX_EPOCH + Duration::from_nanos(3)
    );
    let read = read_back(&Proof::Token("a.b.c".to_owned().into()), Some("eve"), None);
    assert!(matches!(&read.proof, Proof::Token(it) if it.as_str() == "a.b.c"));
    assert_eq!(read.user.as_deref(), Some("eve"));
    for header in [None, Some(b"Hash=1".to_vec())] {
        let kept = KeptCertificate::new(header.clone(), "pem".to_owned());
        let read = read_back(&Proof::Certificate(kept), Some(""), Some("192.0.2.1"));
        let Proof::Certificate(kept) = read.proof else {
            panic!("another proof");
        };
        assert_eq!(kept.header(), header.as_deref());
        assert_eq!(kept.peer(), "pem");
        assert_eq!(
            read.user.as_deref(),
            Some(""),
            "a user without a name is one"
        );
    }
}

proptest! {
    #[test]
    fn whatever_was_sealed_is_read_without_a_panic(bytes: Vec<u8>) {
        let _ = message::read(&bytes);
    }
}
