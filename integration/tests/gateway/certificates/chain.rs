//! What is wrong with a chain, and the reason that an operator learns.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    NameConstraints, SanType, date_time_ymd,
};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, wait_for};

use super::{IDENTITY, Pki, assert_refused, chat, stack, with};
use crate::pki::{
    Ca, Certified, FACTORY, ca_params, leaf_params, openssl_ask, openssl_pki, self_signed,
};
use crate::support::{assert_backend_untouched, hello, refusal_line, send};

#[tokio::test]
async fn weak_keys_made_by_openssl_are_refused() {
    let mut judged = 0;
    for key in [
        "rsa:1024",
        "rsa:2044",
        "ec -pkeyopt ec_paramgen_curve:secp256k1",
    ] {
        let files = tempfile::tempdir().expect("a directory");
        openssl_pki(files.path(), key);
        let root = files.path().join("root.pem");
        let authority = format!(
            "{{ name: devices, trust: [\"{}\"], revocation: {{ crl: off }} }}",
            root.display()
        );
        let stack = stack(&authority, IDENTITY).await;
        let body = hello().to_string();
        let request = format!(
            "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = openssl_ask(files.path(), &stack.envoy.address().to_string(), &request).await;
        // Envoy ends the handshake for some of them; what it lets through, we refuse.
        assert!(!answer.contains(" 200 "), "{key}: {answer}");
        if answer.contains(" 401 ") {
            let reason = refusal_line(&stack).await["reason"].clone();
            // For some OpenSSL itself finds no way to sign, and goes on without the certificate.
            judged += usize::from(reason == "certificate_algorithm");
            let is_good = reason == "certificate_algorithm" || reason == "credential_missing";
            assert!(is_good, "{key}: {reason}");
        }
        assert_backend_untouched(&stack);
    }
    assert!(judged > 0, "no weak key came as far as tollgate");
}

#[tokio::test]
async fn every_bad_certificate_is_refused_with_its_reason() {
    let pki = Pki::new();
    let stack = stack(&pki.authority("{ crl: off }"), IDENTITY).await;
    let below = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = ca_params("another sub");
        change(&mut params);
        let sub = pki.root.intermediate(params);
        sub.leaf(&leaf_params(FACTORY), &[&sub.pem])
    };
    let impostor = Ca::root(ca_params("root"));
    let fake_sub = impostor.intermediate(ca_params("sub"));
    let fake = fake_sub.leaf(&leaf_params(FACTORY), &[&fake_sub.pem, &impostor.pem]);
    let deep = {
        let middle = pki.root.intermediate({
            let mut params = ca_params("short");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params
        });
        let last = middle.intermediate(ca_params("last"));
        last.leaf(&leaf_params(FACTORY), &[&last.pem, &middle.pem])
    };
    let no_intermediate = pki.sub.leaf(&leaf_params(FACTORY), &[]);
    let cases: Vec<(&str, Certified, &str)> = vec![
        (
            "expired",
            pki.leaf(|it| it.not_after = date_time_ymd(2025, 1, 1)),
            "certificate_expired",
        ),
        (
            "not yet valid",
            pki.leaf(|it| it.not_before = date_time_ymd(2048, 1, 1)),
            "certificate_not_yet_valid",
        ),
        (
            "for servers",
            pki.leaf(|it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            "certificate_extended_key_usage",
        ),
        (
            "for nothing",
            pki.leaf(|it| it.extended_key_usages = Vec::new()),
            "certificate_extended_key_usage",
        ),
        (
            "an authority as a leaf",
            pki.leaf(|it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "certificate_of_authority",
        ),
        ("path length", deep, "certificate_path_length"),
        (
            "name constraints",
            below(&|it| {
                it.name_constraints = Some(NameConstraints {
                    permitted_subtrees: vec![GeneralSubtree::Rfc822Name("acme.com".to_owned())],
                    excluded_subtrees: Vec::new(),
                })
            }),
            "certificate_unsupported_constraint",
        ),
        (
            "an expired intermediate",
            below(&|it| it.not_after = date_time_ymd(2025, 1, 1)),
            "certificate_expired",
        ),
        (
            "an issuer that is not a CA",
            below(&|it| it.is_ca = IsCa::ExplicitNoCa),
            "certificate_issuer_no_authority",
        ),
        (
            "an issuer that may not sign",
            below(&|it| it.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature]),
            "certificate_key_usage",
        ),
        (
            "another issuer of the same name",
            fake,
            "certificate_untrusted",
        ),
        ("no intermediate", no_intermediate, "certificate_untrusted"),
        (
            "self-signed",
            self_signed(&leaf_params(FACTORY)),
            "certificate_untrusted",
        ),
        (
            "nobody's",
            pki.leaf(|it| {
                it.subject_alt_names = vec![SanType::URI(
                    "spiffe://acme/factory/8".try_into().expect("ASCII"),
                )]
            }),
            "certificate_unknown_client",
        ),
    ];
    for (what, certified, reason) in cases {
        assert_refused(&stack, &certified, reason, what).await;
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_missing_authority_or_list_is_no_start() {
    let pki = Pki::new();
    let missing = pki
        .authority("{ crl: off }")
        .replace("root.pem", "gone.pem");
    let no_list = pki.required();
    let unsaid = pki.authority("{ crl: required }");
    for authority in [missing, no_list, unsaid] {
        let options = Options::default().mtls();
        let started =
            Stack::try_start(options.edit_config(move |yaml| with(&yaml, &authority, IDENTITY)));
        assert!(started.await.is_err(), "it started");
    }
}

#[tokio::test]
async fn a_replaced_trust_anchor_is_in_force_without_a_restart() {
    let (old, new) = (Pki::new(), Pki::new());
    let stack = stack(&old.authority("{ crl: off }"), IDENTITY).await;
    let (by_old, by_new) = (old.leaf(|_| {}), new.leaf(|_| {}));
    assert_eq!(send(chat(&stack, &by_old)).await.status(), 200);
    assert_refused(&stack, &by_new, "certificate_untrusted", "not yet").await;
    let file = old.path().join("root.pem");
    let replaced = old.path().join("replaced.pem");
    std::fs::write(&replaced, &new.root.pem).expect("written");
    std::fs::rename(replaced, file).expect("renamed");
    wait_for("the new anchor", async || {
        let answer = send(chat(&stack, &by_new)).await;
        (answer.status() == 200).then_some(())
    })
    .await;
    assert_refused(&stack, &by_old, "certificate_untrusted", "not any more").await;
}
