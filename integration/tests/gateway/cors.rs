//! Browser applications: what they ask before a request, and what they may read of an answer.

use reqwest::{RequestBuilder, Response};
use serde_json::json;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack};

use crate::support::{
    assert_backend_untouched, hello, hello_stream, metric, refusal_line, refused, send, settled,
};

const APP: &str = "https://app.example.com";
/// Nothing tells it from the application but a letter.
const STRANGER: &str = "https://app.example.org";

/// The headers that openai 6.49 (npm) sends in a browser, beside those that every page may send, and
/// Azure's own client.
const SDK_HEADERS: [&str; 15] = [
    "api-key",
    "authorization",
    "content-type",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "user-agent",
    "x-ms-client-request-id",
    "x-stainless-arch",
    "x-stainless-helper-method",
    "x-stainless-lang",
    "x-stainless-package-version",
    "x-stainless-retry-count",
    "x-stainless-runtime-version",
    "x-stainless-timeout",
];

/// A gateway that lets applications of [`APP`] call.
async fn open_stack() -> Stack {
    let options = Options::default().edit_envoy(|envoy| envoy.allow_origin(APP));
    Stack::start(options).await
}

/// What a browser asks before a request.
fn preflight(stack: &Stack, origin: &str, path: &str) -> RequestBuilder {
    let url = stack.callers.url(path);
    let http = stack.callers.http2();
    http.request(reqwest::Method::OPTIONS, url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", SDK_HEADERS.join(","))
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

fn list(answer: &Response, name: &str) -> Vec<String> {
    let text = header(answer, name).unwrap_or_default();
    text.split(',').map(|it| it.trim().to_owned()).collect()
}

/// Asserts that a page may read the answer, and the headers that an SDK looks for.
fn assert_readable(answer: &Response, what: &str) {
    let name = "access-control-allow-origin";
    assert_eq!(header(answer, name), Some(APP), "{what}");
    assert_eq!(
        header(answer, "access-control-allow-credentials"),
        None,
        "{what}"
    );
    let exposed = list(answer, "access-control-expose-headers");
    for name in [
        "x-request-id",
        "retry-after",
        "x-ratelimit-remaining-tokens",
    ] {
        assert!(exposed.iter().any(|it| it == name), "{what}: {name}");
    }
    assert!(answer.headers().contains_key("x-request-id"), "{what}");
}

async fn assert_nothing_was_decided(stack: &Stack) {
    assert_eq!(metric(stack, "tollgate_decisions_total", &[]).await, 0.0);
    assert_backend_untouched(stack);
}

#[tokio::test]
async fn a_browser_is_told_that_a_listed_application_may_call() {
    let stack = open_stack().await;
    for path in [CHAT_PATH, "/openai/v1/responses", "/openai/v1/models"] {
        let answer = send(preflight(&stack, APP, path)).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(APP));
        assert_eq!(header(&answer, "access-control-allow-credentials"), None);
        assert_eq!(header(&answer, "access-control-max-age"), Some("7200"));
        let methods = list(&answer, "access-control-allow-methods");
        assert_eq!(methods, ["GET", "POST", "DELETE"]);
        let allowed = list(&answer, "access-control-allow-headers");
        for name in SDK_HEADERS {
            assert!(allowed.iter().any(|it| it == name), "{path}: {name}");
        }
    }
    assert_nothing_was_decided(&stack).await;
}

#[tokio::test]
async fn a_listed_application_reads_answers_and_refusals() {
    let stack = open_stack().await;
    let from_app = |request: RequestBuilder| request.header("origin", APP);
    for (nth, body) in [(1, hello()), (2, hello_stream())] {
        let answer = send(from_app(stack.chat(&body))).await;
        assert_eq!(answer.status(), 200, "{body}");
        assert_readable(&answer, "an answer");
        answer.bytes().await.expect("a body");
        settled(&stack, nth).await;
    }
    let got = stack.azure.requests();
    for name in ["origin", "referer"] {
        assert_eq!(
            got[0].header(name),
            None,
            "{name} is nobody else's business"
        );
    }
    let url = stack.callers.url(CHAT_PATH);
    let nobody = stack.callers.http1().post(url).json(&hello());
    let other = CHAT_PATH.replace("gpt-4o", "o3");
    let cases = [
        (401, "no key", nobody),
        (403, "another deployment", stack.post(&other, &hello())),
        (400, "a body that is refused", stack.chat(&json!([]))),
        (
            404,
            "another path",
            stack.post("/openai/v1/threads", &hello()),
        ),
        (
            413,
            "a large body",
            stack.chat(&json!(" ".repeat(20 << 20))),
        ),
        (
            429,
            "the backend's own",
            stack.chat(&hello()).header("x-fake-fault", "status-429"),
        ),
    ];
    for (status, what, request) in cases {
        let answer = send(from_app(request).header("connection", "close")).await;
        assert_eq!(answer.status().as_u16(), status, "{what}");
        assert_readable(&answer, what);
    }
}

#[tokio::test]
async fn an_outage_of_the_gateway_is_readable_too() {
    let options = Options::default()
        .without_tollgate()
        .edit_envoy(|envoy| envoy.allow_origin(APP));
    let stack = Stack::start(options).await;
    let answer = send(stack.chat(&hello()).header("origin", APP)).await;
    assert_eq!(answer.status(), 503);
    assert_readable(&answer, "503");
}

#[tokio::test]
async fn nobody_is_listed_until_an_operator_does_it() {
    let closed = crate::support::stack().await;
    let open = open_stack().await;
    for (stack, origin) in [
        (&closed, APP),
        (&closed, "null"),
        (&open, STRANGER),
        (&open, "https://app.example.com.example.org"),
        (&open, "http://app.example.com"),
        (&open, "https://app.example.com, https://x.example"),
        (&open, "*"),
        (&open, "null"),
    ] {
        for path in [CHAT_PATH, "/", "/metrics"] {
            let key = stack.key.text();
            let answer = send(preflight(stack, origin, path).header("api-key", key)).await;
            assert_eq!(
                answer.status(),
                200,
                "{origin} {path}: an answer that allows nothing"
            );
            let allowed = header(&answer, "access-control-allow-origin");
            assert_eq!(allowed, None, "{origin} {path}");
        }
    }
    assert_nothing_was_decided(&closed).await;
    assert_nothing_was_decided(&open).await;
    for (stack, origin) in [(&closed, APP), (&open, STRANGER)] {
        let answer = send(stack.chat(&hello()).header("origin", origin)).await;
        assert_eq!(
            answer.status(),
            200,
            "who has a key is not a browser's to judge"
        );
        for name in [
            "access-control-allow-origin",
            "access-control-expose-headers",
        ] {
            assert_eq!(header(&answer, name), None, "{origin}: {name}");
        }
    }
}

#[tokio::test]
async fn what_only_looks_like_a_browsers_question_is_refused() {
    let stack = open_stack().await;
    let options = |headers: &[(&str, &str)]| {
        let url = stack.callers.url(CHAT_PATH);
        let request = stack.callers.http1().request(reqwest::Method::OPTIONS, url);
        let request = request.header("api-key", stack.key.text());
        headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    let method = "access-control-request-method";
    for headers in [
        [].as_slice(),
        &[("origin", APP)],
        &[(method, "POST")],
        &[("origin", ""), (method, "POST")],
        &[("origin", APP), (method, "")],
    ] {
        let (status, _) = refused(options(headers)).await;
        assert!((400..500).contains(&status), "{headers:?}: {status}");
    }
    assert_eq!(refusal_line(&stack).await["reason"], "method_not_allowed");
    assert_backend_untouched(&stack);
}
