//! Envoys that reach tollgate over the network, with certificates on both sides.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::pki::{Ca, Certified, ca_params, leaf_params, self_signed};
use crate::shared_tollgate::{ENVOY, ENVOY_SERIAL, Mesh, SERVICE};
use crate::support::{hello, hello_stream, send};

/// What a client of HTTP/2 says first (RFC 9113, section 3.4), with settings of which none differs.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

impl Mesh {
    /// Connects in Envoy's place: the certificate of the endpoint, or why it does not speak.
    async fn connect(&self, port: u16, client: Option<&Certified>) -> Result<Vec<u8>, String> {
        let config = self.client(client, rustls::ALL_VERSIONS);
        let stream = self.speak(port, &config).await?;
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        Ok(chain.first().expect("a certificate").to_vec())
    }

    /// How somebody speaks TLS who has this certificate.
    fn client(
        &self,
        client: Option<&Certified>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.pem.as_bytes();
        let anchor = CertificateDer::from_pem_slice(pem).expect("PEM");
        roots.add(anchor).expect("an anchor");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let chain = CertificateDer::pem_slice_iter(client.chain.as_bytes());
                let chain: Result<Vec<_>, _> = chain.collect();
                let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes());
                builder
                    .with_client_auth_cert(chain.expect("PEM"), key.expect("a key"))
                    .expect("good")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// A connection that the endpoint has said something on, or why it has not.
    async fn speak(
        &self,
        port: u16,
        config: &Arc<ClientConfig>,
    ) -> Result<TlsStream<TcpStream>, String> {
        let stream = connect_from([127, 0, 0, 1], port).await;
        let connector = TlsConnector::from(Arc::clone(config));
        let name = SERVICE.try_into().expect("a name");
        let stream = connector.connect(name, stream).await;
        let mut stream = stream.map_err(|it| it.to_string())?;
        stream
            .write_all(PREFACE)
            .await
            .map_err(|it| it.to_string())?;
        // With TLS 1.3 the client hears of its refusal here.
        match stream.read(&mut [0; 64]).await {
            Ok(0) => Err("closed".to_owned()),
            Err(error) => Err(error.to_string()),
            Ok(_) => Ok(stream),
        }
    }

    fn envoy(&self) -> Certified {
        let read =
            |name: &str| std::fs::read_to_string(Path::new(&self.path(name))).expect("a file");
        Certified {
            chain: read("envoy.crt"),
            key: read("envoy.key"),
        }
    }
}

#[tokio::test]
async fn only_an_envoy_with_a_certificate_of_its_own_may_call() {
    let mesh = Mesh::new(1);
    let stack = Stack::start(mesh.options(Options::default())).await;
    for body in [hello(), hello_stream()] {
        let answer = send(stack.chat(&body)).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    }
    let port = mesh.ports[0];
    mesh.connect(port, Some(&mesh.envoy()))
        .await
        .expect("as Envoy");
    let issue = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = leaf_params(ENVOY);
        change(&mut params);
        mesh.authority.leaf(&params, &[])
    };
    let other = Ca::root(ca_params("mesh"));
    let none = mesh.connect(port, None).await;
    assert!(none.is_err(), "without a certificate");
    told_of(&stack, 1, "it shows no certificate").await;
    let mut plain = connect_from([127, 0, 0, 1], port).await;
    plain.write_all(PREFACE).await.expect("written");
    told_of(&stack, 2, "it does not speak TLS").await;
    // Its own certificate is good, and it trusts another authority.
    let distrusted = Mesh::new(0).connect(port, Some(&mesh.envoy())).await;
    assert!(distrusted.is_err(), "of another authority");
    told(
        &stack,
        "it does not accept the certificate of this endpoint",
    )
    .await;
    for (count, (stranger, reason)) in (4..).zip([
        (
            other.leaf(&leaf_params(ENVOY), &[]),
            "not issued by a trusted authority",
        ),
        (
            self_signed(&leaf_params(ENVOY)),
            "not issued by a trusted authority",
        ),
        (
            mesh.authority.leaf(
                &leaf_params("spiffe://cluster.local/ns/other/sa/envoy"),
                &[],
            ),
            "not among the names",
        ),
        (
            mesh.authority
                .leaf(&leaf_params(&format!("{ENVOY}/more")), &[]),
            "not among the names",
        ),
        (mesh.server(SERVICE, 9), "client authentication"),
        (
            issue(&|it| it.subject_alt_names.clear()),
            "neither a URI nor a DNS name",
        ),
        (
            issue(&|it| it.not_after = date_time_ymd(2025, 1, 1)),
            "it has expired",
        ),
        (
            issue(&|it| it.not_before = date_time_ymd(2040, 1, 1)),
            "it is not valid yet",
        ),
    ]) {
        let refused = mesh.connect(port, Some(&stranger)).await;
        assert!(refused.is_err(), "{reason}");
        told_of(&stack, count, reason).await;
    }
}

