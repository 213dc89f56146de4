//! Certificates that are taken back: on open connections, on resumed sessions, by lists that are odd.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_integration::stack::{CHAT_PATH, poll_for};

use super::{IDENTITY, Pki, assert_refused, chat, stack, until_refused};
use crate::pki::{Ca, SERIAL, ca_params, openssl_pki, openssl_revoke};
use crate::support::{hello, metric, refused_for, send};

#[tokio::test]
async fn a_chain_made_by_openssl_is_accepted_until_openssl_revokes_it() {
    for key in ["ec -pkeyopt ec_paramgen_curve:P-384", "rsa:3072"] {
        let files = tempfile::tempdir().expect("a directory");
        let certified = openssl_pki(files.path(), key);
        let file = |name: &str| files.path().join(name).display().to_string();
        let authority = format!(
            "{{ name: devices, trust: [\"{}\"], revocation: {{ crl: required, files: [\"{}\", \"{}\"], refresh: 100ms }} }}",
            file("root.pem"),
            file("root.crl"),
            file("sub.crl")
        );
        let identity = "{ authority: devices, subject: \"CN=device,O=Acme\", issuer_subject: \"CN=sub,O=Acme\", serial: \"2002\" }";
        let stack = stack(&authority, identity).await;
        let response = send(chat(&stack, &certified)).await;
        assert_eq!(response.status(), 200, "{key}: {:?}", response.text().await);
        openssl_revoke(files.path());
        until_refused(&stack, &certified).await;
        assert_refused(&stack, &certified, "certificate_revoked", key).await;
        let line = refused_for(&stack, "certificate_revoked").await;
        let named = (&line["subject"], &line["serial"]);
        assert_eq!(
            named,
            (&"CN=device,O=Acme".into(), &"2002".into()),
            "{line}"
        );
    }
}

/// One request on a connection that stays open; gives its status.
async fn ask_on(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> u16 {
    let body = hello().to_string();
    let request = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse::<usize>()
                    .ok()
            });
            let is_whole =
                length.map_or(body.ends_with("0\r\n\r\n"), |length| body.len() >= length);
            if is_whole {
                return head
                    .split(' ')
                    .nth(1)
                    .and_then(|it| it.parse().ok())
                    .expect("a status");
            }
        }
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.expect("an answer");
        assert!(count > 0, "the connection ended: {text}");
        answer.extend_from_slice(&part[..count]);
    }
}

#[tokio::test]
async fn a_certificate_that_is_revoked_is_denied_on_the_connection_that_it_has_open() {
    let pki = Pki::new();
    pki.write_lists(1, &[]);
    let stack = stack(&pki.required(), IDENTITY).await;
    let good = pki.leaf(|_| {});
    let tls = stack
        .callers
        .tls_with_certificate(&good.chain, &good.key)
        .expect("a client");
    let mut stream = stack.callers.connect_as(&tls).await.expect("connected");
    assert_eq!(ask_on(&mut stream).await, 200);
    pki.write_lists(2, &[SERIAL]);
    until_refused(&stack, &good).await;
    assert_eq!(ask_on(&mut stream).await, 401, "on the same connection");
    assert_refused(&stack, &good, "certificate_revoked", "a new one").await;
}

#[tokio::test]
async fn a_resumed_session_does_not_bring_back_a_revoked_certificate() {
    let pki = Pki::new();
    pki.write_lists(1, &[]);
    let stack = stack(&pki.required(), IDENTITY).await;
    let good = pki.leaf(|_| {});
    let tls = stack
        .callers
        .tls_with_certificate(&good.chain, &good.key)
        .expect("a client");
    let mut first = stack.callers.connect_as(&tls).await.expect("connected");
    assert_eq!(ask_on(&mut first).await, 200);
    drop(first);
    let mut resumed = stack.callers.connect_as(&tls).await.expect("connected");
    assert_eq!(
        ask_on(&mut resumed).await,
        200,
        "a resumed session has its certificate"
    );
    let kind = resumed.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(rustls::HandshakeKind::Resumed));
    drop(resumed);
    pki.write_lists(2, &[SERIAL]);
    until_refused(&stack, &good).await;
    let mut resumed = stack.callers.connect_as(&tls).await.expect("connected");
    assert_eq!(ask_on(&mut resumed).await, 401);
    let kind = resumed.get_ref().1.handshake_kind();
    assert_eq!(
        kind,
        Some(rustls::HandshakeKind::Resumed),
        "the session was resumed"
    );
}

#[tokio::test]
async fn without_a_good_list_the_answer_is_no_unless_the_authority_is_soft() {
    let pki = Pki::new();
    let good = pki.leaf(|_| {});
    let (root, sub) = (pki.root.crl(1, &[], 2049), &pki.sub);
    let other = Ca::root(ca_params("sub"));
    let lists = [
        (
            "of another issuer",
            Ca::root(ca_params("x")).crl(1, &[], 2049),
            "certificate_revocation_unknown",
            200,
        ),
        (
            "expired",
            sub.crl(1, &[], 2025),
            "certificate_crl_expired",
            200,
        ),
        (
            "signed by another key",
            other.crl(1, &[], 2049),
            "certificate_crl_untrusted",
            401,
        ),
    ];
    let file = pki.path().join("lists.pem");
    for (what, list, reason, soft) in lists {
        std::fs::write(&file, format!("{root}{list}")).expect("written");
        let required = stack(&pki.required(), IDENTITY).await;
        assert_refused(&required, &good, reason, what).await;
        let softly = pki.required().replace("required", "soft");
        let response = send(chat(&stack(&softly, IDENTITY).await, &good)).await;
        assert_eq!(response.status(), soft, "{what}, softly");
    }
}

#[tokio::test]
async fn a_list_that_is_none_changes_nothing_and_an_older_one_brings_nothing_back() {
    let pki = Pki::new();
    pki.write_lists(5, &[]);
    let stack = stack(&pki.required(), IDENTITY).await;
    let good = pki.leaf(|_| {});
    assert_eq!(send(chat(&stack, &good)).await.status(), 200);
    let failures = async || metric(&stack, "tollgate_crl_refreshes_total", &["failure"]).await;
    let until_failed = async |before: f64| {
        let failed = async || (failures().await > before).then_some(());
        poll_for("a list that is refused", failed)
            .await
            .expect("refused");
    };
    std::fs::write(
        pki.path().join("lists.pem"),
        b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
    )
    .expect("written");
    until_failed(0.0).await;
    assert_eq!(
        send(chat(&stack, &good)).await.status(),
        200,
        "the current list is good"
    );
    pki.write_lists(6, &[SERIAL]);
    until_refused(&stack, &good).await;
    let before = failures().await;
    pki.write_lists(5, &[]);
    until_failed(before).await;
    assert_refused(&stack, &good, "certificate_revoked", "an older list").await;
}
