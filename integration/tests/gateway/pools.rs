//! What a pool's backends are called, who they are to the gateway, and how it says how they are.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::backends::{V1, assert_no_violations, azure, azures, seen, stack, two};
use crate::books::{SOON, ledger, rows, with_everything};
use crate::support::{hello, metric, refused, send, send_json};

#[tokio::test]
async fn a_chat_that_the_service_keeps_is_made_once() {
    let stack = stack(2).await;
    stack.azure.set_fault(Some(Fault::Status(503)));
    let mut body = hello();
    body["store"] = json!(true);
    let kept = send(stack.chat(&body)).await;
    assert_eq!(kept.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen(&stack), [1, 0], "a second one may be kept");
    body["store"] = json!(false);
    assert_eq!(send(stack.chat(&body)).await.status(), StatusCode::OK);
    assert_eq!(seen(&stack), [2, 1]);
}

#[tokio::test]
async fn a_backend_that_only_fails_is_not_shown_as_healthy_and_is_said_once() {
    for backends in [1, 2] {
        let stack = stack(backends).await;
        for azure in azures(&stack) {
            azure.set_fault(Some(Fault::Status(500)));
        }
        for _ in 0..3 {
            send(stack.chat(&hello())).await;
        }
        let state = async || {
            let (_, text) = stack.tollgate().admin("/backends").await.expect("a page");
            let states: Value = serde_json::from_str(&text).expect("JSON");
            let sweden = &states[0];
            let row = sweden["failures_in_a_row"].as_u64();
            (sweden["state"].as_str().map(str::to_owned), row)
        };
        assert_eq!(state().await, (Some("failing".to_owned()), Some(3)));
        let (_, ready) = stack.tollgate().admin("/readyz").await.expect("a page");
        assert!(ready.contains("backend sweden: failing"), "{ready}");
        let said = |what: &str| {
            let log = stack.tollgate().log().all();
            let is_said = |line: &&String| line.contains(what) && line.contains("sweden");
            log.iter().filter(is_said).count()
        };
        assert_eq!(said("the backend fails"), 1);
        stack.azure.set_fault(None);
        assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
        assert_eq!(state().await, (Some("healthy".to_owned()), Some(0)));
        assert_eq!(said("the backend answers again"), 1);
    }
}

