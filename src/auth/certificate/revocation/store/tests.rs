use std::time::Duration;

use rcgen::KeyIdMethod;

use super::super::super::decoded::Decoded;
use super::super::super::testing::{Ca, ca_params};
use super::super::{CrlMode, CrlSource, CrlState, IssuerKey, Revocation};
use crate::auth::fetch::Url;

const URL: &str = "http://crl.example.com/root.crl";
/// 1 January 2030.
const NOW: Duration = Duration::from_secs(1_893_456_000);

fn of(urls: &[&str], hosts: &[&str]) -> Revocation {
    let urls = urls.iter().map(|url| Url::parse(url).expect("a URL"));
    Revocation::new(CrlSource {
        mode: CrlMode::Required,
        files: Vec::new(),
        urls: urls.collect(),
        distribution_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        refresh: Duration::from_secs(60),
    })
    .expect("no files")
}

#[test]
fn a_new_configuration_begins_with_the_lists_of_the_same_sources() {
    let root = Ca::root(ca_params("root"));
    let old = of(&[URL], &[]);
    assert_eq!(old.state(NOW), CrlState::Missing);
    old.take(URL, &root.crl(2, &[7], 2040)).expect("taken");
    assert_eq!(old.state(NOW), CrlState::Fresh);
    assert_eq!(old.state(NOW * 2), CrlState::Stale);
    let same = of(&[URL], &[]);
    let before = same.generation();
    same.adopt(&old);
    assert_eq!(same.state(NOW), CrlState::Fresh);
    assert_ne!(same.generation(), before, "verdicts would stay");
    assert!(
        same.take(URL, &root.crl(1, &[], 2041)).is_err(),
        "an older list"
    );
    let other = of(&["http://crl.example.com/other.crl"], &[]);
    other.adopt(&old);
    assert_eq!(other.state(NOW), CrlState::Missing, "of another source");
}

#[test]
fn distribution_points_are_taken_over_where_their_hosts_are_still_allowed() {
    let root = Ca::root(ca_params("root"));
    let old = of(&[], &["crl.example.com"]);
    old.note_points(&[URL.to_owned()]);
    old.take(URL, &root.crl(1, &[], 2040)).expect("taken");
    let same = of(&[], &["crl.example.com"]);
    same.adopt(&old);
    assert_eq!(same.state(NOW), CrlState::Fresh);
    assert_eq!(same.locations().len(), 1, "it is fetched from now on");
    let stricter = of(&[], &["crl.example.org"]);
    stricter.adopt(&old);
    assert_eq!(stricter.state(NOW), CrlState::Missing);
    assert!(stricter.locations().is_empty());
}

#[test]
fn a_forged_list_of_a_great_number_does_not_keep_out_the_true_one() {
    let (root, forger) = (Ca::root(ca_params("root")), Ca::root(ca_params("root")));
    let signed = |ca: &Ca, number, revoked: &[u64]| {
        let key = KeyIdMethod::PreSpecified(vec![1, 2, 3]);
        ca.crl_as(key, number, revoked, 2040)
    };
    let lists = of(&[URL], &[]);
    let forged = lists.take("another", &signed(&forger, 9, &[]));
    forged.expect("whose key it must be is not known yet");
    let true_one = signed(&root, 1, &[7]);
    let refused = lists.take(URL, &true_one);
    assert!(refused.is_err(), "which of them is forged is not known");
    let anchor = webpki::anchor_from_trusted_cert(&root.der).expect("good");
    let issuer = IssuerKey {
        name: anchor.subject.to_vec(),
        spki: Decoded::read(&root.der)
            .and_then(|it| it.spki())
            .expect("good"),
    };
    lists.know_issuer(&issuer.name, issuer.spki.clone());
    lists.take(URL, &true_one).expect("the other is forged");
    let [chosen] = lists.lists_of(&[issuer]).try_into().expect("one list");
    assert!(
        chosen
            .revoked
            .find_serial(&[7])
            .is_ok_and(|it| it.is_some())
    );
}
