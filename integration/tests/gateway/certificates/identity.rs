//! Whose a good certificate is.

use rcgen::SanType;
use sha2::{Digest, Sha256};

use super::{IDENTITY, Pki, assert_refused, chat, pem_bytes, stack};
use crate::pki::{Ca, FACTORY, ca_params, leaf_params, self_signed};
use crate::support::{assert_no_violations, metric, refused, send, settled, usage_line};

#[tokio::test]
async fn a_chain_of_three_is_accepted_and_its_client_is_named() {
    let pki = Pki::new();
    let stack = stack(&pki.authority("{ crl: off }"), IDENTITY).await;
    let response = send(chat(&stack, &pki.leaf(|_| {}))).await;
    assert_eq!(response.status(), 200, "{:?}", response.text().await);
    let line = usage_line(&stack).await;
    assert_eq!(line["client"], "factory-7");
    assert_eq!(line["credential"], "certificate");
    assert_eq!(line["user"], FACTORY);
    let ends = metric(
        &stack,
        "tollgate_client_certificate_expiry_timestamp_seconds",
        &["factory-7"],
    )
    .await;
    assert!(ends > 2e9, "{ends}");
    let ends = metric(
        &stack,
        "tollgate_certificate_authority_expiry_timestamp_seconds",
        &["devices"],
    )
    .await;
    assert!(ends > 2e9, "{ends}");
    settled(&stack, 1).await;
    assert_no_violations(&stack);
}

#[tokio::test]
async fn names_are_compared_exactly() {
    let pki = Pki::new();
    let identity = "{ authority: devices, dns_san: a.example.com }";
    let stack = stack(&pki.authority("{ crl: off }"), identity).await;
    let named = |name: &str| {
        pki.leaf(|it| {
            it.subject_alt_names = vec![SanType::DnsName(name.try_into().expect("ASCII"))]
        })
    };
    let response = send(chat(&stack, &named("a.example.com"))).await;
    assert_eq!(response.status(), 200);
    for name in [
        "*.example.com",
        "A.example.com",
        "a.example.com.",
        "a.example.com\0.evil.org",
    ] {
        let (status, _) = refused(chat(&stack, &named(name))).await;
        assert_eq!(status, 401, "{name:?}");
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_its_clients_and_signs_for_nobody() {
    let partner = Ca::root(ca_params("partner"));
    let own = self_signed(&leaf_params("spiffe://partner"));
    let der = pem_bytes(&own.chain);
    let identity = format!(
        "{{ pinned_sha256: \"{}\" }}",
        hex::encode(Sha256::digest(der))
    );
    let stack = stack("", &identity).await;
    assert_eq!(send(chat(&stack, &own)).await.status(), 200);
    let signed = partner.leaf(&leaf_params(FACTORY), &[&own.chain]);
    assert_refused(
        &stack,
        &signed,
        "certificate_untrusted",
        "with the pin in its chain",
    )
    .await;
}
