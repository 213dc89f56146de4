//! A tollgate that is a service: Envoy shows a certificate of its own, and knows tollgate by its name.

use serde_json::json;
use tollgate_integration::fakes::certificates::{CertificateAuthority, CertifiedKey};
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{ClientFiles, Options, Stack};

/// Names below `localhost` are this machine (RFC 6761); Envoy Gateway takes none without a dot.
const SERVICE: &str = "tollgate.localhost";
const ENVOY: &str = "spiffe://cluster.local/ns/gateways/sa/envoy";

/// Who has which certificate.
struct Certificates {
    /// Of tollgate's side.
    service: CertifiedKey,
    /// Of Envoy's.
    envoy: CertifiedKey,
    /// Whom both trust.
    authority: String,
}

/// A stack whose Envoy reaches tollgate over TLS by its name.
async fn shared(certificates: &Certificates) -> (Stack, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let authorities = write("ca.pem", &certificates.authority);
    let (service, envoy) = (&certificates.service, &certificates.envoy);
    let certificate = write("service.pem", &service.certificate_pem);
    let key = write("service.key", &service.key_pem);
    let files = ClientFiles {
        certificate: write("envoy.pem", &envoy.certificate_pem),
        key: write("envoy.key", &envoy.key_pem),
        authorities: authorities.clone(),
    };
    let port = free_port().expect("a port");
    let listen = format!(
        "grpc: \"127.0.0.1:{port}\", grpc_tls: {{ certificate: {}, key: {}, trust: [{}], clients: [\"{ENVOY}\"], revocation: {{ crl: off }} }}",
        certificate.display(),
        key.display(),
        authorities.display(),
    );
    let at = format!(
        "envoy:\n  tollgate: {{ address: \"{SERVICE}:{port}\", certificate: {}, key: {}, ca_file: {} }}\n",
        files.certificate.display(),
        files.key.display(),
        files.authorities.display(),
    );
    let options = Options::default().shared(files).edit_config(move |yaml| {
        let start = yaml.find("grpc: \"unix:").expect("a socket");
        let end = start + yaml[start..].find(',').expect("the next member");
        format!("{}{listen}{}{at}", &yaml[..start], &yaml[end..])
    });
    (Stack::start(options).await, folder)
}

fn hello() -> serde_json::Value {
    json!({ "messages": [{ "role": "user", "content": "hello" }] })
}

#[tokio::test]
async fn a_service_is_asked_over_tls_by_its_name() {
    let mesh = CertificateAuthority::new("mesh").expect("an authority");
    let certificates = Certificates {
        service: mesh.server(&[SERVICE]).expect("a certificate"),
        envoy: mesh.client(ENVOY).expect("a certificate"),
        authority: mesh.certificate_pem().to_owned(),
    };
    let (stack, _folder) = shared(&certificates).await;
    let answer = stack.chat(&hello()).send().await.expect("an answer");
    assert_eq!(
        answer.status(),
        200,
        "{}",
        answer.text().await.expect("a text")
    );
    assert_eq!(stack.azure.ledger().len(), 1);
}

#[tokio::test]
async fn a_service_of_another_name_and_an_envoy_that_nobody_knows_get_nothing() {
    let mesh = CertificateAuthority::new("mesh").expect("an authority");
    let other = CertificateAuthority::new("another").expect("an authority");
    let server = |name: &str| mesh.server(&[name]).expect("a certificate");
    let client = |uri: &str| mesh.client(uri).expect("a certificate");
    for (service, envoy) in [
        (server("elsewhere.test"), client(ENVOY)),
        (
            server(SERVICE),
            client("spiffe://cluster.local/ns/other/sa/envoy"),
        ),
        (server(SERVICE), other.client(ENVOY).expect("a certificate")),
    ] {
        let certificates = Certificates {
            service,
            envoy,
            authority: mesh.certificate_pem().to_owned(),
        };
        let (stack, _folder) = shared(&certificates).await;
        let answer = stack.chat(&hello()).send().await.expect("an answer");
        assert_eq!(answer.status(), 503);
        assert_eq!(stack.azure.requests().len(), 0);
    }
}
