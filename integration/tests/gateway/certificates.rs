//! Client certificates, through the TLS of the real Envoy.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    NameConstraints, SanType, date_time_ymd,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_integration::stack::{CHAT_PATH, EnvoyConfig, Options, Stack, poll_for};

use crate::pki::{
    Ca, Certified, FACTORY, SERIAL, ca_params, leaf_params, openssl_ask, openssl_pki,
    openssl_revoke, self_signed,
};
use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, metric, refusal_line, refused, send,
    settled, usage_line,
};

const IDENTITY: &str = "{ authority: devices, uri_san: \"spiffe://acme/factory/7\" }";

/// tollgate.yaml with an authority and the client `factory-7`.
fn with(yaml: &str, authority: &str, identity: &str) -> String {
    let authority = match authority {
        "" => String::new(),
        it => format!("certificate_authorities:\n  - {it}\n"),
    };
    let client = format!(
        "{authority}clients:\n  - id: factory-7\n    credentials: [ {{ certificate: {identity} }} ]\n    products: [standard]\n"
    );
    yaml.replacen(
        "\"127.0.0.1:0\" }",
        "\"127.0.0.1:0\", client_certificates: xfcc }",
        1,
    )
    .replacen("clients:\n", &client, 1)
}

/// A stack that accepts certificates of an authority.
async fn stack(authority: &str, identity: &str) -> Stack {
    let (authority, identity) = (authority.to_owned(), identity.to_owned());
    let options = Options::default().mtls();
    Stack::start(options.edit_config(move |yaml| with(&yaml, &authority, &identity))).await
}

/// Root, intermediate, and where their files are.
struct Pki {
    files: TempDir,
    root: Ca,
    sub: Ca,
}

impl Pki {
    fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let root = Ca::root(ca_params("root"));
        let sub = root.intermediate(ca_params("sub"));
        std::fs::write(files.path().join("root.pem"), &root.pem).expect("written");
        Self { files, root, sub }
    }

    fn path(&self) -> &Path {
        self.files.path()
    }

    fn authority(&self, revocation: &str) -> String {
        let root = self.path().join("root.pem");
        format!(
            "{{ name: devices, trust: [\"{}\"], revocation: {revocation} }}",
            root.display()
        )
    }

    fn leaf(&self, change: impl Fn(&mut CertificateParams)) -> Certified {
        let mut params = leaf_params(FACTORY);
        change(&mut params);
        self.sub.leaf(&params, &[&self.sub.pem])
    }

    /// Writes the lists of both issuers, the one of `sub` with these serial numbers.
    fn write_lists(&self, number: u64, revoked: &[u64]) {
        let lists = self.root.crl(number, &[], 2049) + &self.sub.crl(number, revoked, 2049);
        let new = self.path().join("new");
        std::fs::write(&new, lists).expect("written");
        std::fs::rename(new, self.path().join("lists.pem")).expect("renamed");
    }

    fn required(&self) -> String {
        let lists = self.path().join("lists.pem");
        self.authority(&format!(
            "{{ crl: required, files: [\"{}\"], refresh: 100ms }}",
            lists.display()
        ))
    }
}

fn chat(stack: &Stack, certified: &Certified) -> reqwest::RequestBuilder {
    let client = stack
        .callers
        .with_certificate(&certified.chain, &certified.key);
    let client = client.expect("a client with a certificate");
    client.post(stack.callers.url(CHAT_PATH)).json(&hello())
}

/// Asserts that a certificate is refused, and why.
async fn assert_refused(stack: &Stack, certified: &Certified, reason: &str, what: &str) {
    let label = format!("reason=\"{reason}\"");
    let before = metric(stack, "tollgate_decisions_total", &[&label]).await;
    let (status, code) = refused(chat(stack, certified)).await;
    assert_eq!(
        (status, code.as_str()),
        (401, "invalid_certificate"),
        "{what}"
    );
    let after = metric(stack, "tollgate_decisions_total", &[&label]).await;
    let metrics = stack.tollgate().metrics().await.expect("metrics");
    let seen: Vec<_> = metrics
        .lines()
        .filter(|line| line.contains("\"deny\""))
        .collect();
    assert_eq!(
        after,
        before + 1.0,
        "{what}: not counted as {reason}: {seen:#?}"
    );
}

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
    }
}

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

