//! Issuers with several lists: partitions and deltas. All of them count, in whatever order they come.

use tollgate_integration::stack::poll_for;

use super::points::{serve_later, serve_on};
use super::{IDENTITY, Pki, assert_refused, chat, stack, until_refused};
use crate::pki::{SERIAL, openssl_delta, openssl_pki};
use crate::support::{metric, send};

const A: &str = "http://crl.example.com/a.crl";
const B: &str = "http://crl.example.com/b.crl";

#[tokio::test]
async fn a_revoked_leaf_without_distribution_points_is_denied_whichever_list_comes_first() {
    let pki = Pki::new();
    let (revoked, good) = (
        pki.leaf(|_| {}),
        pki.leaf(|it| it.serial_number = Some(99_u64.into())),
    );
    let (root, sub) = (pki.root.crl(1, &[], 2049), &pki.sub);
    let other = sub.partition(A, 1, &[]);
    let (whole, named) = (sub.crl(1, &[SERIAL], 2049), sub.partition(B, 1, &[SERIAL]));
    let (unknown, listed) = ("certificate_revocation_unknown", "certificate_revoked");
    for (what, first, second, reason, good_status) in [
        ("the other partition first", &other, &whole, listed, 200),
        ("the other partition last", &whole, &other, listed, 200),
        ("on a partition, which is last", &other, &named, listed, 401),
        (
            "on a partition, which is first",
            &named,
            &other,
            listed,
            401,
        ),
        ("the other partition alone", &other, &other, unknown, 401),
    ] {
        for (name, list) in [("1.pem", first), ("2.pem", second)] {
            std::fs::write(pki.path().join(name), list).expect("written");
        }
        std::fs::write(pki.path().join("root.crl"), &root).expect("written");
        let file = |name: &str| pki.path().join(name).display().to_string();
        let revocation = format!(
            "{{ crl: required, files: [\"{}\", \"{}\", \"{}\"] }}",
            file("1.pem"),
            file("2.pem"),
            file("root.crl"),
        );
        let stack = stack(&pki.authority(&revocation), IDENTITY).await;
        assert_refused(&stack, &revoked, reason, what).await;
        let response = send(chat(&stack, &good)).await;
        assert_eq!(response.status(), good_status, "{what}: a good leaf");
    }
}

#[tokio::test]
async fn a_list_that_another_clients_certificate_brings_in_changes_no_verdict() {
    let pki = Pki::new();
    let (listener, port) = serve_later().await;
    let address = format!("http://127.0.0.1:{port}/a.crl");
    let whole = pki.root.crl(1, &[], 2049) + &pki.sub.crl(1, &[SERIAL], 2049);
    // It sorts before the address of the partition, and after it.
    for name in ["a.pem", "z.pem"] {
        std::fs::write(pki.path().join(name), &whole).expect("written");
    }
    let partition = pki.sub.partition(&address, 9, &[]).into_bytes();
    let _ = serve_on(listener, vec![("/a.crl", partition)]);
    let (revoked, good) = (
        pki.leaf(|_| {}),
        pki.leaf(|it| it.serial_number = Some(99_u64.into())),
    );
    let other = pki.leaf(|it| {
        let uris = vec![address.clone()];
        it.serial_number = Some(98_u64.into());
        it.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris }];
    });
    for name in ["a.pem", "z.pem"] {
        let revocation = format!(
            "{{ crl: required, files: [\"{}\"], distribution_hosts: [\"127.0.0.1:{port}\"] }}",
            pki.path().join(name).display()
        );
        let stack = stack(&pki.authority(&revocation), IDENTITY).await;
        let judge = async |when: &str| {
            assert_refused(&stack, &revoked, "certificate_revoked", when).await;
            let response = send(chat(&stack, &good)).await;
            assert_eq!(response.status(), 200, "{when}: a good leaf");
        };
        judge("before").await;
        let fetched = async || metric(&stack, "tollgate_crl_refreshes_total", &["success"]).await;
        let before = fetched().await;
        let response = send(chat(&stack, &other)).await;
        assert_eq!(response.status(), 200, "the whole list speaks of it too");
        // The file is read again, and the partition is fetched.
        let both = async || (fetched().await >= before + 2.0).then_some(());
        poll_for("the other partition", both)
            .await
            .expect("fetched");
        judge("after").await;
    }
}

#[tokio::test]
async fn a_delta_that_the_list_points_at_revokes() {
    let files = tempfile::tempdir().expect("a directory");
    let certified = openssl_pki(files.path(), "ec -pkeyopt ec_paramgen_curve:P-256");
    let (listener, port) = serve_later().await;
    let delta = openssl_delta(
        files.path(),
        &format!("http://127.0.0.1:{port}/sub-delta.crl"),
    );
    let file = |name: &str| files.path().join(name).display().to_string();
    let authority = format!(
        "{{ name: devices, trust: [\"{}\"], revocation: {{ crl: required, files: [\"{}\", \"{}\"], distribution_hosts: [\"127.0.0.1:{port}\"], refresh: 100ms }} }}",
        file("root.pem"),
        file("root.crl"),
        file("sub.crl")
    );
    let identity = "{ authority: devices, subject: \"CN=device,O=Acme\" }";
    let stack = stack(&authority, identity).await;
    let response = send(chat(&stack, &certified)).await;
    assert_eq!(response.status(), 200, "the complete list has nothing");
    let _ = serve_on(listener, vec![("/sub-delta.crl", delta)]);
    until_refused(&stack, &certified).await;
    assert_refused(&stack, &certified, "certificate_revoked", "on the delta").await;
}