/// Waits until the log says of so many refused connections, and of the last one why. It says it once a second, so that two
/// in one second would hide a reason.
async fn told_of(stack: &Stack, count: u64, reason: &str) {
    wait_for(reason, async || {
        let lines = stack.tollgate().log().json().into_iter();
        let refused: Vec<_> = lines
            .filter(|it| it["message"] == "connections to listen.grpc were refused")
            .collect();
        let counts = refused.iter().filter_map(|it| it["count"].as_u64());
        let last = refused.last().and_then(|it| it["reason"].as_str());
        let is_told = last.is_some_and(|it| it.contains(reason));
        (counts.sum::<u64>() == count && is_told).then_some(())
    })
    .await;
}

/// Waits until the log says that somebody was refused for a reason, and from where.
pub(crate) async fn told(stack: &Stack, reason: &str) {
    let is_told = |line: &Value| {
        line["message"] == "connections to listen.grpc were refused"
            && line["from"] == "127.0.0.1"
            && line["reason"]
                .as_str()
                .is_some_and(|it| it.contains(reason))
    };
    stack.tollgate().log().wait_for_json(reason, is_told).await;
}

/// A connection from an address of this machine.
async fn connect_from(address: [u8; 4], port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((address, 0).into())
        .expect("an address of this machine");
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await;
    stream.expect("it listens")
}

#[tokio::test]
async fn connections_in_masses_that_say_nothing_keep_no_envoy_away() {
    let mesh = Mesh::new(1);
    let stack = Stack::start(mesh.options(Options::default())).await;
    let port = mesh.ports[0];
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(connect_from([127, 0, 0, 2], port).await);
    }
    // Those beyond the share of their address are closed at once.
    let mut last = silent.pop().expect("the last one");
    assert_eq!(last.read(&mut [0; 1]).await.unwrap_or(0), 0);
    mesh.connect(port, Some(&mesh.envoy()))
        .await
        .expect("as Envoy");
    // One that is not TLS.
    let mut plain = connect_from([127, 0, 0, 3], port).await;
    plain.write_all(PREFACE).await.expect("sent");
    mesh.connect(port, Some(&mesh.envoy()))
        .await
        .expect("as Envoy");
    // The others are, too, in a while.
    let mut first = silent.swap_remove(0);
    assert_eq!(first.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}

#[tokio::test]
async fn no_session_is_resumed() {
    let mesh = Mesh::new(1);
    let _stack = Stack::start(mesh.options(Options::default())).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = mesh.client(Some(&mesh.envoy()), &[version]);
        for _ in 0..2 {
            let stream = mesh.speak(mesh.ports[0], &config).await.expect("as Envoy");
            let (_, session) = stream.get_ref();
            assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}

#[tokio::test]
async fn an_envoy_whose_name_is_taken_out_of_the_configuration_is_cut_off() {
    let mesh = Mesh::new(1);
    let stack = Stack::start(mesh.options(Options::default())).await;
    let config = mesh.client(Some(&mesh.envoy()), rustls::ALL_VERSIONS);
    let mut stream = mesh.speak(mesh.ports[0], &config).await.expect("as Envoy");
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    let other = yaml.replace(ENVOY, "spiffe://cluster.local/ns/gateways/sa/other");
    std::fs::write(stack.config_path(), other).expect("written");
    while let Ok(1..) = stream.read(&mut [0; 64]).await {}
    let refused = mesh.connect(mesh.ports[0], Some(&mesh.envoy())).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn an_envoy_whose_certificate_is_revoked_is_cut_off() {
    let mesh = Mesh::new(1);
    let stack = Stack::start(mesh.options(Options::default())).await;
    let slow = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "4000");
    let mut stream = send(slow.header("x-fake-token-delay-ms", "20")).await;
    assert_eq!(stream.status(), 200);
    stream.chunk().await.expect("its beginning");
    mesh.write("ca.crl", &mesh.authority.crl(2, &[ENVOY_SERIAL], 2049));
    // The stream that it has breaks off, and no new request gets through.
    let end = loop {
        match stream.chunk().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(end.is_err(), "it would have gone on for a minute");
    let is_named = |line: &Value| {
        line["message"] == "an Envoy that was connected may not call any more"
            && line["names"] == ENVOY
    };
    let log = stack.tollgate().log();
    log.wait_for_json("whose it was", is_named).await;
    wait_for("the end of its connection", async || {
        let answer = send(stack.chat(&hello())).await;
        (answer.status() == 503).then_some(())
    })
    .await;
    let refused = mesh.connect(mesh.ports[0], Some(&mesh.envoy())).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_new_certificate_of_the_endpoint_is_taken_without_a_restart() {
    let mesh = Mesh::new(1);
    let stack = Stack::start(mesh.options(Options::default())).await;
    let (port, envoy) = (mesh.ports[0], mesh.envoy());
    let before = mesh.connect(port, Some(&envoy)).await.expect("as Envoy");
    mesh.put("tls", &mesh.server(SERVICE, 2));
    wait_for("the new certificate", async || {
        let now = mesh.connect(port, Some(&envoy)).await.expect("as Envoy");
        (now != before).then_some(())
    })
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}
