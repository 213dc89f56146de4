//! What the tour goes through: the stack, with two clients that have a key each.

use jsonwebtoken::Algorithm;
use reqwest::Response;
use serde_json::Value;
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::stack::{Failure, Lines, Options, Stack};

use super::call::{Answer, Call};
use super::devices::Devices;
use super::json;
use super::key::DemoKey;
use super::screen::Screen;

/// Clients and products of the demo; the words in capitals are filled in.
const CLIENTS: &str = "certificate_authorities:
  - { name: factories, trust: [\"DEVICES/authority.pem\"], revocation: { crl: required, files: [\"DEVICES/revoked.pem\"] } }
issuers:
  - { name: okta, issuer: \"ISSUER\", audiences: [AUDIENCE], allow_http: true, allow_addresses: [127.0.0.1] }
clients:
  - id: mobile-app
    labels: { team: mobile }
    credentials:
      MOBILE_APP_KEY
    products: [assistant]
  - id: intranet
    credentials:
      - { token: { issuer: okta, client: APPLICATION } }
    products: [assistant]
  - id: factory
    credentials:
      - { certificate: { authority: factories, uri_san: \"spiffe://acme/factory/7\" } }
      - { certificate: { authority: factories, uri_san: \"spiffe://acme/factory/8\" } }
    products: [assistant]
  - id: search
    credentials:
      SEARCH_KEY
    products: [embedder]
products:
  - { id: assistant, deployments: [gpt-4o], operations: [chat.completions, responses] }
  - { id: embedder, deployments: [text-embedding-3-large], operations: [embeddings] }
data_directory: data
prices:
  - { model: gpt-4o, input: 2.50, cached_input: 1.25, output: 10.00, per: 1000000, currency: USD }
  - { model: text-embedding-3-large, input: 0.13, per: 1000000, currency: USD }
";
/// Whom tokens are for.
pub const AUDIENCE: &str = "api://tollgate";
/// The application that the client `intranet` signs in as.
pub const APPLICATION: &str = "intranet-web";
/// Where tollgate takes commands.
const CONTROL: &str = "control/control.sock";

/// An answer up to this length is shown as it came: the refusals.
const SHORT_BYTES: usize = 250;

/// Logs are long; their ends say what is wrong.
const SHOWN_LOG_LINES: usize = 40;

/// The running parts and the keys to them.
pub struct Gateway {
    pub stack: Stack,
    /// The key of the client `mobile-app`.
    pub key: DemoKey,
    /// The key of the client `search`.
    pub search_key: DemoKey,
    /// The identity provider of the client `intranet`.
    pub issuer: FakeIssuer,
    /// The key that it signs tokens with.
    pub signer: Signer,
    /// The devices of the client `factory`, which show certificates.
    pub devices: Devices,
    /// How many requests Azure OpenAI was to serve so far.
    pub served: u64,
    /// How many requests were refused so far.
    pub refused: usize,
}

impl Gateway {
    /// Starts everything and waits until it serves.
    pub async fn start(key: DemoKey, search_key: DemoKey) -> Result<Self, Failure> {
        let signer = Signer::new("demo", Algorithm::ES256);
        let issuer = FakeIssuer::start(&[&signer]).await;
        let devices = Devices::new()?;
        let clients = CLIENTS
            .replace("MOBILE_APP_KEY", &key.yaml)
            .replace("SEARCH_KEY", &search_key.yaml)
            .replace("DEVICES", &devices.folder().display().to_string())
            .replace("ISSUER", &issuer.url())
            .replace("AUDIENCE", AUDIENCE)
            .replace("APPLICATION", APPLICATION);
        let options = Options::default().mtls();
        let options = options.edit_config(move |yaml| with_clients(&yaml, &clients));
        Ok(Self {
            stack: Stack::try_start(options).await?,
            key,
            search_key,
            issuer,
            signer,
            devices,
            served: 0,
            refused: 0,
        })
    }

    /// The shell variables that the commands of the tour use.
    pub fn variables(&self) -> String {
        [
            ("CA", self.stack.authority().display().to_string()),
            ("GATEWAY", self.stack.callers.url("")),
            ("TOLLGATE", self.stack.tollgate().admin_url().to_owned()),
            ("ENVOY_ADMIN", self.stack.envoy.admin_url().to_owned()),
            ("KEY", self.key.text.clone()),
            ("SEARCH_KEY", self.search_key.text.clone()),
        ]
        .map(|(name, value)| format!("export {name}={value}"))
        .join("\n")
    }

    /// Shows a request, sends it, and gives the answer as it begins, and its id.
    pub async fn begin(
        &mut self,
        screen: &mut Screen,
        call: &Call,
    ) -> Result<(Response, String), Failure> {
        screen.command(&call.to_string());
        let response = call.send(&self.stack.callers).await?;
        let status = response.status();
        match status.is_success() {
            true => self.served += 1,
            false => self.refused += 1,
        }
        let id = response.headers().get("x-request-id");
        let id = id
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        screen.note(&format!("HTTP {status}, x-request-id: {id}"));
        Ok((response, id))
    }

    /// Shows a request, sends it, and shows the answer, which is JSON.
    pub async fn ask(&mut self, screen: &mut Screen, call: &Call) -> Result<Answer, Failure> {
        let (response, _) = self.begin(screen, call).await?;
        let status = response.status().as_u16();
        let text = response.text().await;
        let text = text.map_err(|error| Failure::new("no whole answer", error))?;
        let body: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format_args!("no JSON: {text}"), error))?;
        match text.len() <= SHORT_BYTES {
            true => screen.answer(&text),
            false => screen.answer(&json::pretty(&json::without_filter_results(body.clone()))),
        }
        Ok(Answer { status, body })
    }

    /// Where tollgate takes commands.
    pub fn control(&self) -> String {
        format!("unix:{}", self.stack.directory().join(CONTROL).display())
    }

    /// The text of tollgate.yaml.
    pub fn config(&self) -> Result<String, Failure> {
        let path = self.stack.config_path();
        std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))
    }

    /// The usage records in the audit log so far.
    pub fn usage_records(&self) -> Vec<Value> {
        self.audit_lines("usage")
    }

    /// The refusals in the audit log so far.
    pub fn refusals(&self) -> Vec<Value> {
        self.audit_lines("refused")
    }

    fn audit_lines(&self, event: &str) -> Vec<Value> {
        let mut lines = self.stack.tollgate().audit().json();
        lines.retain(|line| line["event"] == event);
        lines
    }

    /// The last lines of what each part has to say.
    pub fn show_logs(&mut self, screen: &mut Screen) {
        let envoy = self.stack.envoy.child();
        let [access, log] = [envoy.stdout(), envoy.stderr()].map(Lines::clone);
        let tollgate = self.stack.tollgate();
        for (name, lines) in [
            ("Envoy's log", &log),
            ("Envoy's access log", &access),
            ("tollgate's log", tollgate.log()),
            ("tollgate's audit log", tollgate.audit()),
        ] {
            let lines = lines.all();
            let skipped = lines.len().saturating_sub(SHOWN_LOG_LINES);
            screen.note(&format!("---- {name} ({skipped} lines before)"));
            lines.iter().skip(skipped).for_each(|line| screen.say(line));
        }
    }

    /// Ends the processes and waits for their end; the rest ends with the value.
    pub async fn stop(mut self) {
        // Ctrl-C in a terminal reaches them too: one that has already ended is not a failure.
        let _ = self.stack.envoy.child().kill().await;
        let _ = self.stack.tollgate_mut().child().kill().await;
    }
}

/// Replaces the clients and products of the harness's configuration, opens the socket for commands, and lets
/// certificates in.
fn with_clients(yaml: &str, clients: &str) -> String {
    let folder = yaml.split("unix:").nth(1);
    let folder = folder.and_then(|it| it.split("/envoy/").next());
    let control = format!("control: \"unix:{}/{CONTROL}\"", folder.unwrap_or_default());
    let yaml = &yaml.replacen(
        "admin: \"127.0.0.1:0\"",
        &format!("admin: \"127.0.0.1:0\", {control}, client_certificates: xfcc"),
        1,
    );
    let (head, rest) = yaml.split_once("clients:\n").unwrap_or((yaml, ""));
    let backends = rest.find("backends:\n").and_then(|at| rest.get(at..));
    format!("{head}{clients}{}", backends.unwrap_or_default())
}
