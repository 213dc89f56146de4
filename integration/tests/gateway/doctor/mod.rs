//! `tollgate doctor` finds what is wrong with the real thing, says what to do, and shows no secret.

mod backends;
mod credentials;
mod envoy;
mod output;
mod storage;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use tollgate_integration::fakes::azure::{AzureOptions, FakeAzure};
use tollgate_integration::fakes::certificates::CertificateAuthority;
use tollgate_integration::fakes::identity::FakeIdentity;
use tollgate_integration::fakes::server::{ANY_LOCAL_PORT, Listen};
use tollgate_integration::stack::paths;

/// What doctor found.
pub(crate) struct Diagnosis {
    pub(crate) code: Option<i32>,
    pub(crate) printed: String,
    pub(crate) checks: Vec<Value>,
}

impl Diagnosis {
    /// The results of a check.
    pub(crate) fn of(&self, subject: &str, check: &str) -> Vec<&Value> {
        let is_it = |it: &&Value| it["subject"] == subject && it["check"] == check;
        self.checks.iter().filter(is_it).collect()
    }

    /// Asserts that a check ended so, once, with these words in its message and its advice.
    #[track_caller]
    pub(crate) fn assert(&self, at: (&str, &str), result: &str, message: &str, advice: &str) {
        let has = |it: &&&Value, member: &str, part: &str| {
            it[member].as_str().unwrap_or_default().contains(part)
        };
        let found = self.of(at.0, at.1);
        let fitting = found.iter().filter(|it| {
            it["result"] == result && has(it, "message", message) && has(it, "advice", advice)
        });
        assert_eq!(
            fitting.count(),
            1,
            "not once {result} `{message}` with `{advice}`: {}",
            self.printed
        );
    }

    /// Every warning and error.
    pub(crate) fn problems(&self) -> Vec<&Value> {
        let is_problem = |it: &&Value| it["result"] == "warning" || it["result"] == "error";
        self.checks.iter().filter(is_problem).collect()
    }

    /// Asserts that nothing else is wrong but what these checks are about.
    #[track_caller]
    pub(crate) fn assert_only(&self, expected: &[(&str, &str)]) {
        let is_expected = |it: &Value| {
            let mut expected = expected.iter();
            expected.any(|(subject, check)| it["subject"] == *subject && it["check"] == *check)
        };
        let others = self.problems().into_iter().filter(|it| !is_expected(it));
        let others: Vec<_> = others.collect();
        assert!(others.is_empty(), "{others:#?}");
    }
}

/// Runs doctor with the environment of a managed identity. What it prints has no secret.
pub(crate) async fn examine(
    config: &Path,
    identity: &FakeIdentity,
    arguments: &[&str],
) -> Diagnosis {
    let output = command(config, identity)
        .args(["--format", "json"])
        .args(arguments)
        .output()
        .await
        .expect("it runs");
    diagnosis(output, identity)
}

pub(crate) fn command(config: &Path, identity: &FakeIdentity) -> Command {
    let mut command = Command::new(paths::binary("tollgate").expect("built"));
    command.arg("doctor").arg("--config").arg(config);
    command
        .env("IDENTITY_ENDPOINT", identity.endpoint())
        .env("IDENTITY_HEADER", identity.header_secret());
    command
}

pub(crate) fn diagnosis(output: std::process::Output, identity: &FakeIdentity) -> Diagnosis {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let (printed, said) = (text(output.stdout), text(output.stderr));
    for secret in [identity.header_secret(), identity.client_secret(), "eyJ"] {
        let all = format!("{printed}{said}");
        assert!(!all.contains(secret), "{secret} is shown: {all}");
    }
    let report: Value = serde_json::from_str(&printed).unwrap_or_default();
    let checks = report["checks"].as_array().cloned().unwrap_or_default();
    assert!(
        output.status.code() == Some(2) || !checks.is_empty(),
        "{printed}{said}"
    );
    Diagnosis {
        code: output.status.code(),
        printed: printed + &said,
        checks,
    }
}

/// A resource and an identity, without a gateway.
pub(crate) struct Rig {
    pub(crate) azure: FakeAzure,
    pub(crate) identity: FakeIdentity,
    pub(crate) pki: CertificateAuthority,
    pub(crate) folder: TempDir,
}

/// A resource as it should be.
pub(crate) fn sound() -> AzureOptions {
    AzureOptions {
        has_keys: false,
        ..AzureOptions::default()
    }
}

impl Rig {
    pub(crate) async fn start(mut options: AzureOptions) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let pki = CertificateAuthority::new("tests").expect("an authority");
        let certificate = pki.server(&["127.0.0.1"]).expect("a certificate");
        let identity = FakeIdentity::start(Default::default()).await;
        options.token_secret = identity.token_secret();
        options.listen = Listen {
            address: ANY_LOCAL_PORT,
            tls: Some(certificate.server_config().expect("TLS")),
        };
        let rig = Self {
            azure: FakeAzure::start(options).await,
            identity,
            pki,
            folder,
        };
        rig.write("authority.pem", rig.pki.certificate_pem());
        rig
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// tollgate.yaml with one backend.
    pub(crate) fn yaml(&self) -> String {
        format!(
            r#"listen: {{ grpc: "unix:{}/tollgate.sock", admin: "127.0.0.1:0" }}
identity: {{ managed_identity: {{}} }}
backends:
  - {{ name: sweden, endpoint: "{}", ca_file: authority.pem }}
clients:
  - id: app
    credentials: [ {{ key: {{ sha256: "{}", slot: primary }} }} ]
    products: [standard]
products: [ {{ id: standard, deployments: [gpt-4o], operations: [chat.completions] }} ]
"#,
            self.folder.path().display(),
            self.azure.url(),
            "0".repeat(64),
        )
    }

    pub(crate) async fn examine(&self, yaml: &str) -> Diagnosis {
        let config = self.write("tollgate.yaml", yaml);
        examine(&config, &self.identity, &[]).await
    }
}
