use proptest::prelude::*;
use rcgen::{DnType, DnValue, SanType};

use super::super::identity::CertificateIdentity;
use super::super::testing::{
    Ca, NOW, URI, authority, ca_params, leaf_params, lists_in_files, pem, url_encode, with_anchors,
};
use super::super::{CrlMode, CrlSource, ExtendedKeyUsage, IdentityError, Revocation};
use super::*;
use crate::access::ClientId;

fn client(id: &str) -> Arc<Client> {
    Arc::new(Client::new(ClientId::new(id), Vec::new()))
}

fn identity(fields: Vec<Field>) -> CertificateIdentity {
    CertificateIdentity::new("devices".into(), fields).expect("an identity")
}

fn index(all: Vec<(&str, Vec<Field>)>) -> IdentityIndex {
    let mut index = IdentityIndex::default();
    for (id, fields) in all {
        index.add(identity(fields), client(id));
    }
    index
}

/// As Envoy writes `source.certificate`.
fn peer(der: &CertificateDer<'_>) -> String {
    url_encode(&pem(der))
}

fn ask(ring: &CertificateRing, der: &CertificateDer<'_>) -> Result<String, CertificateError> {
    let peer = peer(der);
    let caller = ring.authenticate_at(&PresentedCertificate::new(&peer), NOW)?;
    Ok(caller.client.id.to_string())
}

fn ring(root: &Ca, index: IdentityIndex) -> CertificateRing {
    CertificateRing::new(
        vec![authority(root, ExtendedKeyUsage::ClientAuth, 5)],
        index,
    )
}

fn uri(value: &str) -> Vec<Field> {
    vec![Field::UriSan(value.to_owned())]
}

#[test]
fn every_field_can_name_a_client_and_all_of_an_identity_must_fit() {
    let root = Ca::root(ca_params("root"));
    let mut params = leaf_params(URI);
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Acme, Inc. ");
    params.subject_alt_names.push(SanType::DnsName(
        "seven.example.com".try_into().expect("ASCII"),
    ));
    params.subject_alt_names.push(SanType::Rfc822Name(
        "seven@example.com".try_into().expect("ASCII"),
    ));
    let leaf = root.leaf(&params);
    let text = str::to_owned;
    let good = [
        Field::ThumbprintSha256(Sha256::digest(&leaf).into()),
        Field::ThumbprintSha1(<sha1::Sha1 as sha1::Digest>::digest(&leaf).into()),
        Field::UriSan(text(URI)),
        Field::DnsSan(text("seven.example.com")),
        Field::EmailSan(text("seven@example.com")),
        Field::Subject(text("O=Acme\\, Inc.\\ ,CN=device 7")),
        Field::CommonName(text("device 7")),
        Field::IssuerSubject(text("CN=root")),
        Field::IssuerThumbprint(Sha256::digest(&root.der).into()),
    ];
    for field in &good {
        let ring = ring(&root, index(vec![("a", vec![field.clone()])]));
        assert_eq!(ask(&ring, &leaf), Ok("a".to_owned()), "{field:?}");
    }
    let serial = Field::serial("07").expect("a serial");
    let with_issuer = vec![serial, Field::IssuerSubject(text("CN=root"))];
    assert_eq!(
        ask(&ring(&root, index(vec![("a", with_issuer)])), &leaf),
        Ok("a".to_owned())
    );
    let all_but_one = vec![good[2].clone(), Field::CommonName(text("device 8"))];
    let refused = ask(&ring(&root, index(vec![("a", all_but_one)])), &leaf);
    assert_eq!(refused, Err(CertificateError::UnknownClient));
}

#[test]
fn names_are_compared_exactly() {
    let root = Ca::root(ca_params("root"));
    let mut params = leaf_params("spiffe://acme/factory/7");
    params
        .subject_alt_names
        .push(SanType::DnsName("*.example.com".try_into().expect("ASCII")));
    params.subject_alt_names.push(SanType::DnsName(
        "a.example.com\0.evil.org".try_into().expect("ASCII"),
    ));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(
        DnType::CommonName,
        DnValue::BmpString("device".try_into().expect("BMP")),
    );
    let leaf = root.leaf(&params);
    for field in [
        Field::UriSan("spiffe://acme/factory/70".to_owned()),
        Field::UriSan("spiffe://acme/factory".to_owned()),
        Field::UriSan("spiffe://ACME/factory/7".to_owned()),
        Field::UriSan("spiffe://acme/factory/%37".to_owned()),
        Field::DnsSan("a.example.com".to_owned()),
        Field::DnsSan("b.example.com".to_owned()),
        Field::CommonName("device".to_owned()),
    ] {
        let refused = ask(&ring(&root, index(vec![("a", vec![field.clone()])])), &leaf);
        assert_eq!(refused, Err(CertificateError::UnknownClient), "{field:?}");
    }
    assert!(Field::text(Field::DnsSan, "*.example.com").is_err());
    assert!(Field::text(Field::DnsSan, "a\0b").is_err());
}

