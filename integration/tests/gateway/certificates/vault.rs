//! Trust anchors in Azure Key Vault, while the service runs.

use tollgate_integration::fakes::certificates::CertificateAuthority;
use tollgate_integration::fakes::identity::IdentityOptions;
use tollgate_integration::fakes::key_vault::{Answer, FakeKeyVault};
use tollgate_integration::fakes::server::Listen;
use tollgate_integration::stack::{Options, Stack, poll_for};

use super::{IDENTITY, Pki, assert_refused, chat, pem_bytes, with};
use crate::pki::{Certified, FACTORY, ca_params, leaf_params};
use crate::support::{hello, metric, send};

const CERTIFICATE: &str = "/certificates/corp-root";

/// A vault behind TLS, with the file of the authority that signed its certificate.
struct Vault {
    fake: FakeKeyVault,
    identity: IdentityOptions,
    files: tempfile::TempDir,
}

impl Vault {
    async fn start() -> Self {
        let authority = CertificateAuthority::new("vault").expect("an authority");
        let server = authority.server(&["127.0.0.1"]).expect("a certificate");
        let files = tempfile::tempdir().expect("a directory");
        let path = files.path().join("vault-ca.pem");
        std::fs::write(path, authority.certificate_pem()).expect("written");
        let listen = Listen {
            tls: Some(server.server_config().expect("TLS")),
            ..Listen::default()
        };
        let identity = IdentityOptions::default();
        let fake = FakeKeyVault::start(listen, identity.token_secret.clone());
        Self {
            fake: fake.await.expect("the fake vault listens"),
            identity,
            files,
        }
    }

    /// An authority whose anchors are an object of this vault.
    fn authority(&self, object: &str) -> String {
        let (at, ca) = (self.fake.addr, self.files.path().join("vault-ca.pem"));
        format!(
            "{{ name: devices, trust: [ {{ key_vault: {{ vault: \"https://{at}\", {object}, refresh: 100ms, allow_hosts: [\"{at}\"], ca_file: \"{}\" }} }} ], revocation: {{ crl: off }} }}",
            ca.display()
        )
    }

    async fn stack(&self, object: &str) -> Stack {
        let authority = self.authority(object);
        let options = Options::default().mtls().identity(self.identity.clone());
        Stack::start(options.edit_config(move |yaml| with(&yaml, &authority, IDENTITY))).await
    }
}

async fn until_accepted(stack: &Stack, certified: &Certified) {
    let accepted = async || (send(chat(stack, certified)).await.status() == 200).then_some(());
    poll_for("the anchor", accepted).await.expect("accepted");
}

async fn anchors(stack: &Stack) -> f64 {
    metric(
        stack,
        "tollgate_certificate_authority_anchors",
        &["devices"],
    )
    .await
}

/// Waits until the vault has refused or given nonsense once more.
async fn until_failed(stack: &Stack) {
    let count = async || {
        let name = "tollgate_certificate_authority_anchor_refreshes_total";
        metric(stack, name, &["devices", "failure"]).await
    };
    let before = count().await;
    let failed = async || (count().await > before).then_some(());
    poll_for("a failed refresh", failed).await.expect("failed");
}

async fn readyz(stack: &Stack) -> String {
    let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 200, "{text}");
    text
}

#[tokio::test]
async fn an_anchor_of_a_vault_is_rotated_while_serving_and_outlasts_outages() {
    let vault = Vault::start().await;
    let (first, second) = (Pki::new(), Pki::new());
    vault
        .fake
        .put(CERTIFICATE, Answer::Certificate(pem_bytes(&first.root.pem)));
    let stack = vault.stack("certificate: corp-root").await;
    let (old, new) = (first.leaf(|_| {}), second.leaf(|_| {}));
    until_accepted(&stack, &old).await;
    assert_refused(&stack, &new, "certificate_untrusted", "not yet an anchor").await;
    for (what, answer) in [
        ("an outage", Answer::Status(503)),
        ("no permission", Answer::Status(403)),
        ("garbage", Answer::Raw("<html>".to_owned())),
        ("no certificate", Answer::Certificate(b"nonsense".to_vec())),
    ] {
        vault.fake.put(CERTIFICATE, answer);
        until_failed(&stack).await;
        assert_eq!(send(chat(&stack, &old)).await.status(), 200, "{what}");
    }
    vault.fake.put(
        CERTIFICATE,
        Answer::Certificate(pem_bytes(&second.root.pem)),
    );
    until_accepted(&stack, &new).await;
    assert_refused(&stack, &old, "certificate_untrusted", "no anchor any more").await;
    assert!((anchors(&stack).await - 1.0).abs() < f64::EPSILON);
    assert_eq!(readyz(&stack).await, "ready\n");
    assert_eq!(vault.fake.challenged(), 0, "a request without a good token");
}

