//! RFC 5280 by example: what is wrong with a chain, and the reason that an operator learns.

use rcgen::{
    BasicConstraints, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, SanType, SerialNumber, date_time_ymd,
};

use super::super::testing::{Ca, URI, authority, ca_params, extension, leaf_params, verify};
use super::*;

mod openssl;
mod pkits;

/// A change that makes a certificate bad.
type Fault = fn(&mut rcgen::CertificateParams);

/// The verdict about a leaf right below the root.
fn leaf(change: impl Fn(&mut rcgen::CertificateParams)) -> Result<(), CertificateError> {
    let root = Ca::root(ca_params("root"));
    let mut params = leaf_params(URI);
    change(&mut params);
    verify(
        &authority(&root, ExtendedKeyUsage::ClientAuth, 5),
        &[root.leaf(&params)],
    )
}

/// The verdict about a good leaf below an intermediate.
fn intermediate(change: impl Fn(&mut rcgen::CertificateParams)) -> Result<(), CertificateError> {
    let root = Ca::root(ca_params("root"));
    let mut params = ca_params("intermediate");
    change(&mut params);
    let issuer = root.intermediate(params);
    let mut leaf = leaf_params(URI);
    leaf.subject_alt_names.push(SanType::DnsName(
        "seven.example.com".try_into().expect("ASCII"),
    ));
    let chain = [issuer.leaf(&leaf), issuer.der.clone()];
    verify(&authority(&root, ExtendedKeyUsage::ClientAuth, 5), &chain)
}

