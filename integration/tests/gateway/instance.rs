//! What callers learn of the instances behind the gateway, and in which version of the API these are asked.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::stack::{Options, Stack};

use crate::backends::{V1, azure, azures, seen};
use crate::support::{hello, hello_stream, metric, send};

/// What the service says of an instance.
const OF_INSTANCE: [&str; 8] = [
    "x-ms-region",
    "x-ms-deployment-name",
    "x-ms-spillover-",
    "azureml-model-session",
    "azure-openai-deployment-utilization",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-limit-",
];
const BACKEND: &str = "x-tollgate-backend";

fn of_instance(answer: &Response) -> Vec<String> {
    let names = answer.headers().keys().map(|it| it.as_str().to_owned());
    let is_one = |name: &String| OF_INSTANCE.iter().any(|it| name.starts_with(it));
    let mut found: Vec<_> = names.filter(is_one).collect();
    found.sort();
    found
}

fn backend(answer: &Response) -> Option<String> {
    let name = answer.headers().get(BACKEND)?;
    Some(name.to_str().expect("text").to_owned())
}

/// One backend or two, with changes of tollgate.yaml.
async fn stack(backends: usize, change: impl FnOnce(String) -> String + Send + 'static) -> Stack {
    let others = ["east"].map(azure).into_iter().take(backends - 1);
    let options = Options::default().more_backends(others.collect());
    Stack::start(options.edit_config(change)).await
}

/// Sweden is asked before east.
fn in_order(yaml: &str) -> String {
    let pool = "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, priority: 0 }, { name: east, priority: 1 } ] }\n";
    format!("{yaml}{pool}")
}

#[tokio::test]
async fn callers_learn_nothing_of_the_instance() {
    for backends in [1, 2] {
        let stack = stack(backends, |yaml| yaml).await;
        for body in [hello(), hello_stream()] {
            let answer = send(stack.chat(&body)).await;
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(of_instance(&answer), Vec::<String>::new());
            assert_eq!(backend(&answer), None);
        }
        for azure in azures(&stack) {
            azure.set_fault(Some(Fault::Status(429)));
        }
        let refused = send(stack.chat(&hello())).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(of_instance(&refused), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_operator_may_keep_what_the_service_says() {
    let keep = |yaml: String| yaml + "response_headers: { instance: keep }\n";
    let stack = stack(2, keep).await;
    let stream = send(stack.chat(&hello_stream())).await;
    let plain = send(stack.chat(&hello())).await;
    for answer in [stream, plain] {
        let found = of_instance(&answer);
        for name in [
            "x-ms-region",
            "x-ms-deployment-name",
            "azureml-model-session",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-remaining-tokens",
        ] {
            assert!(found.iter().any(|it| it == name), "{name}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_callers_own_figures_take_the_place_of_the_instances() {
    let keep = |yaml: String| {
        yaml.replace(
            "products:\n  - id: standard\n",
            "products:\n  - id: standard\n    limits: { per_client: { requests_per_minute: 60 } }\n",
        ) + "response_headers: { instance: keep }\n"
    };
    let answer = send(stack(2, keep).await.chat(&hello())).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let found = of_instance(&answer);
    assert_eq!(answer.headers()["x-ratelimit-limit-requests"], "60");
    let of_service = "x-ratelimit-remaining-tokens".to_owned();
    assert!(!found.contains(&of_service), "{:?}", answer.headers());
    assert!(found.contains(&"x-ms-region".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_product_may_tell_its_callers_which_backend_answers() {
    for backends in [1, 2] {
        let stack = stack(backends, move |yaml| {
            let reveals = yaml.replace(
                "products:\n  - id: standard\n",
                "products:\n  - id: standard\n    reveal_backend: true\n",
            );
            match backends {
                1 => reveals,
                _ => in_order(&reveals),
            }
        })
        .await;
        for body in [hello(), hello_stream()] {
            let answer = send(stack.chat(&body)).await;
            assert_eq!(backend(&answer).as_deref(), Some("sweden"));
        }
        stack.azure.set_fault(Some(Fault::Status(503)));
        let (status, name) = match backends {
            1 => (StatusCode::SERVICE_UNAVAILABLE, "sweden"),
            _ => (StatusCode::OK, "east"),
        };
        let answer = send(stack.chat(&hello())).await;
        assert_eq!(answer.status(), status);
        assert_eq!(backend(&answer).as_deref(), Some(name));
        for azure in azures(&stack) {
            azure.set_fault(Some(Fault::Status(429)));
        }
        let refused = send(stack.chat(&hello())).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let last = azures(&stack).len() - 1;
        let name = ["sweden", "east"][last];
        assert_eq!(backend(&refused).as_deref(), Some(name));
    }
}

#[tokio::test]
async fn each_attempt_is_in_the_version_of_its_backend() {
    let versions = |yaml: String| {
        let with = yaml
            .replace(
                "name: sweden,",
                "name: sweden, api_version: 2025-04-01-preview,",
            )
            .replace("name: east,", "name: east, api_version: 2024-12-01,");
        in_order(&with)
    };
    let stack = stack(2, versions).await;
    stack.azure.set_fault(Some(Fault::Status(503)));
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    let mut body = hello();
    body["model"] = json!("gpt-4o");
    assert_eq!(send(stack.post(V1, &body)).await.status(), StatusCode::OK);
    assert_eq!(seen(&stack), [2, 2]);
    let dated = "/openai/deployments/gpt-4o/chat/completions?api-version=";
    for (azure, version) in azures(&stack)
        .into_iter()
        .zip(["2025-04-01-preview", "2024-12-01"])
    {
        let paths: Vec<_> = azure.requests().into_iter().map(|it| it.path).collect();
        assert_eq!(paths, [format!("{dated}{version}"), V1.to_owned()]);
    }
}

#[tokio::test]
async fn a_single_backend_has_its_version_too() {
    let stack = stack(1, |yaml| {
        yaml.replace("name: sweden,", "name: sweden, api_version: 2024-12-01,")
    })
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    let request = stack.azure.requests().remove(0);
    let path = request.path;
    assert!(path.ends_with("?api-version=2024-12-01"), "{path}");
}

#[tokio::test]
async fn a_deployment_without_room_is_asked_after_its_equals() {
    let mut small = AzureOptions::default();
    let limited = small.deployments.get_mut("gpt-4o").expect("a deployment");
    limited.requests_per_minute = Some(1);
    let options = Options::default()
        .azure(small)
        .more_backends(vec![azure("east")]);
    let stack = Stack::start(options).await;
    for _ in 0..5 {
        assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
    }
    // Without a word of it every second request would have come to sweden first, and have got 429.
    assert_eq!(seen(&stack), [1, 4]);
    let (_, text) = stack.tollgate().admin("/backends").await.expect("a page");
    let states: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(states[0]["deployments"][0]["state"], "full", "{text}");
    let sweden = ["tollgate_backend=\"sweden\""];
    assert_eq!(metric(&stack, "tollgate_backend_full", &sweden).await, 1.0);
    let (_, ready) = stack.tollgate().admin("/readyz").await.expect("a page");
    assert_eq!(ready, "ready\n", "it is not ill");
}