/// Waits until a change of the lists has come through.
async fn until_refused(stack: &Stack, certified: &Certified) {
    let status = async || {
        let response = send(chat(stack, certified)).await;
        (response.status() == 401).then_some(())
    };
    poll_for("the revocation", status).await.expect("refused");
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
            "an issuer that is no authority",
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
async fn a_header_that_a_caller_writes_means_nothing() {
    let pki = Pki::new();
    let good = pki.leaf(|_| {});
    let encoded = good
        .chain
        .replace('\n', "%0A")
        .replace('+', "%2B")
        .replace('=', "%3D");
    let header = format!("Chain=\"{encoded}\"");
    let stack = stack(&pki.authority("{ crl: off }"), IDENTITY).await;
    let ask = |client: &reqwest::Client, stack: &Stack| {
        client
            .post(stack.callers.url(CHAT_PATH))
            .header("x-forwarded-client-cert", &header)
            .json(&hello())
    };
    let got = refused(ask(stack.callers.http1(), &stack)).await;
    assert_eq!(
        got,
        (401, "missing_credential".to_owned()),
        "without a certificate"
    );
    let stranger = self_signed(&leaf_params(FACTORY));
    let stranger = stack
        .callers
        .with_certificate(&stranger.chain, &stranger.key)
        .expect("a client");
    let got = refused(ask(&stranger, &stack)).await;
    assert_eq!(
        got,
        (401, "invalid_certificate".to_owned()),
        "beside one of its own"
    );
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_listener_that_does_not_sanitise_is_not_believed() {
    let pki = Pki::new();
    let good = pki.leaf(|_| {});
    let encoded = good
        .chain
        .replace('\n', "%0A")
        .replace('+', "%2B")
        .replace('=', "%3D");
    let authority = pki.authority("{ crl: off }");
    let options = Options::default()
        .mtls()
        .edit_envoy(EnvoyConfig::plaintext_listener);
    let options = options.edit_config(move |yaml| with(&yaml, &authority, IDENTITY));
    let stack = Stack::start(options).await;
    let url = format!("http://{}{CHAT_PATH}", stack.envoy.address());
    let request = reqwest::Client::new().post(url).json(&hello());
    let request = request.header("x-forwarded-client-cert", format!("Cert=\"{encoded}\""));
    let got = refused(request).await;
    assert!(got.0 == 400 || got.0 == 401, "{got:?}");
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_key_beside_a_certificate_is_ambiguous_and_alone_it_is_good() {
    let pki = Pki::new();
    let stack = stack(&pki.authority("{ crl: off }"), IDENTITY).await;
    for certified in [
        pki.leaf(|_| {}),
        self_signed(&leaf_params("spiffe://other")),
    ] {
        let request = chat(&stack, &certified).header("api-key", stack.key.text());
        let got = refused(request).await;
        assert_eq!(got, (400, "ambiguous_credential".to_owned()));
    }
    let response = send(stack.chat(&hello())).await;
    assert_eq!(response.status(), 200, "a key without a certificate");
}

#[tokio::test]
async fn where_certificates_are_not_accepted_they_are_no_credential() {
    let pki = Pki::new();
    let stack = Stack::start(Options::default().mtls()).await;
    let good = pki.leaf(|_| {});
    let got = refused(chat(&stack, &good)).await;
    assert_eq!(got, (401, "missing_credential".to_owned()));
    let response = send(chat(&stack, &good).header("api-key", stack.key.text())).await;
    assert_eq!(response.status(), 200);
    settled(&stack, 1).await;
    assert_no_violations(&stack);
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

fn pem_bytes(pem: &str) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes())
        .expect("PEM")
        .to_vec()
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
        "the list that is held is good"
    );
    pki.write_lists(6, &[SERIAL]);
    until_refused(&stack, &good).await;
    let before = failures().await;
    pki.write_lists(5, &[]);
    until_failed(before).await;
    assert_refused(&stack, &good, "certificate_revoked", "an older list").await;
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

/// Serves the same bytes to whoever comes, and counts them.
async fn serve(lists: Vec<(&'static str, Vec<u8>)>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let found = lists.iter().find(|(name, _)| *name == path);
            let (status, body) = found.map_or(("404 Not Found", Vec::new()), |(_, body)| {
                ("200 OK", body.clone())
            });
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.into_bytes(), body].concat()).await;
        }
    });
    (port, count)
}

#[tokio::test]
async fn lists_are_fetched_from_allowed_distribution_points_only() {
    let pki = Pki::new();
    let (elsewhere, strangers) = serve(Vec::new()).await;
    let lists = vec![
        ("/root.crl", pki.root.crl(1, &[], 2049).into_bytes()),
        ("/sub.crl", pki.sub.crl(1, &[9], 2049).into_bytes()),
    ];
    let (port, _) = serve(lists).await;
    let point = |port: u16, name: &str| rcgen::CrlDistributionPoint {
        uris: vec![format!("http://127.0.0.1:{port}/{name}")],
    };
    let revocation = format!(
        "{{ crl: required, distribution_hosts: [\"127.0.0.1:{port}\"], urls: [\"http://127.0.0.1:{port}/root.crl\"], refresh: 200ms }}"
    );
    let stack = stack(&pki.authority(&revocation), IDENTITY).await;
    let foreign = pki.leaf(|it| it.crl_distribution_points = vec![point(elsewhere, "sub.crl")]);
    assert_refused(
        &stack,
        &foreign,
        "certificate_revocation_unknown",
        "a point elsewhere",
    )
    .await;
    let good = pki.leaf(|it| it.crl_distribution_points = vec![point(port, "sub.crl")]);
    let served = async || (send(chat(&stack, &good)).await.status() == 200).then_some(());
    poll_for("the list of the distribution point", served)
        .await
        .expect("fetched");
    let revoked = pki.leaf(|it| {
        it.serial_number = Some(9_u64.into());
        it.crl_distribution_points = vec![point(port, "sub.crl")];
    });
    assert_refused(
        &stack,
        &revoked,
        "certificate_revoked",
        "on the list that was fetched",
    )
    .await;
    assert_eq!(
        strangers.load(Ordering::Relaxed),
        0,
        "another host was asked"
    );
}
