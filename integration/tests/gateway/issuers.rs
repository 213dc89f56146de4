//! Tokens of real issuers that nobody here wrote: npm's oidc-provider, PyPI's Canaille and
//! oidc-provider-mock.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, paths, wait_for};

use crate::support::{
    assert_no_violations, hello, metric, refusal_line, refused, send, usage_line,
};

/// How many requests must have succeeded before and after a rotation.
const ENOUGH: usize = 20;

/// An issuer that is rotated by a line on its standard input, and how to get a token of it.
struct Provider {
    url: String,
    token_path: &'static str,
    form: &'static str,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Only owned, so that it ends with the test.
    _process: Child,
}

impl Provider {
    /// npm's oidc-provider; tokens by the client credentials grant (RFC 6749, section 4.4).
    async fn oidc_provider() -> Self {
        let mut node = Command::new("node");
        node.arg(paths::repository("integration/issuers/provider.mjs"));
        node.arg(paths::issuers().expect("the issuers"));
        let form =
            "grant_type=client_credentials&client_id=app-1&client_secret=secret&scope=llm.invoke";
        Self::start(node, "/token", form).await
    }

    /// PyPI's Canaille; tokens by the user's password (RFC 6749, section 4.3).
    async fn canaille() -> Self {
        let script = paths::repository("integration/issuers/canaille_issuer.py");
        let mut command = python();
        command.arg(script);
        let form = "grant_type=password&client_id=app-1&client_secret=secret&scope=openid+profile\
                    &username=ada&password=a+password+of+this+test";
        Self::start(command, "/oauth/token", form).await
    }

    async fn start(mut command: Command, token_path: &'static str, form: &'static str) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the issuer starts");
        let output = process.stdout.take().expect("its output");
        let mut output = BufReader::new(output).lines();
        let url = output.next_line().await.expect("text");
        Self {
            url: url.expect("the issuer's URL"),
            token_path,
            form,
            input: process.stdin.take().expect("its input"),
            output,
            _process: process,
        }
    }

    /// Where its tokens come from, and what asks for one.
    fn ask(&self) -> (String, &'static str) {
        (format!("{}{}", self.url, self.token_path), self.form)
    }

    /// Signs with a new key from now on; the one before stays published.
    async fn rotate(&mut self, algorithm: &str) {
        let line = format!("{algorithm}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("it listens");
        // The provider has things of its own to say in between.
        let mut said = String::new();
        while said != "rotated" {
            said = self
                .output
                .next_line()
                .await
                .expect("text")
                .expect("it runs on");
        }
    }
}

/// The Python that the issuers of PyPI are installed for.
fn python() -> Command {
    let mut python = Command::new(
        paths::issuers()
            .expect("the issuers")
            .join("venv/bin/python"),
    );
    python.args(["-W", "ignore"]);
    python
}

