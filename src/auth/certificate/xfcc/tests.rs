use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::super::testing::{pem, url_encode as encode};
use super::*;

fn element(chain: &[&[u8]]) -> String {
    let all: String = chain.iter().map(|der| pem(der)).collect();
    let hash = hex::encode(Sha256::digest(chain[0]));
    format!(
        "Hash={hash};Cert=\"{}\";Chain=\"{}\";Subject=\"CN=a\\\"b,O=c;d\";URI=spiffe://acme/7;DNS=x",
        encode(&pem(chain[0])),
        encode(&all)
    )
}

#[test]
fn what_envoy_writes_is_read() {
    let read = parse(element(&[b"leaf", b"intermediate", b"root"]).as_bytes()).expect("good");
    let chain: Vec<&[u8]> = read.chain.iter().map(AsRef::as_ref).collect();
    assert_eq!(chain, [b"leaf".as_slice(), b"intermediate", b"root"]);
    assert_eq!(read.hash, Some(Sha256::digest(b"leaf").into()));
}

#[test]
fn a_chain_or_a_certificate_alone_is_enough_and_keys_have_no_case() {
    let encoded = encode(&pem(b"leaf"));
    for header in [
        format!("cert=\"{encoded}\""),
        format!("CHAIN=\"{encoded}\""),
        format!("By=a;Cert={encoded}"),
    ] {
        assert_eq!(
            parse(header.as_bytes()).expect("good").chain.len(),
            1,
            "{header}"
        );
    }
}

#[test]
fn what_is_no_single_good_element_is_refused() {
    let (good, encoded) = (element(&[b"leaf"]), encode(&pem(b"leaf")));
    let other = encode(&pem(b"other"));
    for header in [
        String::new(),
        ";".to_owned(),
        "=".to_owned(),
        "Subject=\"\"".to_owned(),
        format!("{good},{good}"),
        format!("{good},"),
        format!("{good};"),
        format!("Cert=\"{encoded}"),
        format!("Cert=\"{encoded}\\"),
        format!("Cert=\"{encoded}\"x"),
        format!("Cert=\"{encoded}\";Cert=\"{encoded}\""),
        format!("Cert=\"{encoded}\";Chain=\"{other}\""),
        format!("Cert=\"{encoded}{encoded}\""),
        format!("Hash=00;Cert=\"{encoded}\""),
        format!("Hash={};Cert=\"{encoded}\"", "z".repeat(64)),
        "Cert=\"%\"".to_owned(),
        "Cert=\"%2\"".to_owned(),
        "Cert=\"%GG\"".to_owned(),
        "Cert=\"nothing\"".to_owned(),
        format!(
            "Cert=\"{}\"",
            encode("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n")
        ),
        "a=b;".repeat(200) + "a=b",
    ] {
        assert_eq!(
            parse(header.as_bytes()),
            Err(CertificateError::Malformed),
            "{header:.80}"
        );
    }
    assert_eq!(parse(b"Cert=\xff"), Err(CertificateError::Malformed));
}

#[test]
fn size_and_number_are_bounded() {
    let long = vec![b'a'; MAX_HEADER_BYTES + 1];
    assert_eq!(parse(&long), Err(CertificateError::TooLarge));
    let chain = [b"c".as_slice(); MAX_CERTIFICATES + 1];
    assert_eq!(
        parse(element(&chain).as_bytes()),
        Err(CertificateError::TooLarge)
    );
    assert!(parse(element(&chain[1..]).as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_text_of_the_grammars_letters_panics(text in "(Cert|Chain|Hash|[=;,\"\\\\%]|[0-9A-F]|-----BEGIN CERTIFICATE-----|\n){0,40}") {
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn a_chain_survives_the_way_there(chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..=8)) {
        let ders: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let read = parse(element(&ders).as_bytes()).expect("good");
        let read: Vec<Vec<u8>> = read.chain.iter().map(|der| der.to_vec()).collect();
        prop_assert_eq!(read, chain);
    }

    #[test]
    fn a_broken_byte_is_refused_or_changes_nothing_but_what_it_says(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut header = element(&[b"leaf", b"issuer"]).into_bytes();
        let at = at.index(header.len());
        header[at] = byte;
        let _ = parse(&header);
    }
}
