//! Limits per minute, provisioned throughput, and its spillover.

use crate::rig::{Rig, ask, json_of, send};
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::deployment::{Deployment, Deployments};

fn deployments(more: impl FnOnce(&mut Deployment)) -> Deployments {
    let mut limited = Deployment::new("gpt-4o-2024-08-06");
    more(&mut limited);
    let spare = Deployment::new("gpt-4o-2024-08-06");
    let named = [("gpt-4o", limited), ("gpt-4o-spare", spare)];
    named
        .map(|(name, deployment)| (name.to_owned(), deployment))
        .into()
}

fn body() -> Value {
    ask("hello", &json!({"max_tokens": 50}))
}

#[tokio::test]
async fn over_the_limit_azure_says_when_to_come_again() {
    let rig = Rig::start().await;
    rig.azure.set_deployments(deployments(|limited| {
        limited.tokens_per_minute = Some(50);
    }));
    let first = send(rig.chat(&body())).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["x-ratelimit-remaining-tokens"], "0");
    let second = send(rig.chat(&body())).await;
    assert_eq!(second.status(), 429);
    let seconds = second.headers()["retry-after"].to_str().expect("text");
    let seconds: u64 = seconds.parse().expect("seconds");
    assert!((50..=60).contains(&seconds), "{seconds}");
    assert!(!second.headers().contains_key("retry-after-ms"));
    let message = json_of(second).await["error"]["message"].to_string();
    let expected = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit";
    assert!(message.contains(expected), "{message}");
    assert_eq!(rig.azure.ledger()[1].tokens.prompt, 0, "a 429 is billed");
}

#[tokio::test]
async fn provisioned_throughput_tells_its_utilization_and_milliseconds() {
    let rig = Rig::start().await;
    rig.azure.set_deployments(deployments(|limited| {
        limited.tokens_per_minute = Some(100);
        limited.provisioned = true;
    }));
    let first = send(rig.chat(&body())).await;
    let utilization = &first.headers()["azure-openai-deployment-utilization"];
    assert_eq!(utilization, "58%", "8 of prompt and 50 of 100");
    send(rig.chat(&body())).await;
    let third = send(rig.chat(&body())).await;
    assert_eq!(third.status(), 429);
    assert!(third.headers().contains_key("retry-after-ms"));
}

#[tokio::test]
async fn what_is_too_much_spills_over() {
    let rig = Rig::start().await;
    rig.azure.set_deployments(deployments(|limited| {
        limited.requests_per_minute = Some(0);
        limited.spillover = Some("gpt-4o-spare".to_owned());
    }));
    let response = send(rig.chat(&body())).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["x-ms-spillover-from-deployment"], "gpt-4o");
    assert_eq!(headers["x-ms-deployment-name"], "gpt-4o-spare");
    let entry = &rig.azure.ledger()[0];
    assert_eq!(entry.deployment.as_deref(), Some("gpt-4o-spare"));
}