#[tokio::test]
async fn a_secret_holds_several_anchors() {
    let vault = Vault::start().await;
    let (first, second) = (Pki::new(), Pki::new());
    let both = format!("{}{}", first.root.pem, second.root.pem);
    vault.fake.put("/secrets/anchors", Answer::Secret(both));
    let stack = vault.stack("secret: anchors").await;
    until_accepted(&stack, &first.leaf(|_| {})).await;
    until_accepted(&stack, &second.leaf(|_| {})).await;
    assert!((anchors(&stack).await - 2.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn without_anchors_certificates_are_refused_and_other_credentials_go_on() {
    let vault = Vault::start().await;
    let pki = Pki::new();
    let leaf = pki.leaf(|_| {});
    let stack = vault.stack("certificate: corp-root").await;
    let answers = [
        ("no object", None),
        ("no permission", Some(Answer::Status(403))),
        ("garbage", Some(Answer::Raw("{".to_owned()))),
        (
            "a leaf",
            Some(Answer::Certificate(pem_bytes(
                &pki.root.leaf(&leaf_params(FACTORY), &[]).chain,
            ))),
        ),
        (
            "an authority that may not sign",
            Some(Answer::Certificate(pem_bytes(&{
                let mut params = ca_params("weak");
                params.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
                crate::pki::Ca::root(params).pem
            }))),
        ),
    ];
    for (what, answer) in answers {
        if let Some(answer) = answer {
            vault.fake.put(CERTIFICATE, answer);
        }
        until_failed(&stack).await;
        assert_refused(&stack, &leaf, "certificate_no_anchors", what).await;
        let text = readyz(&stack).await;
        assert!(
            text.contains("authority devices: no trust anchors"),
            "{text}"
        );
        assert!(anchors(&stack).await.abs() < f64::EPSILON, "{what}");
        assert_eq!(send(stack.chat(&hello())).await.status(), 200, "a key");
    }
    vault
        .fake
        .put(CERTIFICATE, Answer::Certificate(pem_bytes(&pki.root.pem)));
    until_accepted(&stack, &leaf).await;
}

#[tokio::test]
async fn the_fake_vault_challenges_whoever_has_no_token_for_it() {
    let vault = Vault::start().await;
    let pem = std::fs::read(vault.files.path().join("vault-ca.pem")).expect("the file");
    let ca = reqwest::Certificate::from_pem(&pem).expect("PEM");
    let client = reqwest::Client::builder().tls_certs_only([ca]);
    let client = client.build().expect("a client");
    let url = format!("https://{}{CERTIFICATE}?api-version=7.4", vault.fake.addr);
    let claims = tollgate_integration::fakes::token::Claims::new(
        "https://cognitiveservices.azure.com",
        "app",
        std::time::Duration::from_secs(3600),
    );
    let elsewhere = vault.identity.token_secret.sign(&claims);
    for token in [None, Some("nonsense"), Some(elsewhere.as_str())] {
        let request = client.get(&url);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 401, "{token:?}");
        let challenge = response.headers()["www-authenticate"]
            .to_str()
            .expect("text");
        assert!(
            challenge.contains("resource=\"https://vault.azure.net\""),
            "{challenge}"
        );
    }
    assert_eq!((vault.fake.challenged(), vault.fake.served()), (3, 0));
}