async fn access_token((url, form): &(String, &'static str)) -> String {
    let answer = post_form(url, (*form).to_owned()).await;
    let token = answer["access_token"].as_str();
    token
        .unwrap_or_else(|| panic!("no token: {answer}"))
        .to_owned()
}

async fn post_form(url: &str, form: String) -> Value {
    let request = reqwest::Client::new().post(url).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.send().await.expect("the issuer answers");
    response.json().await.expect("JSON")
}

/// A stack with the issuer `real`, and which of its tokens are the client's.
async fn stack_of(url: &str, more: &str, own: &str) -> Stack {
    let issuers = format!(
        "issuers:\n  - {{ name: real, issuer: \"{url}\", allow_http: true, allow_addresses: [127.0.0.1], {more} }}\nclients:\n"
    );
    let client = format!("    credentials:\n      - {{ token: {{ issuer: real, {own} }} }}\n");
    let options = Options::default().edit_config(move |yaml| {
        let yaml = yaml.replacen("clients:\n", &issuers, 1);
        yaml.replacen("    credentials:\n", &client, 1)
    });
    let stack = Stack::start(options).await;
    wait_for("the issuer's keys", async || {
        let keys = metric(&stack, "tollgate_issuer_keys", &["issuer=\"real\""]).await;
        (keys > 0.0).then_some(())
    })
    .await;
    stack
}

fn chat(stack: &Stack, token: &str) -> reqwest::RequestBuilder {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    request.bearer_auth(token).json(&hello())
}

/// Every token of the moment is accepted, before and after a rotation, and one of the key before too.
async fn rotates_while_requests_run(
    mut provider: Provider,
    algorithm: &str,
    stack: Stack,
) -> Value {
    let (stack, ask) = (Arc::new(stack), provider.ask());
    let first = access_token(&ask).await;
    let done = Arc::new(AtomicUsize::new(0));
    let running: Vec<_> = (0..4)
        .map(|_| {
            let (stack, done, ask) = (Arc::clone(&stack), Arc::clone(&done), ask.clone());
            tokio::spawn(async move {
                while done.load(Ordering::Relaxed) < 2 * ENOUGH {
                    let response = send(chat(&stack, &access_token(&ask).await)).await;
                    assert_eq!(response.status(), 200, "a token of this moment");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    wait_for("requests", async || {
        let enough = done.load(Ordering::Relaxed) >= ENOUGH;
        (enough || running.iter().any(|task| task.is_finished())).then_some(())
    })
    .await;
    provider.rotate(algorithm).await;
    for task in running {
        task.await.expect("every request succeeds");
    }
    let newest = access_token(&ask).await;
    let header = |token: &str| token.split('.').next().map(str::to_owned);
    assert_ne!(header(&first), header(&newest), "it signs with another key");
    for token in [&first, &newest] {
        let response = send(chat(&stack, token)).await;
        assert_eq!(response.status(), 200, "both keys are published");
    }
    assert_no_violations(&stack);
    usage_line(&stack).await
}

#[tokio::test]
async fn oidc_provider_rotates_its_keys_while_requests_run() {
    let provider = Provider::oidc_provider().await;
    let more = "audiences: [\"api://tollgate\"], token_types: [at+jwt], required_claims: { scope: llm.invoke }, claims: { client: client_id }";
    let stack = stack_of(&provider.url, more, "client: app-1").await;
    let line = rotates_while_requests_run(provider, "ES256", stack).await;
    assert_eq!(line["client"], "mobile-app");
    assert_eq!(line["user"], "app-1");
}

#[tokio::test]
async fn canaille_rotates_its_keys_while_requests_run() {
    let provider = Provider::canaille().await;
    let more = "audiences: [\"api://tollgate\"], algorithms: [RS512]";
    let stack = stack_of(&provider.url, more, "claims: { sub: ada }").await;
    let line = rotates_while_requests_run(provider, "RS512", stack).await;
    assert_eq!(line["client"], "mobile-app");
    assert_eq!(line["user"], "ada");
}

#[tokio::test]
async fn a_token_of_canaille_is_refused_by_rules_that_it_does_not_meet() {
    let provider = Provider::canaille().await;
    let token = access_token(&provider.ask()).await;
    for (more, reason) in [
        (
            "audiences: [\"api://other\"], algorithms: [RS512]",
            "token_audience",
        ),
        (
            "audiences: [\"api://tollgate\"], algorithms: [RS256, ES256]",
            "token_algorithm",
        ),
        (
            "audiences: [\"api://tollgate\"], algorithms: [RS512], token_types: [at+jwt]",
            "token_type",
        ),
        (
            "audiences: [\"api://tollgate\"], algorithms: [RS512], required_claims: { scope: llm.invoke }",
            "token_claim",
        ),
    ] {
        let stack = stack_of(&provider.url, more, "claims: { sub: ada }").await;
        let got = refused(chat(&stack, &token)).await;
        assert_eq!(got, (401, "invalid_token".to_owned()), "{more}");
        assert_eq!(refusal_line(&stack).await["reason"], reason, "{more}");
    }
}

/// PyPI's oidc-provider-mock.
struct Mock {
    url: String,
    /// Only owned, so that they end with the test.
    _process: Child,
    _output: Lines<BufReader<ChildStderr>>,
}

impl Mock {
    async fn start() -> Self {
        let mut process = python()
            .args(["-m", "oidc_provider_mock", "--port", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python starts");
        let output = process.stderr.take().expect("its log");
        let mut output = BufReader::new(output).lines();
        loop {
            let line = output.next_line().await.expect("text").expect("it runs on");
            let Some((_, rest)) = line.split_once("running on ") else {
                continue;
            };
            return Self {
                url: rest.split(' ').next().unwrap_or_default().to_owned(),
                _process: process,
                _output: output,
            };
        }
    }

    /// An ID token for the client `app-1`, by the authorization code grant (RFC 6749, section 4.1).
    async fn id_token(&self) -> String {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let ask = "response_type=code&client_id=app-1&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&scope=openid";
        let request = http
            .build()
            .expect("a client")
            .post(format!("{}/oauth2/authorize?{ask}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("sub=ada");
        let response = request.send().await.expect("the issuer answers");
        let location = response.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        let (_, code) = location.split_once("code=").expect("a code");
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&client_id=app-1&client_secret=x"
        );
        let url = format!("{}/oauth2/token", self.url);
        let answer = post_form(&url, form).await;
        answer["id_token"].as_str().expect("an ID token").to_owned()
    }
}

#[tokio::test]
async fn tokens_of_oidc_provider_mock_name_no_key_and_are_refused() {
    let mock = Mock::start().await;
    let stack = stack_of(
        &mock.url,
        "audiences: [app-1], claims: { client: aud }",
        "client: app-1",
    )
    .await;
    let token = mock.id_token().await;
    let got = refused(chat(&stack, &token)).await;
    assert_eq!(got, (401, "invalid_token".to_owned()));
    let line = refusal_line(&stack).await;
    assert_eq!(
        line["reason"], "token_key_missing",
        "its keys were fetched, and it names none"
    );
}