#[tokio::test]
async fn a_backend_can_be_named_by_its_address() {
    let options = Options::default()
        .more_backends(vec![azure("east")])
        .backends_by_address();
    let stack = Stack::start(options).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    let requests: Vec<_> = azures(&stack).iter().flat_map(|it| it.requests()).collect();
    let request = requests.first().expect("a request");
    let host = request.headers.iter().find(|(name, _)| name == "host");
    assert_eq!(host.map(|(_, value)| value.as_str()), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_backend_whose_certificate_is_for_another_address_gets_nothing() {
    let options = Options::default()
        .more_backends(vec![azure("east")])
        .backends_by_address()
        .edit_envoy(|envoy| {
            for name in ["sweden", "east"] {
                let cluster = envoy.cluster(&format!("azure_openai.{name}"));
                let trust = "/transport_socket/typed_config/common_tls_context/validation_context";
                let matcher = "/match_typed_subject_alt_names/0/matcher/exact";
                let address = cluster.pointer_mut(&format!("{trust}{matcher}"));
                *address.expect("the address") = json!("127.0.0.2");
            }
        });
    let stack = Stack::start(options).await;
    assert_eq!(
        send(stack.chat(&hello())).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(seen(&stack), [0, 0]);
}

#[tokio::test]
async fn on_v1_the_body_has_the_backends_own_name() {
    let stack = two("pools:\n  - { deployment: gpt-4o, backends: [ { name: east, deployment: gpt-4o-mini }, { name: sweden, priority: 2 } ] }\n").await;
    let mut body = hello();
    body["model"] = json!("gpt-4o");
    let (status, answer) = send_json(stack.post(V1, &body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["model"], "gpt-4o-mini-2024-07-18", "{answer}");
    // Sweden has another name for it, which the body of this attempt can't have.
    stack
        .others
        .first()
        .expect("east")
        .set_fault(Some(Fault::Status(503)));
    let failed = send(stack.post(V1, &body)).await;
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen(&stack), [0, 2]);
}

#[tokio::test]
async fn on_v1_the_next_request_goes_to_the_next_backend_where_each_has_its_own_name() {
    let stack = two("pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, deployment: gpt-4o-mini, priority: 0 }, { name: east, priority: 1 } ] }\n").await;
    let mut body = hello();
    body["model"] = json!("gpt-4o");
    stack.azure.fail_next(&[Fault::Status(429)]);
    let throttled = stack
        .post(V1, &body)
        .header("x-fake-retry-after-ms", "600000");
    let first = send(throttled).await;
    assert_eq!(first.status(), StatusCode::TOO_MANY_REQUESTS);
    let (status, answer) = send_json(stack.post(V1, &body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(
        answer["model"]
            .as_str()
            .is_some_and(|it| it.starts_with("gpt-4o-2")),
        "{answer}"
    );
    assert_eq!(seen(&stack), [1, 1]);
}

#[tokio::test]
async fn on_v1_a_product_is_served_where_it_may_go_by_the_name_there() {
    let options = Options::default().more_backends(vec![azure("east")]);
    let stack = Stack::start(options.edit_config(|yaml| {
        let pinned = yaml
            .replace(
                "    deployments: [gpt-4o, text",
                "    backends: { names: [east] }\n    deployments: [gpt-4o, text",
            )
            .replace("embeddings, responses]", "embeddings]");
        pinned + "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, deployment: gpt-4o-mini, priority: 0 }, { name: east, priority: 1 } ] }\n"
    }))
    .await;
    let mut body = hello();
    body["model"] = json!("gpt-4o");
    let (status, answer) = send_json(stack.post(V1, &body)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(seen(&stack), [0, 1]);
}

#[tokio::test]
async fn a_client_of_products_with_other_backends_sees_the_models_of_one() {
    let options = Options::default().more_backends(vec![azure("east")]);
    let stack = Stack::start(options.edit_config(|yaml| {
        yaml.replace("products: [standard]", "products: [standard, other]")
            .replace(
                "products:\n  - id: standard\n",
                "products:\n  - { id: other, deployments: [gpt-4o], operations: [models], backends: { names: [sweden] } }\n  - id: standard\n    backends: { names: [east] }\n",
            )
            .replace("embeddings, responses]", "embeddings]")
    }))
    .await;
    let models = stack
        .callers
        .http1()
        .get(stack.callers.url("/openai/v1/models"))
        .header("api-key", stack.key.text());
    assert_eq!(send(models).await.status(), StatusCode::OK);
    assert_eq!(seen(&stack), [1, 0], "the product that lists no models");
}

#[tokio::test]
async fn a_backend_that_rejects_the_identity_is_named_while_another_one_answers() {
    let stack = stack(2).await;
    stack.azure.set_fault(Some(Fault::Status(401)));
    for _ in 0..3 {
        assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    }
    let (_, ready) = stack.tollgate().admin("/readyz").await.expect("a page");
    let line = "identity: backend sweden answers 401 to it: ";
    assert!(ready.contains(line), "{ready}");
    assert!(!ready.contains("backend east"), "{ready}");
    let count = async |backend: &str| {
        let label = format!("tollgate_backend=\"{backend}\"");
        let name = "tollgate_identity_rejections_total";
        metric(&stack, name, &[&label, "status=\"401\""]).await
    };
    assert!(count("sweden").await >= 1.0);
    assert_eq!(count("east").await, 0.0);
    let log = stack.tollgate().log().all();
    let is_said = |line: &&String| {
        line.contains("does not accept the gateway's identity") && line.contains("sweden")
    };
    assert_eq!(log.iter().filter(is_said).count(), 1, "{log:?}");
}

#[tokio::test]
async fn where_no_backend_accepts_the_identity_it_is_not_the_callers_who_are_too_many() {
    let stack = stack(2).await;
    for azure in azures(&stack) {
        azure.set_fault(Some(Fault::Status(403)));
    }
    assert_eq!(
        send(stack.chat(&hello())).await.status(),
        StatusCode::BAD_GATEWAY
    );
    let (status, code) = refused(stack.chat(&hello())).await;
    assert_eq!((status, code.as_str()), (503, "identity_unavailable"));
}

#[tokio::test]
async fn what_goes_on_is_asked_for_where_it_was_begun() {
    let options = with_everything(&format!("background: {{ poll_every: {SOON} }}\n"));
    let stack = Stack::start(options.more_backends(vec![azure("east")])).await;
    let body = json!({ "model": "gpt-4o", "input": "Think about it", "background": true });
    let (status, made) = send_json(stack.post("/openai/v1/responses", &body)).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    // Nobody can say how it goes, until east is the first backend.
    stack.azure.set_fault(Some(Fault::Status(503)));
    let text = std::fs::read_to_string(stack.config_path()).expect("a file");
    let line = |name: &str| {
        let mut lines = text.lines();
        let begins = format!("  - {{ name: {name}");
        let line = lines.find(|it| it.starts_with(&begins)).expect("a backend");
        line.to_owned()
    };
    let (sweden, east) = (line("sweden"), line("east"));
    let other = text
        .replace(&sweden, "THIRD")
        .replace(&east, &sweden)
        .replace("THIRD", &east);
    std::fs::write(stack.config_path(), other).expect("written");
    let log = stack.tollgate().log();
    log.wait_for_json("the other order", |line| {
        line.to_string().contains("configuration is in force")
    })
    .await;
    stack.azure.set_fault(None);
    let store = ledger(&stack).await;
    let row = wait_for("its record", async || {
        let rows = rows(&store).await;
        rows.into_iter().find(|row| row.source != "none")
    })
    .await;
    assert_eq!((&*row.source, &*row.backend), ("reported", "sweden"));
    assert_eq!(seen(&stack)[1], 0, "the new first backend was asked");
}

#[tokio::test]
async fn weights_share_the_requests() {
    let stack = two("pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, weight: 3 }, { name: east, weight: 1 } ] }\n").await;
    for _ in 0..40 {
        assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    }
    assert_eq!(seen(&stack), [30, 10]);
}

#[tokio::test]
async fn a_backend_that_nobody_asks_is_probed_and_rests_until_it_is_well() {
    let options = Options::default().more_backends(vec![azure("east")]);
    let stack = Stack::start(options.edit_config(|yaml| {
        yaml.replace("name: sweden,", "name: sweden, probe_every: 20ms,")
            + "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, priority: 0 }, { name: east, priority: 1 } ] }\n"
    }))
    .await;
    let state = async || {
        let (_, text) = stack.tollgate().admin("/backends").await.expect("a page");
        let states: Value = serde_json::from_str(&text).expect("JSON");
        states[0].clone()
    };
    stack.azure.set_fault(Some(Fault::Status(503)));
    wait_for("a rest", async || {
        state().await["rests_ms"].is_number().then_some(())
    })
    .await;
    stack.azure.set_fault(None);
    wait_for("its return", async || {
        (state().await["state"] == "healthy").then_some(())
    })
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    let requests = stack.azure.requests();
    let probes = requests.iter().filter(|it| it.path == "/openai/v1/models");
    assert!(probes.count() >= 6, "five failures and an answer");
    assert!(
        requests.iter().any(|it| it.method == "POST"),
        "it serves again"
    );
    assert_no_violations(&stack);
}
