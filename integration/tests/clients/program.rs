//! A program with a client in it, the gateway it speaks to, and the accounts of what it did.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Duration, timeout};
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::stack::{Options, Stack, paths};

use crate::environment;

/// Longer than any client takes on a busy machine, imports included.
const DEADLINE: Duration = Duration::from_secs(120);
const PROGRAMS: &str = "integration/clients/programs";

/// A client at work.
pub(crate) struct Program {
    pub(crate) stack: Stack,
    name: String,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// How many requests had reached the backend before this case.
    seen: usize,
    _child: Child,
}

/// What a case came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What the client made of it.
    pub(crate) result: Value,
    /// What the backend billed meanwhile, each with its usage record.
    pub(crate) bills: Vec<Entry>,
}

impl Program {
    /// A program in Python with the packages of an environment, and a client's lines.
    pub(crate) async fn python(program: &str, packages: &str, lines: &str) -> Self {
        let python = match packages {
            // The SDK's newest version is there for other tests, too.
            "newest" => paths::python().unwrap_or_else(|failure| panic!("{failure}")),
            name => environment::client(name).join("bin/python"),
        };
        let mut command = Command::new(python);
        // No bytecode beside the sources; nothing of the user's own Python.
        command.env_clear().args(["-B", "-s"]);
        if packages == "langchain" {
            command.env("TIKTOKEN_CACHE_DIR", environment::vocabulary());
        }
        Self::start(command, program, packages, lines).await
    }

    /// A program in JavaScript.
    pub(crate) async fn node(program: &str, packages: &str, lines: &str) -> Self {
        let mut command = Command::new(environment::node());
        command
            .env_clear()
            .arg("--import")
            .arg(paths::repository(PROGRAMS).join("packages.mjs"))
            .env("GATEWAY_PACKAGES", environment::client(packages));
        Self::start(command, program, packages, lines).await
    }

    async fn start(mut command: Command, program: &str, packages: &str, lines: &str) -> Self {
        let stack = Stack::start(Options::default().edit_config(|yaml| {
            yaml.replace("[gpt-4o, ", "[gpt-4o, o4-mini, whisper, ")
                .replace("responses]", "responses, audio.transcriptions]")
        }))
        .await;
        let file = stack.directory().join("lines");
        std::fs::write(&file, lines).expect("a directory to write into");
        for (name, value) in environment::variables(&stack, &file) {
            command.env(name, value);
        }
        command.arg(paths::repository(PROGRAMS).join(program));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        Self {
            stack,
            name: format!("{program} with {packages}"),
            stdin: child.stdin.take().expect("it is piped"),
            answers: BufReader::new(child.stdout.take().expect("it is piped")).lines(),
            seen: 0,
            _child: child,
        }
    }

    /// Runs a case, and checks that the backend's bills and the usage records agree.
    pub(crate) async fn run(&mut self, way: &str, case: &str) -> Ran {
        let what = format!("{}: {way} {case}", self.name);
        let line = format!("{way} {case}\n");
        let sent = self.stdin.write_all(line.as_bytes()).await;
        sent.unwrap_or_else(|error| panic!("{what}: {error}"));
        let answer = timeout(DEADLINE, self.answers.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{what}: no answer in {DEADLINE:?}"));
        let answer = answer.expect("UTF-8");
        let answer = answer.unwrap_or_else(|| panic!("{what}: the program has ended"));
        let result = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{what}: {answer}"));
        let bills = self.bills(&what).await;
        Ran { result, bills }
    }

    /// The bills since the case before.
    async fn bills(&mut self, what: &str) -> Vec<Entry> {
        let requests = self.stack.azure.requests();
        let arrived = requests.len();
        let settled = u64::try_from(arrived).expect("a count");
        self.stack.azure.settled(settled).await;
        let bills = self.stack.azure.ledger().split_off(self.seen);
        for request in requests.iter().skip(self.seen) {
            assert_deployment(what, &request.path, &request.body);
        }
        self.seen = arrived;
        for bill in &bills {
            self.assert_recorded(what, bill).await;
        }
        bills
    }

    async fn assert_recorded(&self, what: &str, bill: &Entry) {
        let audit = self.stack.tollgate().audit();
        let is_it = |line: &Value| {
            line["event"] == "usage" && line["request_id"].as_str() == bill.request_id.as_deref()
        };
        let record = audit.wait_for_json("the usage record", is_it).await;
        let count = |name: &str| record[name].as_u64();
        let recorded = (count("input_tokens"), count("output_tokens"));
        let billed = (Some(bill.tokens.prompt), Some(bill.tokens.completion));
        assert_eq!(recorded, billed, "{what}: {record}");
        assert_eq!(record["client"], "mobile-app", "{what}: {record}");
        if bill.status == 200 && billed != (Some(0), Some(0)) {
            assert_eq!(record["source"], "reported", "{what}: {record}");
        }
    }

    /// The body of the last request that the backend saw.
    pub(crate) fn last_body(&self) -> Value {
        let request = self.stack.azure.requests().pop().expect("a request");
        serde_json::from_slice(&request.body).expect("JSON")
    }

    /// The last refusal in the audit log.
    pub(crate) async fn refusal(&self) -> Value {
        let audit = self.stack.tollgate().audit();
        let is_it = |line: &Value| line["event"] == "refused";
        audit.wait_for_json("the refusal", is_it).await;
        let lines = audit.json();
        let last = lines.into_iter().rev().find(is_it);
        last.expect("it was there")
    }

    /// Ends it: each request that the backend saw has one record, and none had a caller's credential.
    pub(crate) async fn end(self) {
        let violations = self.stack.azure.violations();
        assert!(violations.is_empty(), "{}: {violations:?}", self.name);
        let key = self.stack.key.text();
        for request in self.stack.azure.requests() {
            let seen = format!("{:?} {:?}", request.headers, request.path);
            let body = String::from_utf8_lossy(&request.body);
            let leaked = seen.contains(key) || body.contains(key);
            assert!(!leaked, "{}: the caller's key is in {seen}", self.name);
        }
        let is_usage = |line: &&Value| line["event"] == "usage";
        let audit = self.stack.tollgate().audit().json();
        let records = audit.iter().filter(is_usage).count();
        assert_eq!(records, self.seen, "{}: a record for each", self.name);
    }
}

/// Asserts that nothing behind the gateway can read another deployment than the path has.
fn assert_deployment(what: &str, path: &str, body: &[u8]) {
    let rest = path.strip_prefix("/openai/deployments/");
    let Some((deployment, _)) = rest.and_then(|rest| rest.split_once('/')) else {
        return;
    };
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    if let Some(model) = body.get("model") {
        assert_eq!(*model, json!(deployment), "{what}: {path}");
    }
}
