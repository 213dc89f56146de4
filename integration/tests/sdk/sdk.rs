//! Runs the SDK and holds its results against the accounts.

use serde_json::{Map, Value, json};
use tokio::process::Command;
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::stack::{Options, Stack, paths, wait_for};

/// Two ways to say the same: Azure's paths and header, and OpenAI's.
pub(crate) const BOTH: &[&str] = &["azure", "openai"];

/// The members of a usage record that count.
const COUNTS: [&str; 5] = [
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "reasoning_tokens",
];

/// A stack whose client may use everything that the cases use.
pub(crate) async fn stack() -> Stack {
    Stack::start(options()).await
}

/// How to start it.
pub(crate) fn options() -> Options {
    Options::default().edit_config(|yaml| {
        yaml.replace(
            "deployments: [gpt-4o, ",
            "deployments: [gpt-4o, gpt-35-turbo-instruct, gpt-image-1, gpt-4o-transcribe, tts, ",
        )
        .replace(
            "responses]",
            "responses, images.generations, images.edits, audio.transcriptions, audio.speech, models, files, batches]",
        )
    })
}

/// The environment of `gateway.py`.
pub(crate) struct Sdk<'a> {
    stack: &'a Stack,
    key: String,
    model: &'a str,
    headers: Map<String, Value>,
    retries: u32,
}

impl<'a> Sdk<'a> {
    /// The SDK with the key of `mobile-app`, asking for gpt-4o, trying once.
    pub(crate) fn new(stack: &'a Stack) -> Self {
        Self {
            stack,
            key: stack.key.text().to_owned(),
            model: "gpt-4o",
            headers: Map::new(),
            retries: 0,
        }
    }

    /// With another key.
    pub(crate) fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// Asking for another deployment.
    pub(crate) fn model(mut self, name: &'a str) -> Self {
        self.model = name;
        self
    }

    /// With a header on each request.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Trying again so often.
    pub(crate) fn retries(mut self, count: u32) -> Self {
        self.retries = count;
        self
    }

    /// Runs a case of `cases.py` with each of the clients; gives what it printed.
    pub(crate) async fn run(self, case: &str, clients: &[&str]) -> Vec<Value> {
        let python = paths::python().unwrap_or_else(|failure| panic!("{failure}"));
        let mut command = Command::new(python);
        command
            // No bytecode next to the sources; nothing of the user's own Python.
            .args(["-B", "-s"])
            .arg(paths::repository("integration/tests/sdk/cases.py"))
            .arg(case)
            .args(clients)
            .env_clear()
            .env("SSL_CERT_FILE", self.stack.authority())
            .env("GATEWAY_URL", self.stack.callers.url(""))
            .env("GATEWAY_KEY", &self.key)
            .env("GATEWAY_MODEL", self.model)
            .env("GATEWAY_HEADERS", Value::Object(self.headers).to_string())
            .env("GATEWAY_RETRIES", self.retries.to_string())
            .kill_on_drop(true);
        let ran = command.output().await.expect("Python runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{case} {clients:?}: {said}");
        assert_eq!(said, "", "{case}: the SDK warns");
        let lines = String::from_utf8(ran.stdout).expect("UTF-8");
        let results = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        results.collect()
    }

    /// Runs a case that must succeed with one request for each client, in this order, and checks
    /// that each is accounted for.
    pub(crate) async fn run_accounted(self, case: &str, clients: &[&str]) -> Vec<Value> {
        let stack = self.stack;
        let results = self.run(case, clients).await;
        let ran: Vec<_> = results.iter().map(|it| it["client"].clone()).collect();
        assert_eq!(json!(ran), json!(clients), "{results:?}");
        for result in &results {
            assert_accounted(stack, result).await;
        }
        results
    }
}

/// Asserts that the audit log has what the fake billed, and what the SDK was told if it was told.
pub(crate) async fn assert_accounted(stack: &Stack, result: &Value) {
    let record = record(stack, result).await;
    let bill = bill(stack, result).await;
    assert_eq!(record["source"], "reported", "{result}: {record}");
    assert_eq!(record["client"], "mobile-app", "{record}");
    let billed = json!({
        "input_tokens": bill.tokens.prompt,
        "output_tokens": bill.tokens.completion,
        "total_tokens": bill.tokens.prompt + bill.tokens.completion,
        "cached_tokens": bill.tokens.cached,
        "reasoning_tokens": bill.tokens.reasoning,
    });
    assert_eq!(counts(&record), billed, "{result}: the record and the bill");
    if !result["usage"].is_null() {
        assert_eq!(result["usage"], billed, "{result}: the SDK and the bill");
    }
    assert_ne!(billed["total_tokens"], 0, "{result}: nothing was billed");
}

/// The usage record of a result, found by the id that the SDK has seen.
pub(crate) async fn record(stack: &Stack, result: &Value) -> Value {
    let id = &result["request_id"];
    assert!(id.is_string(), "the SDK has no request id: {result}");
    let audit = stack.tollgate().audit();
    let is_it = |line: &Value| line["event"] == "usage" && line["request_id"] == *id;
    audit.wait_for_json("the usage record", is_it).await
}

/// What a usage record counts.
pub(crate) fn counts(record: &Value) -> Value {
    COUNTS
        .iter()
        .map(|name| ((*name).to_owned(), record[*name].clone()))
        .collect()
}

async fn bill(stack: &Stack, result: &Value) -> Entry {
    wait_for("the bill", async || {
        let bills = stack.azure.ledger();
        bills
            .into_iter()
            .find(|bill| bill.request_id.as_deref() == result["request_id"].as_str())
    })
    .await
}

/// Asserts that no caller's credential has reached the backend.
pub(crate) fn assert_no_violations(stack: &Stack) {
    let found = stack.azure.violations();
    assert!(
        found.is_empty(),
        "a credential reached the backend: {found:?}"
    );
}
