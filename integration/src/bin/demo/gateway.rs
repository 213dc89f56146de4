//! What the tour goes through: the stack, with two clients that have a key each.

use tollgate_integration::stack::{Failure, Lines, Options, Stack};

use super::key::DemoKey;
use super::screen::Screen;

/// Clients and products of the demo; the words in capitals are filled in.
const CLIENTS: &str = "clients:
  - id: mobile-app
    credentials:
      MOBILE_APP_KEY
    products: [assistant]
  - id: search
    credentials:
      SEARCH_KEY
    products: [embedder]
products:
  - { id: assistant, deployments: [gpt-4o], operations: [chat.completions, responses] }
  - { id: embedder, deployments: [text-embedding-3-large], operations: [embeddings] }
";

/// Logs are long; their ends say what is wrong.
const SHOWN_LOG_LINES: usize = 40;

/// The running parts and the keys to them.
pub struct Gateway {
    pub stack: Stack,
    /// The key of the client `mobile-app`.
    pub key: DemoKey,
    /// The key of the client `search`.
    pub search_key: DemoKey,
}

impl Gateway {
    /// Starts everything and waits until it serves.
    pub async fn start(key: DemoKey, search_key: DemoKey) -> Result<Self, Failure> {
        let clients = CLIENTS
            .replace("MOBILE_APP_KEY", &key.yaml)
            .replace("SEARCH_KEY", &search_key.yaml);
        let options = Options::default().edit_config(move |yaml| with_clients(&yaml, &clients));
        Ok(Self {
            stack: Stack::try_start(options).await?,
            key,
            search_key,
        })
    }

    /// The text of tollgate.yaml.
    pub fn config(&self) -> Result<String, Failure> {
        let path = self.stack.config_path();
        std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))
    }

    /// The usage records in the audit log so far.
    pub fn usage_records(&self) -> Vec<serde_json::Value> {
        self.audit_lines("usage")
    }

    /// The refusals in the audit log so far.
    pub fn refusals(&self) -> Vec<serde_json::Value> {
        self.audit_lines("refused")
    }

    fn audit_lines(&self, event: &str) -> Vec<serde_json::Value> {
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
        // Ctrl-C in a terminal reaches them too: one that has ended already is no failure.
        let _ = self.stack.envoy.child().kill().await;
        let _ = self.stack.tollgate_mut().child().kill().await;
    }
}

/// Replaces the clients and products of the harness's configuration.
fn with_clients(yaml: &str, clients: &str) -> String {
    let (head, rest) = yaml.split_once("clients:\n").unwrap_or((yaml, ""));
    let backends = rest.find("backends:\n").and_then(|at| rest.get(at..));
    format!("{head}{clients}{}", backends.unwrap_or_default())
}