#[test]
fn a_certificate_of_two_clients_is_nobodys() {
    let root = Ca::root(ca_params("root"));
    let mut params = leaf_params(URI);
    params.subject_alt_names.push(SanType::URI(
        "spiffe://acme/factory/8".try_into().expect("ASCII"),
    ));
    let both = root.leaf(&params);
    let ring = ring(
        &root,
        index(vec![("a", uri(URI)), ("b", uri("spiffe://acme/factory/8"))]),
    );
    assert_eq!(ask(&ring, &both), Err(CertificateError::SeveralClients));
    assert_eq!(
        ask(&ring, &root.leaf(&leaf_params(URI))),
        Ok("a".to_owned())
    );
}

#[test]
fn identities_that_can_not_tell_clients_apart_are_refused() {
    assert_eq!(
        CertificateIdentity::new("devices".into(), Vec::new()),
        Err(IdentityError::Empty)
    );
    let serial = Field::serial("7").expect("a serial");
    assert_eq!(
        CertificateIdentity::new("devices".into(), vec![serial]),
        Err(IdentityError::SerialAlone)
    );
    let narrow = vec![
        Field::UriSan(URI.to_owned()),
        Field::CommonName("x".to_owned()),
    ];
    for order in [
        vec![("a", uri(URI)), ("b", narrow.clone())],
        vec![("b", narrow.clone()), ("a", uri(URI))],
    ] {
        let index = index(order);
        let error = index.check(&identity(narrow.clone()), &client("b"));
        assert_eq!(error, Err(IdentityError::Ambiguous("a".to_owned())));
    }
}

#[test]
fn a_pinned_certificate_is_itself_and_anchors_nothing() {
    let root = Ca::root(ca_params("root"));
    let pinned = Ca::root(ca_params("a partner"));
    let mut index = IdentityIndex::default();
    index
        .pin(Sha256::digest(&pinned.der).into(), client("partner"))
        .expect("new");
    let ring = ring(&root, index);
    assert_eq!(ask(&ring, &pinned.der), Ok("partner".to_owned()));
    let issued = pinned.leaf(&leaf_params(URI));
    assert_eq!(
        ask(&ring, &issued),
        Err(CertificateError::Untrusted),
        "CVE-2024-2048"
    );
    let again = Ca::root(ca_params("a partner"));
    assert_eq!(
        ask(&ring, &again.der),
        Err(CertificateError::CaAsLeaf),
        "the same name"
    );
    let late = PresentedCertificate::new("");
    assert!(ring.authenticate_at(&late, NOW).is_err());
    let ended = ring.authenticate_at(&PresentedCertificate::new(&peer(&pinned.der)), NOW * 2);
    assert_eq!(ended.map(|_| ()), Err(CertificateError::Expired));
}

#[test]
fn a_pin_of_an_issued_certificate_does_not_go_round_its_authority() {
    let root = Ca::root(ca_params("root"));
    let leaf = root.leaf(&leaf_params(URI));
    let mut index = IdentityIndex::default();
    index
        .pin(Sha256::digest(&leaf).into(), client("a"))
        .expect("new");
    assert_eq!(
        ask(&ring(&root, index), &leaf),
        Err(CertificateError::UnknownClient)
    );
}

