use std::time::UNIX_EPOCH;

use rcgen::{CertificateParams, SanType, date_time_ymd};

use super::*;
use crate::auth::certificate::testing::{
    Ca, NOW, URI, authority, ca_params, leaf_params, with_lists,
};
use crate::auth::certificate::{CrlMode, ExtendedKeyUsage};

const LENGTH: usize = 5;

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

/// Those of an authority without lists.
fn peers(root: &Ca, of: &[&str]) -> Peers {
    let authority = authority(root, ExtendedKeyUsage::ClientAuth, LENGTH);
    Peers::new(authority, names(of))
}

/// Those of an authority that has revoked these.
fn listed(root: &Ca, revoked: &[u64], last_year: u16) -> Peers {
    let lists = vec![root.crl(1, revoked, last_year)];
    let usage = ExtendedKeyUsage::ClientAuth;
    let authority = with_lists(root, usage, LENGTH, CrlMode::Required, lists);
    Peers::new(authority, names(&[URI]))
}

fn ended() -> CertificateParams {
    let mut params = leaf_params(URI);
    params.not_after = date_time_ymd(2025, 1, 1);
    params
}

#[test]
fn names_are_compared_to_the_letter_and_by_their_kind() {
    let root = Ca::root(ca_params("root"));
    let mut params = leaf_params(URI);
    let dns = "*.gateways.example".try_into().expect("ASCII");
    params.subject_alt_names.push(SanType::DnsName(dns));
    let leaf = [root.leaf(&params)];
    for (name, is_it) in [
        (URI, true),
        ("*.gateways.example", true),
        ("one.gateways.example", false),
        ("spiffe://acme/factory/", false),
        ("spiffe://acme/factory/77", false),
    ] {
        let checked = peers(&root, &[name]).check(&leaf, now());
        assert_eq!(checked.is_ok(), is_it, "{name}: {checked:?}");
    }
    // A URI that is written as a DNS name.
    let mut params = leaf_params("spiffe://acme/other");
    let dns = URI.try_into().expect("ASCII");
    params.subject_alt_names.push(SanType::DnsName(dns));
    let peers = peers(&root, &[URI]);
    let leaf = [root.leaf(&params)];
    let error = peers.check(&leaf, now());
    assert!(matches!(error, Err(PeerError::Name(_))), "{error:?}");
}

#[test]
fn a_certificate_that_has_ended_opens_no_connection_and_ends_none() {
    let root = Ca::root(ca_params("root"));
    let (peers, leaf) = (peers(&root, &[URI]), [root.leaf(&ended())]);
    let expired = PeerError::Certificate(CertificateError::Expired);
    assert_eq!(peers.check(&leaf, now()), Err(expired));
    assert_eq!(peers.check_again(&leaf, now()), Ok(()));
}

#[test]
fn whoever_is_not_meant_any_more_is_found_also_when_the_certificate_has_ended() {
    let root = Ca::root(ca_params("root"));
    for leaf in [[root.leaf(&leaf_params(URI))], [root.leaf(&ended())]] {
        let other_name = peers(&root, &["spiffe://acme/other"]).check_again(&leaf, now());
        assert!(
            matches!(other_name, Err(PeerError::Name(_))),
            "{other_name:?}"
        );
        let other = Ca::root(ca_params("other"));
        let other_authority = peers(&other, &[URI]).check_again(&leaf, now());
        let untrusted = PeerError::Certificate(CertificateError::Untrusted);
        assert_eq!(other_authority, Err(untrusted));
        let revoked = listed(&root, &[7], 2049).check_again(&leaf, now());
        let error = PeerError::Certificate(CertificateError::Revoked);
        assert_eq!(revoked, Err(error));
        assert_eq!(listed(&root, &[8], 2049).check_again(&leaf, now()), Ok(()));
    }
}

#[test]
fn a_list_that_is_late_opens_no_connection_and_ends_none() {
    let root = Ca::root(ca_params("root"));
    let (late, leaf) = (listed(&root, &[8], 2026), [root.leaf(&leaf_params(URI))]);
    assert!(late.check(&leaf, now()).is_err());
    assert_eq!(late.check_again(&leaf, now()), Ok(()));
}

#[test]
fn chains_of_too_many_or_too_large_certificates_are_not_read() {
    let root = Ca::root(ca_params("root"));
    let peers = peers(&root, &[URI]);
    let many = vec![root.leaf(&leaf_params(URI)); MAX_CERTIFICATES + 1];
    let large = [CertificateDer::from(vec![0x30; MAX_CERTIFICATE_BYTES + 1])];
    let too_large = PeerError::Certificate(CertificateError::TooLarge);
    assert_eq!(peers.check(&many, now()), Err(too_large.clone()));
    assert_eq!(peers.check(&large, now()), Err(too_large));
    assert!(peers.check(&[], now()).is_err());
}
