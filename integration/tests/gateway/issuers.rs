//! Tokens of real issuers that nobody here wrote: npm's oidc-provider and PyPI's oidc-provider-mock.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, paths, wait_for};

use crate::support::{assert_no_violations, hello, metric, refused, send, usage_line};

/// How many requests must have succeeded before and after a rotation.
const ENOUGH: usize = 20;

/// npm's oidc-provider, in `integration/issuers/provider.mjs`.
struct Provider {
    url: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Only owned, so that it ends with the test.
    _process: Child,
}

impl Provider {
    async fn start() -> Self {
        let mut process = Command::new("node")
            .arg(paths::repository("integration/issuers/provider.mjs"))
            .arg(paths::issuers().expect("the issuers"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let output = process.stdout.take().expect("its output");
        let mut output = BufReader::new(output).lines();
        let url = output.next_line().await.expect("text");
        Self {
            url: url.expect("the issuer's URL"),
            input: process.stdin.take().expect("its input"),
            output,
            _process: process,
        }
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

/// An access token by the client credentials grant (RFC 6749, section 4.4).
async fn access_token(issuer: &str) -> String {
    let form =
        "grant_type=client_credentials&client_id=app-1&client_secret=secret&scope=llm.invoke";
    let answer = post_form(&format!("{issuer}/token"), form.to_owned()).await;
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn post_form(url: &str, form: String) -> Value {
    let request = reqwest::Client::new().post(url).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.send().await.expect("the issuer answers");
    response.json().await.expect("JSON")
}

async fn stack_of(url: &str, more: &str) -> Stack {
    let issuers = format!(
        "issuers:\n  - {{ name: real, issuer: \"{url}\", allow_http: true, allow_addresses: [127.0.0.1], {more} }}\nclients:\n"
    );
    let options = Options::default().edit_config(move |yaml| {
        let client = "    credentials:\n      - { token: { issuer: real, client: app-1 } }\n";
        let yaml = yaml.replacen("clients:\n", &issuers, 1);
        yaml.replacen("    credentials:\n", client, 1)
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

#[tokio::test]
async fn oidc_provider_rotates_its_keys_while_requests_run() {
    let mut provider = Provider::start().await;
    let more = "audiences: [\"api://tollgate\"], token_types: [at+jwt], required_claims: { scope: llm.invoke }, claims: { client: client_id }";
    let stack = Arc::new(stack_of(&provider.url, more).await);
    let first = access_token(&provider.url).await;
    let done = Arc::new(AtomicUsize::new(0));
    let running: Vec<_> = (0..4)
        .map(|_| {
            let (stack, done, url) = (Arc::clone(&stack), Arc::clone(&done), provider.url.clone());
            tokio::spawn(async move {
                while done.load(Ordering::Relaxed) < 2 * ENOUGH {
                    let response = send(chat(&stack, &access_token(&url).await)).await;
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
    provider.rotate("ES256").await;
    for task in running {
        task.await.expect("every request succeeds");
    }
    let response = send(chat(&stack, &first)).await;
    assert_eq!(response.status(), 200, "the old key is still published");
    let line = usage_line(&stack).await;
    assert_eq!(
        (&line["client"], &line["user"]),
        (&"mobile-app".into(), &"app-1".into())
    );
    assert_no_violations(&stack);
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
        let python = paths::issuers()
            .expect("the issuers")
            .join("venv/bin/python");
        let mut process = Command::new(python)
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
    let stack = stack_of(&mock.url, "audiences: [app-1], claims: { client: aud }").await;
    let token = mock.id_token().await;
    let got = refused(chat(&stack, &token)).await;
    assert_eq!(got, (401, "invalid_token".to_owned()));
    let line = crate::support::refusal_line(&stack).await;
    assert_eq!(
        line["reason"], "token_key_missing",
        "its keys were fetched, and it names none"
    );
}
