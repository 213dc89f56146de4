//! What is taken away while a request's body is on its way is not there any more when the body has come.

use jsonwebtoken::Algorithm;
use reqwest::{Body, RequestBuilder};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tollgate_integration::fakes::issuer::{FakeIssuer, Signer};
use tollgate_integration::stack::{CHAT_PATH, Stack, wait_for};

use crate::certificates::{self, IDENTITY, Pki, until_refused};
use crate::control::{Control, with_sqlite};
use crate::pki::SERIAL;
use crate::reload::{edit, reloaded};
use crate::support::{assert_backend_untouched, hello, send, stack};
use crate::token_support;

/// A request whose headers are allowed, and whose body is half there.
struct Held {
    rest: mpsc::Sender<Result<Vec<u8>, std::io::Error>>,
    second_half: Vec<u8>,
    answer: JoinHandle<(u16, Value)>,
}

impl Held {
    /// Sends the beginning, and waits until tollgate has decided on the headers.
    async fn begin(stack: &Stack, request: RequestBuilder) -> Self {
        let before = decided(stack).await;
        let (rest, body) = mpsc::channel(2);
        let mut first_half = hello().to_string().into_bytes();
        let second_half = first_half.split_off(10);
        rest.send(Ok(first_half)).await.expect("room");
        let request = request
            .header("content-type", "application/json")
            .body(Body::wrap_stream(ReceiverStream::new(body)));
        let answer = tokio::spawn(async move {
            let response = send(request).await;
            let status = response.status().as_u16();
            let has_challenge = response.headers().contains_key("www-authenticate");
            assert_eq!(has_challenge, status == 401, "RFC 9110, section 11.6.1");
            let body = response.json().await.expect("JSON");
            (status, body)
        });
        wait_for("the decision on the headers", async || {
            (decided(stack).await > before).then_some(())
        })
        .await;
        Self {
            rest,
            second_half,
            answer,
        }
    }

    /// Sends the rest; gives the status and the code.
    async fn finish(self) -> (u16, String) {
        let rest = self.rest.send(Ok(self.second_half)).await;
        rest.expect("the request waits for its body");
        drop(self.rest);
        let (status, body) = self.answer.await.expect("an answer");
        let code = body["error"]["code"].as_str().unwrap_or_default();
        (status, code.to_owned())
    }
}

/// To how many messages of requests tollgate has replied.
async fn decided(stack: &Stack) -> u64 {
    let replies = "http.callers.ext_proc.stream_msgs_received";
    stack.envoy.stat(replies).await.expect("a counter")
}

fn post(stack: &Stack) -> RequestBuilder {
    stack.callers.http1().post(stack.callers.url(CHAT_PATH))
}

async fn refused_as(stack: &Stack, held: Held, code: (u16, &str), reason: &str) {
    let (status, said) = held.finish().await;
    assert_eq!((status, said.as_str()), code);
    let audit = stack.tollgate().audit();
    let of_it = |line: &Value| line["reason"] == reason && line["status"] == code.0;
    let line = audit.wait_for_json("the refusal", of_it).await;
    assert_eq!(line["operation"], "chat.completions", "{line}");
}

#[tokio::test]
async fn a_key_that_is_revoked_while_the_body_is_held_open_does_not_get_the_identity() {
    let stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    let held = Held::begin(&stack, post(&stack).header("api-key", &key)).await;
    control.ok(&["revoke", &id]).await;
    refused_as(&stack, held, (401, "invalid_api_key"), "key_revoked").await;
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_configuration_that_takes_a_key_or_a_deployment_away_counts_when_the_body_has_come() {
    let stack = stack().await;
    let by_key = || post(&stack).header("api-key", stack.key.text());
    let served = Held::begin(&stack, by_key()).await;
    edit(&stack, |text| text + "\n# Nothing else.\n");
    reloaded(&stack, "success", 1.0).await;
    assert_eq!(
        served.finish().await.0,
        200,
        "what is still allowed goes on"
    );

    let held = Held::begin(&stack, by_key()).await;
    edit(&stack, |text| {
        text.replacen("deployments: [gpt-4o", "deployments: [another", 1)
    });
    reloaded(&stack, "success", 2.0).await;
    let code = (403, "deployment_not_allowed");
    refused_as(&stack, held, code, "deployment_not_allowed").await;
}

#[tokio::test]
async fn a_certificate_that_a_new_list_names_is_refused_when_the_body_has_come() {
    let pki = Pki::new();
    pki.write_lists(1, &[]);
    let stack = certificates::stack(&pki.required(), IDENTITY).await;
    let good = pki.leaf(|_| {});
    let caller = stack.callers.with_certificate(&good.chain, &good.key);
    let request = caller.expect("a client").post(stack.callers.url(CHAT_PATH));
    let held = Held::begin(&stack, request).await;
    pki.write_lists(2, &[SERIAL]);
    until_refused(&stack, &good).await;
    let code = (401, "invalid_certificate");
    refused_as(&stack, held, code, "certificate_revoked").await;
}

#[tokio::test]
async fn a_token_of_an_issuer_that_is_no_more_trusted_is_refused_when_the_body_has_come() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let stack = token_support::stack_of(&issuer, "").await;
    let mut claims = issuer.claims();
    claims["azp"] = "app-1".into();
    let token = signer.sign(&claims);
    let served = Held::begin(&stack, post(&stack).bearer_auth(&token)).await;
    assert_eq!(served.finish().await.0, 200);
    let held = Held::begin(&stack, post(&stack).bearer_auth(&token)).await;
    let trusted = issuer.url();
    edit(&stack, |text| {
        text.replace(&trusted, "https://another.example")
    });
    reloaded(&stack, "success", 1.0).await;
    refused_as(&stack, held, (401, "invalid_token"), "token_issuer").await;
}
