//! Several backends: which one serves a request, what the others see of it, and who is charged for what.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::fakes::azure::{AzureOptions, FakeAzure};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, wait_for};

use crate::support::{hello, hello_stream, send};

pub(crate) const V1: &str = "/openai/v1/chat/completions";
const IN_ORDER_OF_SWEDEN_AND_EAST: &str = "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, priority: 0 }, { name: east, priority: 1 } ] }\n";
/// Sweden first, then east, then west.
const IN_ORDER: &str = "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, priority: 0 }, { name: east, priority: 1 }, { name: west, priority: 2 } ] }\n";

/// East first, then sweden.
const IN_ORDER_OF_TWO: &str = "pools:\n  - { deployment: gpt-4o, backends: [ { name: east, priority: 0 }, { name: sweden, priority: 1 } ] }\n";

pub(crate) fn azure(name: &str) -> AzureOptions {
    AzureOptions {
        name: name.to_owned(),
        ..AzureOptions::default()
    }
}

/// `sweden` and `east`, with more in tollgate.yaml.
pub(crate) async fn two(more: &'static str) -> Stack {
    let options = Options::default().more_backends(vec![azure("east")]);
    Stack::start(options.edit_config(move |yaml| yaml + more)).await
}

/// How many requests each backend has seen.
pub(crate) fn seen(stack: &Stack) -> Vec<usize> {
    azures(stack).iter().map(|it| it.requests().len()).collect()
}

/// Backends `sweden`, `east` and `west`, the first two or three of them, asked in this order.
pub(crate) async fn stack(backends: usize) -> Stack {
    let others = ["east", "west"].map(azure).into_iter().take(backends - 1);
    let pool = match backends {
        1 => String::new(),
        2 => IN_ORDER.replace(", { name: west, priority: 2 }", ""),
        _ => IN_ORDER.to_owned(),
    };
    let options = Options::default()
        .more_backends(others.collect())
        .edit_config(move |yaml| yaml + &pool);
    Stack::start(options).await
}

pub(crate) fn azures(stack: &Stack) -> Vec<&FakeAzure> {
    std::iter::once(&stack.azure).chain(&stack.others).collect()
}

/// Tokens that each backend has billed.
fn billed(stack: &Stack) -> Vec<u64> {
    let total = |azure: &&FakeAzure| {
        let tokens = azure.totals().tokens;
        tokens.prompt + tokens.completion
    };
    azures(stack).iter().map(total).collect()
}

/// Total tokens by backend, in the audit log, once so many requests have ended.
async fn charged(stack: &Stack, requests: usize) -> BTreeMap<String, u64> {
    let audit = stack.tollgate().audit();
    audit.wait_for_count("usage records", requests).await;
    let mut charged = BTreeMap::new();
    for line in audit.json() {
        if line["event"] == "usage" {
            let backend = line["backend"].as_str().expect("a name").to_owned();
            *charged.entry(backend).or_default() += line["total_tokens"].as_u64().unwrap_or(0);
        }
    }
    charged
}

/// Waits until so many tokens have been fetched, of whichever identity.
pub(crate) async fn tokens(stack: &Stack, count: usize) {
    let log = stack.tollgate().log();
    wait_for("tokens", async || {
        let lines = log.all();
        let fetched = lines.iter().filter(|it| it.contains("token was fetched"));
        (fetched.count() >= count).then_some(())
    })
    .await;
}

pub(crate) fn assert_no_violations(stack: &Stack) {
    for azure in azures(stack) {
        let found = azure.violations();
        assert!(found.is_empty(), "a credential of a caller: {found:?}");
    }
}

#[tokio::test]
async fn the_next_backend_answers_what_one_fails_to() {
    let faults = [
        Fault::Status(429),
        Fault::Status(408),
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(503),
        Fault::Status(504),
        Fault::Status(401),
        Fault::ResetBeforeHeaders,
    ];
    for backends in [2, 3] {
        for fault in faults {
            for body in [hello(), hello_stream()] {
                let stack = stack(backends).await;
                let failing = backends - 1;
                for azure in azures(&stack).into_iter().take(failing) {
                    azure.set_fault(Some(fault));
                }
                let answer = send(stack.chat(&body)).await;
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                let case = format!("{fault:?}, {backends} backends");
                assert_eq!(status, StatusCode::OK, "{case}: {text}");
                let last = ["sweden", "east", "west"]
                    .get(failing)
                    .copied()
                    .unwrap_or("");
                let charged = charged(&stack, 1).await;
                let billed = billed(&stack).get(failing).copied().unwrap_or(0);
                assert!(billed > 0, "{case}");
                assert_eq!(
                    charged,
                    BTreeMap::from([(last.to_owned(), billed)]),
                    "{case}"
                );
                assert_no_violations(&stack);
            }
        }
    }
}