#[test]
fn a_good_chain_of_three_is_accepted_in_any_order_and_with_the_root() {
    let root = Ca::root(ca_params("root"));
    let middle = root.intermediate(ca_params("middle"));
    let issuer = middle.intermediate(ca_params("issuer"));
    let leaf = issuer.leaf(&leaf_params(URI));
    let authority = authority(&root, ExtendedKeyUsage::ClientAuth, 4);
    let (middle, issuer, root) = (middle.der, issuer.der, root.der);
    for rest in [
        vec![issuer.clone(), middle.clone()],
        vec![middle.clone(), issuer.clone()],
        vec![issuer.clone(), middle.clone(), root],
    ] {
        let chain: Vec<_> = std::iter::once(leaf.clone()).chain(rest).collect();
        assert_eq!(verify(&authority, &chain), Ok(()));
    }
    assert_eq!(
        verify(&authority, &[leaf.clone(), issuer]),
        Err(CertificateError::Untrusted)
    );
    assert_eq!(
        verify(&authority, &[leaf]),
        Err(CertificateError::Untrusted)
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of faults")]
fn every_fault_of_a_leaf_has_its_reason() {
    use CertificateError as E;
    assert_eq!(leaf(|_| {}), Ok(()));
    let faults: [(&str, Fault, E); 14] = [
        (
            "expired",
            |it| it.not_after = date_time_ymd(2025, 1, 1),
            E::Expired,
        ),
        (
            "not yet valid",
            |it| it.not_before = date_time_ymd(2040, 1, 1),
            E::NotYetValid,
        ),
        (
            "server only",
            |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            E::ExtendedKeyUsage,
        ),
        (
            "any usage",
            |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any],
            E::ExtendedKeyUsage,
        ),
        (
            "no usage",
            |it| it.extended_key_usages = Vec::new(),
            E::ExtendedKeyUsage,
        ),
        (
            "an authority",
            |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            E::CaAsLeaf,
        ),
        (
            "keyCertSign",
            |it| it.key_usages.push(KeyUsagePurpose::KeyCertSign),
            E::KeyUsage,
        ),
        (
            "no digitalSignature",
            |it| it.key_usages = vec![KeyUsagePurpose::KeyAgreement],
            E::KeyUsage,
        ),
        (
            "serial zero",
            |it| it.serial_number = Some(SerialNumber::from_slice(&[0])),
            E::Serial,
        ),
        (
            "serial of 21 octets",
            |it| it.serial_number = Some(SerialNumber::from_slice(&[1; 21])),
            E::Serial,
        ),
        (
            "critical AKI",
            |it| it.custom_extensions = vec![extension(&[2, 5, 29, 35], true, &[0x30, 0])],
            E::UnsupportedExtension,
        ),
        (
            "critical SKI",
            |it| it.custom_extensions = vec![extension(&[2, 5, 29, 14], true, &[4, 1, 1])],
            E::UnsupportedExtension,
        ),
        (
            "unknown critical",
            |it| it.custom_extensions = vec![extension(&[1, 2, 3, 4], true, &[5, 0])],
            E::UnsupportedExtension,
        ),
        (
            "an extension twice",
            |it| {
                it.custom_extensions = vec![
                    extension(&[1, 2, 3, 4], false, &[5, 0]),
                    extension(&[1, 2, 3, 4], false, &[5, 0]),
                ]
            },
            E::Profile,
        ),
    ];
    for (name, fault, reason) in faults {
        let got = leaf(fault);
        // webpki refuses some critical key identifiers itself: either reason says what is wrong.
        let is_same =
            got == Err(reason) || (name.starts_with("critical") && got == Err(E::Profile));
        assert!(is_same, "{name}: {got:?}, not {reason:?}");
    }
    assert_eq!(
        leaf(|it| it.custom_extensions = vec![extension(&[1, 2, 3, 4], false, &[5, 0])]),
        Ok(()),
        "an unknown extension that is not critical"
    );
}

fn names(permitted: Vec<GeneralSubtree>) -> Option<NameConstraints> {
    Some(NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: Vec::new(),
    })
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of faults")]
fn every_fault_of_an_intermediate_has_its_reason() {
    use CertificateError as E;
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    assert_eq!(intermediate(|_| {}), Ok(()));
    assert_eq!(
        intermediate(|it| it.name_constraints = names(vec![dns("example.com")])),
        Ok(())
    );
    let faults: [(&str, Fault, E); 15] = [
        (
            "expired",
            |it| it.not_after = date_time_ymd(2025, 1, 1),
            E::Expired,
        ),
        (
            "no authority",
            |it| it.is_ca = IsCa::ExplicitNoCa,
            E::IssuerNotCa,
        ),
        ("no constraints", |it| it.is_ca = IsCa::NoCa, E::IssuerNotCa),
        (
            "no keyCertSign",
            |it| it.key_usages = vec![KeyUsagePurpose::CrlSign],
            E::KeyUsage,
        ),
        (
            "serial zero",
            |it| it.serial_number = Some(SerialNumber::from_slice(&[0])),
            E::Serial,
        ),
        (
            "server only",
            |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            E::ExtendedKeyUsage,
        ),
        (
            "another name",
            |it| {
                it.name_constraints = names(vec![GeneralSubtree::DnsName("example.org".to_owned())])
            },
            E::NameConstraints,
        ),
        (
            "a directory name",
            |it| {
                let mut name = rcgen::DistinguishedName::new();
                name.push(DnType::OrganizationName, "acme");
                it.name_constraints = names(vec![GeneralSubtree::DirectoryName(name)]);
            },
            E::UnsupportedConstraint,
        ),
        (
            "e-mail",
            |it| {
                it.name_constraints =
                    names(vec![GeneralSubtree::Rfc822Name("example.com".to_owned())])
            },
            E::UnsupportedConstraint,
        ),
        (
            "noncritical name constraints",
            |it| {
                let within = b"\x30\x11\xa0\x0f\x30\x0d\x82\x0bexample.com";
                it.custom_extensions = vec![extension(&[2, 5, 29, 30], false, within)];
            },
            E::Profile,
        ),
        (
            "empty name constraints",
            |it| it.custom_extensions = vec![extension(&[2, 5, 29, 30], true, b"\x30\x00")],
            E::Profile,
        ),
        (
            "malformed name constraints",
            |it| {
                let strange = b"\x30\x0a\xa0\x08\x30\x06\x82\x04a..b";
                it.custom_extensions = vec![extension(&[2, 5, 29, 30], true, strange)];
            },
            E::Profile,
        ),
        (
            "policy constraints",
            |it| {
                it.custom_extensions =
                    vec![extension(&[2, 5, 29, 36], true, &[0x30, 3, 0x80, 1, 0])]
            },
            E::UnsupportedExtension,
        ),
        (
            "policy constraints, not critical",
            |it| {
                it.custom_extensions =
                    vec![extension(&[2, 5, 29, 36], false, &[0x30, 3, 0x80, 1, 0])]
            },
            E::UnsupportedExtension,
        ),
        (
            "self-issued",
            |it| {
                it.distinguished_name = rcgen::DistinguishedName::new();
                it.distinguished_name.push(DnType::CommonName, "root");
            },
            E::SelfIssued,
        ),
    ];
    for (name, fault, reason) in faults {
        assert_eq!(intermediate(fault), Err(reason), "{name}");
    }
    let address = GeneralSubtree::IpAddress(CidrSubnet::V4([10, 0, 0, 0], [255, 0, 0, 0]));
    assert_eq!(
        intermediate(|it| it.name_constraints = names(vec![address.clone()])),
        Ok(()),
        "no address in the leaf"
    );
}

#[test]
fn path_length_is_that_of_constraints_and_of_the_configuration() {
    let mut params = ca_params("root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    let root = Ca::root(params);
    let mut params = ca_params("middle");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let middle = root.intermediate(params);
    let issuer = middle.intermediate(ca_params("issuer"));
    let long = [
        issuer.leaf(&leaf_params(URI)),
        issuer.der.clone(),
        middle.der.clone(),
    ];
    let short = [middle.leaf(&leaf_params(URI)), middle.der.clone()];
    let authority_of = |length| authority(&root, ExtendedKeyUsage::ClientAuth, length);
    assert_eq!(
        verify(&authority_of(5), &long),
        Err(CertificateError::PathLength),
        "a constraint"
    );
    assert_eq!(verify(&authority_of(3), &short), Ok(()));
    assert_eq!(
        verify(&authority_of(2), &short),
        Err(CertificateError::PathLength),
        "the configuration"
    );
}

#[test]
fn an_anchors_own_path_length_counts() {
    let mut params = ca_params("root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = Ca::root(params);
    let middle = root.intermediate(ca_params("middle"));
    let chain = [middle.leaf(&leaf_params(URI)), middle.der.clone()];
    let authority = authority(&root, ExtendedKeyUsage::ClientAuth, 5);
    assert_eq!(
        verify(&authority, &chain),
        Err(CertificateError::PathLength)
    );
}

#[test]
fn another_authority_of_the_same_name_is_not_trusted() {
    let (root, impostor) = (Ca::root(ca_params("root")), Ca::root(ca_params("root")));
    let authority = authority(&root, ExtendedKeyUsage::ClientAuth, 5);
    let leaf = impostor.leaf(&leaf_params(URI));
    assert_eq!(
        verify(&authority, std::slice::from_ref(&leaf)),
        Err(CertificateError::Untrusted)
    );
    assert_eq!(
        verify(&authority, &[leaf, impostor.der]),
        Err(CertificateError::Untrusted)
    );
}

#[test]
fn an_authority_may_want_less_of_the_extended_key_usage() {
    let root = Ca::root(ca_params("root"));
    let mut params = leaf_params(URI);
    params.extended_key_usages = Vec::new();
    let absent = [root.leaf(&params)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let other = [root.leaf(&params)];
    let with = |usage| authority(&root, usage, 5);
    assert_eq!(
        verify(&with(ExtendedKeyUsage::ClientAuthIfPresent), &absent),
        Ok(())
    );
    assert!(verify(&with(ExtendedKeyUsage::ClientAuthIfPresent), &other).is_err());
    assert_eq!(verify(&with(ExtendedKeyUsage::Any), &other), Ok(()));
}