#[test]
fn a_header_without_the_certificate_of_the_connection_is_a_claim() {
    let root = Ca::root(ca_params("root"));
    let ring = ring(&root, index(vec![("a", uri(URI))]));
    let (mine, other) = (
        peer(&root.leaf(&leaf_params(URI))),
        peer(&root.leaf(&leaf_params(URI))),
    );
    let header = format!("Cert=\"{mine}\"");
    let ask = |peer: &str, headers: &[&str]| {
        let mut presented = PresentedCertificate::new(peer);
        headers
            .iter()
            .for_each(|header| presented.add(header.as_bytes()));
        ring.authenticate_at(&presented, NOW)
            .map(|it| it.client.id.to_string())
    };
    assert_eq!(ask(&mine, &[&header]), Ok("a".to_owned()));
    assert_eq!(ask("", &[&header]), Err(CertificateError::Disagrees));
    assert_eq!(ask(&other, &[&header]), Err(CertificateError::Disagrees));
    assert_eq!(
        ask(&mine, &[&header, &header]),
        Err(CertificateError::Malformed)
    );
    let wrong_hash = format!("Hash={};Cert=\"{mine}\"", "0".repeat(64));
    assert_eq!(ask(&mine, &[&wrong_hash]), Err(CertificateError::Disagrees));
}

#[test]
fn a_verdict_ends_with_the_certificate() {
    let root = Ca::root(ca_params("root"));
    let ring = ring(&root, index(vec![("a", uri(URI))]));
    let leaf = root.leaf(&leaf_params(URI));
    assert_eq!(ask(&ring, &leaf), Ok("a".to_owned()));
    let peer = peer(&leaf);
    let later = ring.authenticate_at(&PresentedCertificate::new(&peer), NOW * 2);
    assert_eq!(
        later.map(|_| ()),
        Err(CertificateError::Expired),
        "the remembered verdict is over"
    );
}

#[test]
fn an_authority_without_anchors_is_the_reason_only_where_no_other_has_one() {
    let root = Ca::root(ca_params("root"));
    let empty = || {
        let lists = lists_in_files(CrlMode::Off, Vec::new()).expect("no lists");
        with_anchors(Vec::new(), ExtendedKeyUsage::ClientAuth, 5, lists)
    };
    let full = || authority(&root, ExtendedKeyUsage::ClientAuth, 5);
    let mut expired = leaf_params(URI);
    expired.not_after = rcgen::date_time_ymd(2025, 1, 1);
    let expired = root.leaf(&expired);
    let stranger = Ca::root(ca_params("b")).leaf(&leaf_params(URI));
    for authorities in [vec![empty(), full()], vec![full(), empty()]] {
        let ring = CertificateRing::new(authorities, index(vec![("a", uri(URI))]));
        assert_eq!(ask(&ring, &expired), Err(CertificateError::Expired));
        assert_eq!(ask(&ring, &stranger), Err(CertificateError::NoAnchors));
        assert_eq!(
            ask(&ring, &root.leaf(&leaf_params(URI))),
            Ok("a".to_owned())
        );
    }
}

#[test]
fn a_new_configuration_begins_with_the_lists_of_authorities_of_the_same_name() {
    const URL: &str = "http://crl.example.com/root.crl";
    let root = Ca::root(ca_params("root"));
    let fetching = || {
        let source = CrlSource {
            mode: CrlMode::Required,
            files: Vec::new(),
            urls: vec![URL.parse().expect("a URL")],
            distribution_hosts: Vec::new(),
            refresh: Duration::from_secs(60),
        };
        let lists = Revocation::new(source).expect("no files");
        let authority = with_anchors(
            vec![root.der.clone()],
            ExtendedKeyUsage::ClientAuth,
            5,
            lists,
        );
        CertificateRing::new(vec![authority], index(vec![("a", uri(URI))]))
    };
    let leaf = root.leaf(&leaf_params(URI));
    let old = fetching();
    let lists = old.authorities()[0].revocation();
    lists.take(URL, &root.crl(1, &[8], 2040)).expect("taken");
    let new = fetching();
    assert_eq!(ask(&new, &leaf), Err(CertificateError::RevocationUnknown));
    new.adopt(&old);
    assert_eq!(ask(&new, &leaf), Ok("a".to_owned()), "not the old verdict");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_certificate_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        thread_local! {
            static ROOT: Ca = Ca::root(ca_params("root"));
        }
        ROOT.with(|root| {
            let ring = ring(root, index(vec![("a", uri(URI))]));
            let leaf = root.leaf(&leaf_params(URI));
            let mut broken = leaf.to_vec();
            let at = at.index(broken.len());
            let is_same = broken[at] == byte;
            broken[at] = byte;
            let answer = ask(&ring, &broken.clone().into());
            assert!(is_same || answer.is_err(), "a changed byte was accepted");
            broken.truncate(cut.index(broken.len()));
            assert!(ask(&ring, &broken.into()).is_err());
        });
    }
}
