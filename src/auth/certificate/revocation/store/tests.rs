use std::time::Duration;

use super::super::super::testing::{Ca, ListParams, NOW, ca_params};
use super::super::{CrlMode, CrlSource, CrlState, Revocation};
use crate::auth::fetch::Url;

const URL: &str = "http://crl.example.com/root.crl";

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
        ca.list(&ListParams {
            key_identifier: Some(vec![1, 2, 3]),
            ..ListParams::of(number, revoked)
        })
    };
    let lists = of(&[URL], &[]);
    let forged = signed(&forger, 9, &[]);
    let unknown = "whose key it must be is not known yet";
    lists.take("another", &forged).expect(unknown);
    lists.take(URL, &forged).expect(unknown);
    let true_one = signed(&root, 1, &[7]);
    let refused = lists.take(URL, &true_one);
    assert!(refused.is_err(), "which of them is forged is not known");
    lists.know_issuer(root.issuer_key());
    lists.take(URL, &true_one).expect("the other is forged");
    let signed = lists.lists_of(&root.issuer_key()).signed;
    let [chosen] = signed.as_slice() else {
        panic!("{} lists", signed.len());
    };
    assert!(chosen.fields.entries.contains_key([7].as_slice()));
}

#[test]
fn addresses_of_deltas_are_fetched_from_as_soon_as_the_lists_issuer_is_known() {
    const DELTA: &str = "http://crl.example.com/delta.crl";
    let (root, stranger) = (Ca::root(ca_params("root")), Ca::root(ca_params("root")));
    let list = |ca: &Ca, number| {
        ca.list(&ListParams {
            delta_uris: vec![DELTA, "http://crl.example.org/delta.crl"],
            ..ListParams::of(number, &[])
        })
    };
    let fetched = |lists: &Revocation| {
        let locations = lists.locations().into_iter().map(|it| it.to_string());
        locations.filter(|it| it == DELTA).count() == 1 && lists.locations().len() == 2
    };
    let before = of(&[URL], &["crl.example.com"]);
    before.take(URL, &list(&root, 1)).expect("taken");
    assert!(!fetched(&before), "whose list it is is not known");
    before.know_issuer(stranger.issuer_key());
    assert!(!fetched(&before), "of another issuer");
    before.know_issuer(root.issuer_key());
    assert!(fetched(&before));
    let after = of(&[URL], &["crl.example.com"]);
    after.know_issuer(root.issuer_key());
    assert!(after.take(URL, &list(&stranger, 1)).is_err());
    assert!(!fetched(&after), "of a list that is not signed");
    after.take(URL, &list(&root, 1)).expect("taken");
    assert!(fetched(&after));
}

#[test]
fn of_lists_of_several_sources_the_newest_counts_whichever_came_first() {
    let root = Ca::root(ca_params("root"));
    let (old, new) = (root.crl(1, &[], 2040), root.crl(2, &[7], 2041));
    for order in [[("a", &old), ("b", &new)], [("b", &new), ("a", &old)]] {
        let lists = of(&[], &[]);
        lists.know_issuer(root.issuer_key());
        for (source, list) in order {
            lists.take(source, list).expect("taken");
        }
        let ends = lists.next_update().expect("a list");
        let signed = lists.lists_of(&root.issuer_key()).signed;
        assert_eq!(signed.len(), 2);
        let newest = signed.iter().map(|it| it.next_update()).max();
        assert_eq!(Some(ends), newest, "the older list still counts");
    }
}
