//! Envoys that reach tollgate over the network, with certificates on both sides.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType, SerialNumber, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::config::TOLLGATE_CLUSTER;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::pki::{Ca, Certified, ca_params, leaf_params, self_signed};
use crate::support::{hello, hello_stream, send};

/// The name of the endpoint.
const SERVER: &str = "tollgate.test";
/// The name of the Envoys that may call.
const ENVOY: &str = "spiffe://cluster.local/ns/gateways/sa/envoy";
const ENVOY_SERIAL: u64 = 7;
/// What a client of HTTP/2 says first (RFC 9113, section 3.4), with settings of which none differs.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// An authority of a mesh, and what it has issued.
pub(super) struct Mesh {
    authority: Ca,
    folder: TempDir,
    pub(super) ports: Vec<u16>,
}

impl Mesh {
    /// With a port for each replica.
    pub(super) fn new(replicas: usize) -> Self {
        let authority = Ca::root(ca_params("mesh"));
        let folder = tempfile::tempdir().expect("a directory");
        let ports = (0..replicas).map(|_| free_port().expect("a port"));
        let mesh = Self {
            authority,
            folder,
            ports: ports.collect(),
        };
        mesh.write("ca.pem", &mesh.authority.pem);
        mesh.write("ca.crl", &mesh.authority.crl(1, &[], 2049));
        mesh.put("tls", &mesh.server(1));
        mesh.put("envoy", &mesh.authority.leaf(&leaf_params(ENVOY), &[]));
        mesh
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        let whole = self.folder.path().join(format!("{name}.new"));
        std::fs::write(&whole, text).expect("written");
        std::fs::rename(whole, self.folder.path().join(name)).expect("renamed");
    }

    fn put(&self, name: &str, certified: &Certified) {
        self.write(&format!("{name}.key"), &certified.key);
        self.write(&format!("{name}.crt"), &certified.chain);
    }

    /// A certificate of the endpoint.
    fn server(&self, serial: u64) -> Certified {
        let mut params = leaf_params("spiffe://cluster.local/ns/tollgate/sa/tollgate");
        params.serial_number = Some(SerialNumber::from(serial));
        let name = SERVER.try_into().expect("ASCII");
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        params
            .subject_alt_names
            .extend([SanType::DnsName(name), address]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.authority.leaf(&params, &[])
    }

    /// A stack whose tollgate is at the first port. Its Envoy runs what `tollgate envoy` writes, with the addresses of all
    /// replicas for those that a name has.
    pub(super) fn options(&self, options: Options) -> Options {
        let listen = self.listen(self.ports[0]);
        let [certificate, key, trust] =
            ["envoy.crt", "envoy.key", "ca.pem"].map(|it| self.path(it));
        let service = format!(
            "envoy: {{ tollgate: {{ address: \"127.0.0.1:{}\", certificate: \"{certificate}\", key: \"{key}\", ca_file: \"{trust}\" }} }}\n",
            self.ports[0]
        );
        let endpoints = self.endpoints();
        options
            .envoy_as_written()
            .edit_config(move |yaml| {
                let start = yaml.find("grpc: \"unix:").expect("a socket");
                let end = start + yaml[start..].find(',').expect("the next member");
                format!("{}{listen}{}{service}", &yaml[..start], &yaml[end..])
            })
            .edit_envoy(move |config| {
                let cluster = config.cluster(TOLLGATE_CLUSTER);
                cluster["load_assignment"]["endpoints"] = json!([ { "lb_endpoints": endpoints } ]);
            })
    }

    /// Where a replica listens.
    pub(super) fn listen(&self, port: u16) -> String {
        let [certificate, key, trust, list] =
            ["tls.crt", "tls.key", "ca.pem", "ca.crl"].map(|it| self.path(it));
        format!(
            "grpc: \"127.0.0.1:{port}\", grpc_tls: {{ certificate: \"{certificate}\", key: \"{key}\", trust: [\"{trust}\"], \
             clients: [\"{ENVOY}\"], revocation: {{ crl: required, files: [\"{list}\"], refresh: 100ms }} }}"
        )
    }

    fn endpoints(&self) -> Vec<Value> {
        let endpoint = |port: &u16| {
            let socket = json!({ "address": "127.0.0.1", "port_value": port });
            json!({ "endpoint": { "address": { "socket_address": socket } } })
        };
        self.ports.iter().map(endpoint).collect()
    }

    /// Connects in Envoy's place: the certificate of the endpoint, or why it does not speak.
    async fn connect(&self, port: u16, client: Option<&Certified>) -> Result<Vec<u8>, String> {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.pem.as_bytes();
        roots
            .add(CertificateDer::from_pem_slice(pem).expect("PEM"))
            .expect("an anchor");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let chain: Result<Vec<_>, _> =
                    CertificateDer::pem_slice_iter(client.chain.as_bytes()).collect();
                let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).expect("a key");
                builder
                    .with_client_auth_cert(chain.expect("PEM"), key)
                    .expect("good")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("it listens");
        let connector = TlsConnector::from(Arc::new(config));
        let name = SERVER.try_into().expect("a name");
        let mut stream = connector
            .connect(name, stream)
            .await
            .map_err(|it| it.to_string())?;
        stream
            .write_all(PREFACE)
            .await
            .map_err(|it| it.to_string())?;
        // With TLS 1.3 the client hears of its refusal here.
        match stream.read(&mut [0; 64]).await {
            Ok(0) => Err("closed".to_owned()),
            Err(error) => Err(error.to_string()),
            Ok(_) => {
                let (_, session) = stream.get_ref();
                let chain = session.peer_certificates().unwrap_or_default();
                Ok(chain.first().expect("a certificate").to_vec())
            }
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
    for (stranger, reason) in [
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
        (mesh.server(9), "client authentication"),
        (
            issue(&|it| it.not_after = date_time_ymd(2025, 1, 1)),
            "it has expired",
        ),
        (
            issue(&|it| it.not_before = date_time_ymd(2040, 1, 1)),
            "it is not valid yet",
        ),
    ] {
        let refused = mesh.connect(port, Some(&stranger)).await;
        assert!(refused.is_err(), "{reason}");
        let log = stack.tollgate().log();
        let is_told = |line: &Value| {
            let text = line.to_string();
            text.contains("connections to listen.grpc were refused") && text.contains(reason)
        };
        log.wait_for_json(reason, is_told).await;
    }
    // A connection without TLS, and one that says nothing, hold up nobody.
    let _silent = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("it listens");
    let mut plain = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("it listens");
    plain.write_all(PREFACE).await.expect("sent");
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
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
    while let Ok(Some(_)) = stream.chunk().await {}
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
    mesh.put("tls", &mesh.server(2));
    wait_for("the new certificate", async || {
        let now = mesh.connect(port, Some(&envoy)).await.expect("as Envoy");
        (now != before).then_some(())
    })
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
}