#[tokio::test]
async fn one_backend_alone_answers_for_itself() {
    for (fault, status) in [(Fault::Status(429), 429), (Fault::Status(500), 500)] {
        let stack = stack(1).await;
        stack.azure.set_fault(Some(fault));
        let answer = send(stack.chat(&hello())).await;
        assert_eq!(answer.status(), status);
        assert_eq!(stack.azure.requests().len(), 1, "it was asked again");
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there_costs_no_request() {
    let mut stack = stack(3).await;
    // Nobody listens at west any more, and then at east.
    stack.others.pop();
    stack.azure.set_fault(Some(Fault::Status(503)));
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    let west_first = IN_ORDER.replace("west, priority: 2", "west, priority: 0");
    let text = std::fs::read_to_string(stack.config_path()).expect("a file");
    let text = text.replace(
        IN_ORDER,
        &west_first.replace("sweden, priority: 0", "sweden, priority: 3"),
    );
    std::fs::write(stack.config_path(), text).expect("written");
    let log = stack.tollgate().log();
    log.wait_for_json("the new order", |line| {
        line.to_string().contains("configuration is in force")
    })
    .await;
    for body in [hello(), hello_stream()] {
        let answer = send(stack.chat(&body)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.expect("a whole answer");
    }
    let charged = charged(&stack, 3).await;
    assert_eq!(charged.keys().collect::<Vec<_>>(), ["east"]);
}

/// An address that takes no connection and refuses none, as behind a firewall that drops packets: a listener whose
/// queue is full. It goes with what is returned.
async fn black_hole() -> (std::net::SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    socket.bind(any).expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut queued = Vec::new();
    while let Ok(connected) = timeout(UNANSWERED, TcpStream::connect(address)).await {
        queued.push(connected.expect("a place in the queue"));
    }
    (address, listener, queued)
}

/// A connection on loopback takes far less.
const UNANSWERED: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_backend_that_swallows_packets_fails_no_request_and_is_left_alone_soon() {
    let (nowhere, _listener, _queued) = black_hole().await;
    let options = Options::default().more_backends(vec![azure("east")]);
    let options = options.edit_config(|yaml| yaml + IN_ORDER_OF_SWEDEN_AND_EAST);
    let stack = Stack::start(options.edit_envoy(move |config| {
        let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
        let sweden = config.cluster("azure_openai.sweden");
        *sweden.pointer_mut(endpoint).expect("an address") = json!({ "socket_address": {
            "address": nowhere.ip().to_string(), "port_value": nowhere.port(),
        } });
    }))
    .await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..200 {
        requests.spawn(stack.chat(&hello()).send());
    }
    while let Some(answer) = requests.join_next().await {
        let answer = answer.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let (_, ready) = stack.tollgate().admin("/readyz").await.expect("a page");
    assert!(
        ready.contains("backend sweden: failing, rests for "),
        "{ready}"
    );
    assert_eq!(seen(&stack), [0, 200]);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_asked_for_again() {
    let stack = stack(2).await;
    stack.azure.set_fault(Some(Fault::DropMidStream));
    let answer = send(stack.chat(&hello_stream())).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.is_err(), "the stream breaks off");
    assert_eq!(seen(&stack), [1, 0]);
    assert_eq!(
        charged(&stack, 1).await.keys().collect::<Vec<_>>(),
        ["sweden"]
    );
}

#[tokio::test]
async fn a_slow_first_byte_is_waited_for() {
    let stack = stack(2).await;
    let slow = stack
        .chat(&hello())
        .header("x-fake-first-byte-delay-ms", "700");
    assert_eq!(send(slow).await.status(), StatusCode::OK);
    assert_eq!(seen(&stack), [1, 0]);
}

#[tokio::test]
async fn a_backend_is_left_alone_for_as_long_as_it_says() {
    let stack = stack(2).await;
    stack.azure.fail_next(&[Fault::Status(429)]);
    for _ in 0..3 {
        let throttled = stack
            .chat(&hello())
            .header("x-fake-retry-after-ms", "600000");
        assert_eq!(send(throttled).await.status(), StatusCode::OK);
    }
    assert_eq!(seen(&stack), [1, 3]);
    let (_, ready) = stack.tollgate().admin("/readyz").await.expect("a page");
    assert!(
        ready.contains("backend sweden/gpt-4o: throttled, rests for "),
        "{ready}"
    );
    let (_, states) = stack.tollgate().admin("/backends").await.expect("a page");
    let states: Value = serde_json::from_str(&states).expect("JSON");
    assert_eq!(
        states[0]["deployments"][0]["state"], "throttled",
        "{states}"
    );
    assert_eq!(
        (&states[0]["failed"], &states[1]["served"]),
        (&json!(1), &json!(3))
    );
    let metrics = stack.tollgate().metrics().await.expect("metrics");
    assert!(
        metrics.contains("tollgate_backend_resting{tollgate_backend=\"sweden\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn when_all_rest_the_caller_hears_when_the_first_returns() {
    let stack = stack(2).await;
    for azure in azures(&stack) {
        azure.fail_next(&[Fault::Status(429)]);
    }
    let throttled = |ms: &str| stack.chat(&hello()).header("x-fake-retry-after-ms", ms);
    let first = send(throttled("600000")).await;
    assert_eq!(first.status(), StatusCode::TOO_MANY_REQUESTS);
    let second = send(stack.chat(&hello())).await;
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    let after = second.headers()["retry-after"].to_str().expect("text");
    let after: u64 = after.parse().expect("seconds");
    assert!((1..=600).contains(&after), "{after}");
    let body: Value = second.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "backends_resting", "{body}");
    assert_eq!(seen(&stack), [1, 1], "one that rests was asked");
}

#[tokio::test]
async fn what_is_left_of_backends_is_kept_for_a_higher_priority() {
    let others_key = TestKey::numbered(2);
    let other = format!(
        "clients:\n  - id: other\n    credentials: [ {{ key: {{ slot: primary, sha256: \"{}\" }} }} ]\n    products: [standard]\n",
        others_key.sha256()
    );
    let options = Options::default().more_backends(vec![azure("east")]);
    let stack = Stack::start(options.edit_config(move |yaml| {
        let high = "    products: [standard]\n    priority: high\n";
        let yaml = yaml.replacen("    products: [standard]\n", high, 1);
        yaml.replacen("clients:\n", &other, 1)
            + IN_ORDER_OF_TWO
            + "limits: { reserve: { high: 50 } }\n"
    }));
    let stack = stack.await;
    let others = || {
        let request = stack.callers.http2().post(stack.callers.url(CHAT_PATH));
        request.header("api-key", others_key.text()).json(&hello())
    };
    assert_eq!(send(others()).await.status(), StatusCode::OK);
    let east = stack.others.first().expect("east");
    east.fail_next(&[Fault::Status(429)]);
    let throttled = others().header("x-fake-retry-after-ms", "600000");
    assert_eq!(send(throttled).await.status(), StatusCode::OK, "it went on");
    let before = seen(&stack);
    let held_back = send(others()).await;
    assert_eq!(held_back.status(), StatusCode::TOO_MANY_REQUESTS);
    let after = held_back.headers()["retry-after"].to_str().expect("text");
    assert!(
        (1..=600).contains(&after.parse().expect("seconds")),
        "{after}"
    );
    let body: Value = held_back.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "backends_reserved", "{body}");
    assert_eq!(seen(&stack), before, "no backend was asked");
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_caller_chooses_no_backend() {
    let stack = two(IN_ORDER_OF_TWO).await;
    let sweden = stack.azure.url();
    let order = format!(",sweden={},", sweden.trim_start_matches("https://"));
    let chosen = [
        ("x-tollgate-1", "sweden"),
        ("x-tollgate-2", "sweden"),
        ("x-tollgate-2", "east"),
        ("x-tollgate-order", &order),
        ("x-envoy-attempt-count", "2"),
        ("x-envoy-max-retries", "9"),
        ("x-envoy-retry-on", "5xx,retriable-status-codes"),
        ("x-envoy-retriable-status-codes", "503"),
        ("x-envoy-upstream-alt-stat-name", "mine"),
    ];
    let with_all = |request: reqwest::RequestBuilder| {
        let add = |request: reqwest::RequestBuilder, (name, value)| request.header(name, value);
        chosen.into_iter().fold(request, add)
    };
    // Both go where the pool says, which is east, and the response is made once.
    let chat = send(with_all(stack.chat(&hello()))).await;
    assert_eq!((chat.status(), seen(&stack)), (StatusCode::OK, vec![0, 1]));
    stack.others[0].set_fault(Some(Fault::Status(503)));
    let body = json!({ "model": "gpt-4o", "input": "Say hello." });
    let made = send(with_all(stack.post("/openai/v1/responses", &body))).await;
    assert_eq!(made.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen(&stack), [0, 2], "tried again as the caller says");
    for azure in azures(&stack) {
        let requests = format!("{:?}", azure.requests());
        for name in ["x-envoy-max-retries", "mine"] {
            assert!(!requests.contains(name), "{name}: {requests}");
        }
    }
}

#[tokio::test]
async fn a_product_never_leaves_its_region() {
    let options = Options::default().more_backends(vec![azure("east")]);
    let stack = Stack::start(options.edit_config(|yaml| {
        yaml.replace("name: sweden,", "name: sweden, region: swedencentral,")
            .replace(
                "    deployments: [gpt-4o, text",
                "    backends: { regions: [swedencentral] }\n    deployments: [gpt-4o, text",
            )
    }))
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    stack.azure.set_fault(Some(Fault::Status(503)));
    let failed = send(stack.chat(&hello())).await;
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen(&stack), [2, 0]);
}

#[tokio::test]
async fn an_attempt_whose_identity_does_not_arrive_is_not_made_with_another_ones() {
    let options = Options::default().more_backends(vec![azure("east")]);
    let options = options.edit_envoy(|config| {
        let filter = config.http_filter("envoy.filters.http.ext_proc");
        let namespaces = filter.pointer_mut("/metadata_options/receiving_namespaces/untyped");
        *namespaces.expect("namespaces") = json!(["tollgate"]);
    });
    let stack = Stack::start(options.edit_config(|yaml| {
        let own = "name: east, identity: { managed_identity: {}, scope: https://cognitiveservices.azure.us/.default },";
        yaml.replace("name: east,", own) + IN_ORDER_OF_SWEDEN_AND_EAST
    }))
    .await;
    tokens(&stack, 2).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    stack.azure.set_fault(Some(Fault::Status(503)));
    let failed = send(stack.chat(&hello())).await;
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        seen(&stack),
        [2, 0],
        "east was asked with sweden's identity"
    );
}

#[tokio::test]
async fn each_attempt_has_the_path_the_host_and_the_identity_of_its_backend() {
    let government = AzureOptions {
        audience: "https://cognitiveservices.azure.us".to_owned(),
        ..azure("east")
    };
    let options = Options::default().more_backends(vec![government]);
    let stack = Stack::start(options.edit_config(|yaml| {
        let own = "name: east, identity: { managed_identity: {}, scope: https://cognitiveservices.azure.us/.default },";
        yaml.replace("name: east,", own) + "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, priority: 0, deployment: gpt-4o-mini }, { name: east, priority: 1 } ] }\n"
    }))
    .await;
    tokens(&stack, 2).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    stack.azure.set_fault(Some(Fault::Status(503)));
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    let paths = |azure: &FakeAzure| -> Vec<String> {
        azure.requests().iter().map(|it| it.path.clone()).collect()
    };
    let path = |name: &str| format!("/openai/deployments/{name}/chat/completions");
    let starts = |azure: &FakeAzure, name: &str, count: usize| {
        let paths = paths(azure);
        assert_eq!(paths.len(), count, "{paths:?}");
        assert!(
            paths.iter().all(|it| it.starts_with(&path(name))),
            "{paths:?}"
        );
    };
    let east = stack.others.first().expect("east");
    starts(&stack.azure, "gpt-4o-mini", 2);
    starts(east, "gpt-4o", 1);
    assert_no_violations(&stack);
    for (azure, host) in [(&stack.azure, "acme-sweden"), (east, "acme-east")] {
        let requests = format!("{:?}", azure.requests());
        assert!(
            requests.contains(&format!("{host}.openai.azure.com")),
            "{requests}"
        );
    }
}

#[tokio::test]
async fn no_request_fails_while_a_backend_goes_wrong_under_load() {
    let stack = stack(2).await;
    let faults = [
        None,
        Some(Fault::Status(429)),
        Some(Fault::Status(503)),
        Some(Fault::ResetBeforeHeaders),
    ];
    let mut failed = Vec::new();
    for fault in faults {
        stack.azure.set_fault(fault);
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..100 {
            requests.spawn(stack.chat(&hello()).send());
        }
        while let Some(answer) = requests.join_next().await {
            match answer.expect("no panic") {
                Ok(answer) if answer.status() == StatusCode::OK => {}
                other => failed.push(format!("{fault:?}: {other:?}")),
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
    let charged = charged(&stack, 400).await;
    let billed = billed(&stack);
    let names = ["sweden", "east"].map(str::to_owned);
    let billed: BTreeMap<_, _> = names.into_iter().zip(billed).collect();
    assert_eq!(charged, billed, "charged, billed");
}
