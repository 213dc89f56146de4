//! Revocation by example: the mode, the lists, and whose they are.

use rcgen::{KeyUsagePurpose, SerialNumber};

use super::super::testing::{
    Ca, URI, ca_params, leaf_params, lists_in_files, verify, with_anchors, with_lists,
};
use super::super::{CertificateError, CrlMode, ExtendedKeyUsage};

#[test]
fn revocation_is_what_the_list_and_the_mode_say() {
    use CertificateError as E;
    let root = Ca::root(ca_params("root"));
    let other = Ca::root(ca_params("another"));
    let same_name = Ca::root(ca_params("root"));
    let leaf = [root.leaf(&leaf_params(URI))];
    let cases = [
        ("good", vec![root.crl(1, &[8], 2040)], Ok(()), Ok(())),
        (
            "revoked",
            vec![root.crl(1, &[7], 2040)],
            Err(E::Revoked),
            Err(E::Revoked),
        ),
        (
            "stale",
            vec![root.crl(1, &[8], 2025)],
            Err(E::CrlExpired),
            Ok(()),
        ),
        (
            "stale and revoked",
            vec![root.crl(1, &[7], 2025)],
            Err(E::Revoked),
            Err(E::Revoked),
        ),
        (
            "of another issuer",
            vec![other.crl(1, &[], 2040)],
            Err(E::RevocationUnknown),
            Ok(()),
        ),
        ("none", vec![], Err(E::RevocationUnknown), Ok(())),
        (
            "newer of two",
            vec![root.crl(1, &[], 2040), root.crl(2, &[7], 2040)],
            Err(E::Revoked),
            Err(E::Revoked),
        ),
    ];
    for (name, lists, required, soft) in cases {
        for (mode, expected) in [
            (CrlMode::Required, required),
            (CrlMode::Soft, soft),
            (CrlMode::Off, Ok(())),
        ] {
            // Files are read before the anchors are known; signatures are checked on use.
            let authority = with_lists(&root, ExtendedKeyUsage::ClientAuth, 5, mode, lists.clone());
            assert_eq!(verify(&authority, &leaf), expected, "{name}, {mode:?}");
        }
    }
    let forged = vec![same_name.crl(1, &[], 2040)];
    for mode in [CrlMode::Required, CrlMode::Soft] {
        let authority = with_lists(&root, ExtendedKeyUsage::ClientAuth, 5, mode, forged.clone());
        assert_eq!(
            verify(&authority, &leaf),
            Err(E::CrlUntrusted),
            "signed by another key"
        );
    }
}

#[test]
fn a_revoked_intermediate_is_denied() {
    let root = Ca::root(ca_params("root"));
    let mut params = ca_params("issuer");
    params.serial_number = Some(SerialNumber::from(99_u64));
    let issuer = root.intermediate(params);
    let chain = [issuer.leaf(&leaf_params(URI)), issuer.der.clone()];
    let lists = |revoked: &[u64]| vec![root.crl(1, revoked, 2040), issuer.crl(1, &[], 2040)];
    let with = |lists| {
        with_lists(
            &root,
            ExtendedKeyUsage::ClientAuth,
            5,
            CrlMode::Required,
            lists,
        )
    };
    assert_eq!(verify(&with(lists(&[])), &chain), Ok(()));
    assert_eq!(
        verify(&with(lists(&[99])), &chain),
        Err(CertificateError::Revoked)
    );
    let half = vec![issuer.crl(1, &[], 2040)];
    assert_eq!(
        verify(&with(half), &chain),
        Err(CertificateError::RevocationUnknown),
        "the root has no list"
    );
}

#[test]
fn an_issuer_that_may_not_sign_lists_proves_nothing_by_one() {
    let root = Ca::root(ca_params("root"));
    let mut params = ca_params("issuer");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = root.intermediate(params);
    let chain = [issuer.leaf(&leaf_params(URI)), issuer.der.clone()];
    for (revoked, mode, expected) in [
        (8, CrlMode::Required, Err(CertificateError::CrlUntrusted)),
        (8, CrlMode::Soft, Ok(())),
        (7, CrlMode::Required, Err(CertificateError::Revoked)),
        (7, CrlMode::Soft, Err(CertificateError::Revoked)),
    ] {
        let lists = vec![root.crl(1, &[], 2040), issuer.crl(1, &[revoked], 2040)];
        let authority = with_lists(&root, ExtendedKeyUsage::ClientAuth, 5, mode, lists);
        let verdict = verify(&authority, &chain);
        assert_eq!(verdict, expected, "{revoked} revoked, {mode:?}");
    }
}

#[test]
fn authorities_of_one_name_are_judged_each_by_the_list_of_its_own_key() {
    let (old, new) = (Ca::root(ca_params("root")), Ca::root(ca_params("root")));
    let anchors = vec![old.der.clone(), new.der.clone()];
    let of = |lists| {
        let revocation = lists_in_files(CrlMode::Required, lists).expect("good lists");
        with_anchors(anchors.clone(), ExtendedKeyUsage::ClientAuth, 5, revocation)
    };
    let chain = |ca: &Ca, serial: u64| {
        let mut params = leaf_params(URI);
        params.serial_number = Some(SerialNumber::from(serial));
        [ca.leaf(&params)]
    };
    // The older list is the one with the greater number, and comes first or last.
    for lists in [
        vec![old.crl(9, &[7], 2040), new.crl(1, &[8], 2041)],
        vec![new.crl(1, &[8], 2041), old.crl(9, &[7], 2040)],
    ] {
        let both = of(lists);
        let revoked = Err(CertificateError::Revoked);
        assert_eq!(verify(&both, &chain(&old, 7)), revoked, "old, on its list");
        assert_eq!(
            verify(&both, &chain(&old, 8)),
            Ok(()),
            "old, not on its list"
        );
        assert_eq!(verify(&both, &chain(&new, 8)), revoked, "new, on its list");
        assert_eq!(
            verify(&both, &chain(&new, 7)),
            Ok(()),
            "new, not on its list"
        );
    }
    let one = of(vec![old.crl(9, &[], 2040)]);
    assert_eq!(verify(&one, &chain(&old, 7)), Ok(()));
    assert_eq!(
        verify(&one, &chain(&new, 7)),
        Err(CertificateError::CrlUntrusted),
        "the list of another key says nothing"
    );
}
