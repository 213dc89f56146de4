//! The configuration that targets are tried against, and the credentials that are good in it.
//!
//! The private keys were thrown away when it was made (`examples/seeds.rs`): nothing but what is in
//! the corpora can be signed, so a target knows every token and certificate that may be accepted.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tollgate::auth::Tokens;
use tollgate::auth::certificate::CertificateRing;
use tollgate::config::{Config, KeyRefresh};
use tollgate::envoy::Authz;
use tollgate::gateway::Gateway;
use tollgate::policy::LivePolicy;
use tollgate::telemetry::{AuditLog, Metrics};
use tollgate::upstream::Identity;

use crate::{good, root};

/// The parts of a running service, without its sockets.
pub struct Fixture {
    /// Its clock stands still, so that no input waits for keys.
    pub runtime: Runtime,
    /// The state that ext_authz decides by.
    pub gateway: Arc<Gateway>,
    /// ext_authz.
    pub authz: Authz,
    /// The issuers.
    pub tokens: Arc<Tokens>,
    /// The authorities.
    pub certificates: Arc<CertificateRing>,
    /// Every token that is good.
    pub good_tokens: Vec<Vec<u8>>,
    /// Every key that is good.
    pub good_keys: Vec<Vec<u8>>,
    /// The good client certificate, as Envoy writes it: URL-encoded PEM.
    pub leaf: String,
    /// The Base64 of the good certificate.
    pub leaf_base64: String,
    /// A revoked one, as Envoy writes it.
    pub revoked: String,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(Fixture::new);

impl Fixture {
    /// The one of this process.
    pub fn get() -> &'static Self {
        &FIXTURE
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn config() -> Config {
        let path = root().join("fixture/tollgate.yaml");
        Config::load(&path).unwrap_or_else(|error| panic!("{error}"))
    }

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let mut config = Self::config();
        let (tokens, ring) = (
            Arc::clone(&config.policy.tokens),
            config.policy.certificates.clone(),
        );
        let gateway = runtime.block_on(async {
            let refreshes = std::mem::take(&mut config.key_refreshes);
            // The tasks run whenever an input is tried, for as long as the process.
            let _tasks: Vec<_> = KeyRefresh::start(refreshes, &CancellationToken::new()).collect();
            while !tokens
                .issuers()
                .iter()
                .all(|it| it.keys().status().is_usable)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let (audit, _writer) = AuditLog::start(std::io::sink()).expect("a thread");
            let metrics = Arc::new(Metrics::new().expect("metrics"));
            let policy = Arc::new(LivePolicy::new(config.policy));
            Gateway::new(
                policy,
                Arc::new(Identity::default()),
                metrics,
                audit,
                None,
                tollgate::limits::Limits::new().0,
            )
        });
        let gateway = Arc::new(gateway);
        let pem = |name: &str| {
            let path = root().join("fixture").join(name);
            std::fs::read_to_string(path).expect("a certificate")
        };
        let leaf = pem("leaf.pem");
        Self {
            runtime,
            authz: Authz::new(Arc::clone(&gateway)),
            gateway,
            tokens,
            certificates: ring.expect("certificates are accepted"),
            good_tokens: good("token"),
            good_keys: good("key"),
            leaf_base64: leaf.lines().filter(|line| !line.starts_with('-')).collect(),
            leaf: url_encoded(&leaf),
            revoked: url_encoded(&pem("revoked.pem")),
        }
    }
}

/// As Envoy encodes the PEM of a certificate.
pub fn url_encoded(pem: &str) -> String {
    pem.bytes()
        .map(|byte| match byte {
            b'\n' | b' ' | b'+' | b'/' | b'=' => format!("%{byte:02X}"),
            byte => char::from(byte).to_string(),
        })
        .collect()
}
