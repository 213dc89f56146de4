//! A tollgate that Envoys share: certificates on both sides, and stacks whose Envoy reaches it over TLS by its name.

use rcgen::{ExtendedKeyUsagePurpose, SanType, SerialNumber};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_integration::ports::free_port;
use tollgate_integration::stack::{ClientFiles, Options};

use crate::pki::{Ca, Certified, ca_params, leaf_params};

/// Names below `localhost` are this machine (RFC 6761); Envoy Gateway takes none without a dot.
pub(crate) const SERVICE: &str = "tollgate.localhost";
/// The name of the Envoys that may call.
pub(crate) const ENVOY: &str = "spiffe://cluster.local/ns/gateways/sa/envoy";
pub(crate) const ENVOY_SERIAL: u64 = 7;

/// An authority of a mesh, and what it has issued.
pub(crate) struct Mesh {
    pub(crate) authority: Ca,
    folder: TempDir,
    pub(crate) ports: Vec<u16>,
}

impl Mesh {
    /// With a port for each replica.
    pub(crate) fn new(replicas: usize) -> Self {
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
        mesh.put("tls", &mesh.server(SERVICE, 1));
        mesh.put("envoy", &mesh.authority.leaf(&leaf_params(ENVOY), &[]));
        mesh
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Puts a file in place as a whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let whole = self.folder.path().join(format!("{name}.new"));
        std::fs::write(&whole, text).expect("written");
        std::fs::rename(whole, self.folder.path().join(name)).expect("renamed");
    }

    /// The certificate of the endpoint (`tls`) or of Envoy (`envoy`).
    pub(crate) fn put(&self, name: &str, certified: &Certified) {
        self.write(&format!("{name}.key"), &certified.key);
        self.write(&format!("{name}.crt"), &certified.chain);
    }

    /// A certificate of an endpoint of this name.
    pub(crate) fn server(&self, name: &str, serial: u64) -> Certified {
        let mut params = leaf_params("spiffe://cluster.local/ns/tollgate/sa/tollgate");
        params.serial_number = Some(SerialNumber::from(serial));
        let name = name.try_into().expect("ASCII");
        params.subject_alt_names.push(SanType::DnsName(name));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.authority.leaf(&params, &[])
    }

    /// A stack whose tollgate is at the first port. Its Envoy runs what `tollgate envoy` writes, with the addresses of all
    /// replicas for those that the name has.
    pub(crate) fn options(&self, options: Options) -> Options {
        let listen = self.listen(self.ports[0]);
        let [certificate, key, trust] =
            ["envoy.crt", "envoy.key", "ca.pem"].map(|it| self.path(it));
        let service = format!(
            "envoy:\n  tollgate: {{ address: \"{SERVICE}:{}\", certificate: \"{certificate}\", key: \"{key}\", ca_file: \"{trust}\" }}\n",
            self.ports[0]
        );
        let files = ClientFiles {
            certificate: certificate.into(),
            key: key.into(),
            authorities: trust.into(),
        };
        let ports = self.ports.clone();
        options
            .shared(files)
            .edit_config(move |yaml| {
                let start = yaml.find("grpc: \"unix:").expect("a socket");
                let end = start + yaml[start..].find(',').expect("the next member");
                format!("{}{listen}{}{service}", &yaml[..start], &yaml[end..])
            })
            .edit_envoy(move |config| {
                let clusters = config.at("/static_resources/clusters");
                let found = look_up(clusters, &ports);
                assert!(found > 0, "no cluster leads to {SERVICE}");
            })
    }

    /// Where a replica listens.
    pub(crate) fn listen(&self, port: u16) -> String {
        let [certificate, key, trust, list] =
            ["tls.crt", "tls.key", "ca.pem", "ca.crl"].map(|it| self.path(it));
        format!(
            "grpc: \"127.0.0.1:{port}\", grpc_tls: {{ certificate: \"{certificate}\", key: \"{key}\", trust: [\"{trust}\"], \
             clients: [\"{ENVOY}\"], revocation: {{ crl: required, files: [\"{list}\"], refresh: 100ms }} }}"
        )
    }
}

/// Puts the addresses of all replicas in the place of their name, and says in how many clusters: a control plane makes one
/// for each filter.
fn look_up(value: &mut Value, ports: &[u16]) -> usize {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(endpoints)) = members.get_mut("lb_endpoints")
                && let [one] = endpoints.as_slice()
                && let Some(all) = addresses(one, ports)
            {
                *endpoints = all;
                return 1;
            }
            members.values_mut().map(|it| look_up(it, ports)).sum()
        }
        Value::Array(items) => items.iter_mut().map(|it| look_up(it, ports)).sum(),
        _ => 0,
    }
}

fn addresses(endpoint: &Value, ports: &[u16]) -> Option<Vec<Value>> {
    let socket = "/endpoint/address/socket_address";
    let is_service = endpoint.pointer(socket)?["address"] == SERVICE;
    let one = |port: &u16| {
        let mut endpoint = endpoint.clone();
        *endpoint.pointer_mut(socket)? = json!({ "address": "127.0.0.1", "port_value": port });
        Some(endpoint)
    };
    is_service.then(|| ports.iter().map(one).collect())?
}
