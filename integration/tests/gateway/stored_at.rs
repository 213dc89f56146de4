//! Several backends and what the service stores: it is made where the pool says, once, and found where it is.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::stack::{Options, Stack};

use crate::books::with_everything;
use crate::objects::{LINE, batch, id, made, upload};
use crate::support::{refused, send, send_json};

const RESPONSES: &str = "/openai/v1/responses";
/// East before sweden, which is the first of the file.
const EAST_FIRST: &str = "pools:\n  - { deployment: gpt-4o, backends: [ { name: east, priority: 0 }, { name: sweden, priority: 1 } ] }\n";
/// By turns, sweden first.
const BY_TURNS: &str =
    "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden }, { name: east } ] }\n";

/// Sweden and east, with all operations, a ledger and this pool.
async fn stack(pool: &str) -> Stack {
    let east = AzureOptions {
        name: "east".to_owned(),
        ..AzureOptions::default()
    };
    let options: Options = with_everything(pool).edit_config(|yaml| {
        yaml.replacen(
            "deployments: [gpt-4o,",
            "deployments: [gpt-4o-mini, gpt-4o,",
            1,
        )
    });
    Stack::start(options.more_backends(vec![east])).await
}

fn question() -> Value {
    json!({ "model": "gpt-4o", "input": "Say hello." })
}

fn get(stack: &Stack, path: &str) -> reqwest::RequestBuilder {
    let http = stack.callers.http1();
    let request = http.get(stack.callers.url(path));
    request.header("api-key", stack.key.text())
}

/// How many requests sweden and east have seen.
fn seen(stack: &Stack) -> [usize; 2] {
    [&stack.azure, &stack.others[0]].map(|it| it.requests().len())
}

async fn make(stack: &Stack, body: &Value) -> String {
    let (status, made) = send_json(stack.post(RESPONSES, body)).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    made["id"].as_str().expect("an id").to_owned()
}

async fn found(stack: &Stack, id: &str) {
    let (status, again) = send_json(get(stack, &format!("{RESPONSES}/{id}"))).await;
    assert_eq!((status, again["id"].as_str()), (StatusCode::OK, Some(id)));
}

async fn reconfigured(stack: &Stack, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(stack.config_path()).expect("a file");
    let log = stack.tollgate().log();
    let is_one = |line: &Value| line.to_string().contains("configuration is in force");
    let before = log.json().iter().filter(|it| is_one(it)).count();
    std::fs::write(stack.config_path(), change(text)).expect("written");
    tollgate_integration::stack::wait_for("the change", async || {
        (log.json().iter().filter(|it| is_one(it)).count() > before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_response_is_found_where_it_was_made_whatever_the_pool_says_by_then() {
    let mut stack = stack(EAST_FIRST).await;
    let plain = make(&stack, &question()).await;
    let mut body = question();
    body["stream"] = json!(true);
    let streamed = send(stack.post(RESPONSES, &body)).await;
    let text = streamed.text().await.expect("a stream");
    let id = text.split("\"id\":\"resp_").nth(1).expect("an id");
    let streamed = format!("resp_{}", id.split('"').next().expect("its end"));
    assert_eq!(seen(&stack), [0, 2]);
    reconfigured(&stack, |text| text.replace(EAST_FIRST, BY_TURNS)).await;
    stack.restart_tollgate().await.expect("it starts again");
    for id in [&plain, &streamed] {
        found(&stack, id).await;
        let mut next = question();
        next["previous_response_id"] = json!(id);
        make(&stack, &next).await;
    }
    assert_eq!(seen(&stack), [0, 6]);
    // It can't be anywhere else: that it rests changes nothing.
    stack.others[0].fail_next(&[Fault::Status(429)]);
    let throttled = get(&stack, &format!("{RESPONSES}/{plain}"));
    let throttled = throttled.header("x-fake-retry-after-ms", "600000");
    assert_eq!(
        send(throttled).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    found(&stack, &plain).await;
    assert_eq!(seen(&stack), [0, 8]);
}

#[tokio::test]
async fn what_is_at_two_backends_is_in_no_one_request() {
    let stack = stack(BY_TURNS).await;
    let first = make(&stack, &question()).await;
    let (_, second) = send_json(stack.post(RESPONSES, &question())).await;
    assert_eq!(seen(&stack), [1, 1]);
    let item = &second["output"][0]["id"];
    let both = json!({
        "model": "gpt-4o",
        "previous_response_id": first,
        "input": [{ "type": "item_reference", "id": item }],
    });
    let refused = refused(stack.post(RESPONSES, &both)).await;
    assert_eq!(refused, (400, "stored_apart".to_owned()));
    // Nor in the lines of one file, whichever comes first.
    let second = second["id"].as_str().expect("an id");
    let line = |previous: &str| {
        json!({
            "custom_id": previous, "method": "POST", "url": "/v1/responses",
            "body": { "model": "gpt-4o", "input": "Hi", "previous_response_id": previous },
        })
        .to_string()
    };
    let key = stack.key.text().to_owned();
    for lines in [[line(&first), line(second)], [line(second), line(&first)]] {
        let file = upload(&stack, &key, "batch", &lines.join("\n"));
        let refused = crate::support::refused(file).await;
        assert_eq!(refused, (400, "stored_apart".to_owned()));
    }
    assert_eq!(seen(&stack), [1, 1]);
}

#[tokio::test]
async fn a_reference_leads_to_no_backend_that_the_pool_does_not_have() {
    let pool = "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden } ] }\n  - { deployment: gpt-4o-mini, backends: [ { name: east } ] }\n";
    let stack = stack(pool).await;
    let mut body = question();
    body["model"] = json!("gpt-4o-mini");
    let at_east = make(&stack, &body).await;
    assert_eq!(seen(&stack), [0, 1]);
    let mut next = question();
    next["previous_response_id"] = json!(at_east);
    let refused = refused(stack.post(RESPONSES, &next)).await;
    assert_eq!(refused, (403, "backend_not_allowed".to_owned()));
    assert_eq!(seen(&stack), [0, 1]);
    found(&stack, &at_east).await;
}

#[tokio::test]
async fn a_batch_runs_where_its_file_is() {
    let stack = stack(EAST_FIRST).await;
    let key = stack.key.text().to_owned();
    let file = id(&made(upload(&stack, &key, "batch", LINE)).await, "id");
    assert_eq!(seen(&stack), [0, 1]);
    reconfigured(&stack, |text| text.replace(EAST_FIRST, BY_TURNS)).await;
    let begun = id(&made(batch(&stack, &key, &file)).await, "id");
    let (status, again) = send_json(get(&stack, &format!("/openai/v1/batches/{begun}"))).await;
    assert_eq!((status, id(&again, "id")), (StatusCode::OK, begun));
    assert_eq!(seen(&stack)[0], 0);
}

#[tokio::test]
async fn a_backend_that_is_gone_or_not_allowed_any_more_is_not_asked() {
    let stack = stack(EAST_FIRST).await;
    let id = make(&stack, &question()).await;
    let path = format!("{RESPONSES}/{id}");
    let mut next = question();
    next["previous_response_id"] = json!(id);
    let pinned = |text: String| {
        let operations = "    operations: [";
        let backends = "    backends: { names: [sweden] }\n";
        text.replacen(operations, &format!("{backends}{operations}"), 1)
    };
    let gone = |text: String| {
        let east = text.lines().find(|it| it.starts_with("  - { name: east"));
        let east = east.expect("a backend").to_owned() + "\n";
        let text = text.replace(&east, "").replace(EAST_FIRST, "");
        text + "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden } ] }\n"
    };
    let own = std::fs::read_to_string(stack.config_path()).expect("a file");
    for (change, expected) in [
        (pinned(own.clone()), (403, "backend_not_allowed".to_owned())),
        (gone(own.clone()), (404, "not_found".to_owned())),
    ] {
        reconfigured(&stack, |_| change).await;
        assert_eq!(refused(get(&stack, &path)).await, expected);
        assert_eq!(refused(stack.post(RESPONSES, &next)).await, expected);
    }
    assert_eq!(seen(&stack), [0, 1]);
}

#[tokio::test]
async fn what_may_have_been_made_is_made_again_only_where_that_is_configured() {
    let repeating = EAST_FIRST.replace("gpt-4o,", "gpt-4o, repeat_stored: true,");
    let unstored = json!({ "model": "gpt-4o", "input": "Hi", "store": false });
    let background = json!({ "model": "gpt-4o", "input": "Hi", "background": true });
    for (pool, body, goes_on) in [
        (EAST_FIRST, question(), false),
        (EAST_FIRST, unstored, true),
        (EAST_FIRST, background.clone(), false),
        (&repeating, question(), true),
        (&repeating, background, false),
    ] {
        let stack = stack(pool).await;
        // Nothing was done yet.
        stack.others[0].fail_next(&[Fault::Status(429)]);
        let refused = send(
            stack
                .post(RESPONSES, &body)
                .header("x-fake-retry-after-ms", "1"),
        );
        assert_eq!(refused.await.status(), StatusCode::OK, "{pool}{body}");
        assert_eq!(seen(&stack), [1, 1], "{pool}{body}");
        for fault in [Fault::Status(503), Fault::ResetBeforeHeaders] {
            let before = seen(&stack);
            stack.others[0].set_fault(Some(fault));
            let status = send(stack.post(RESPONSES, &body)).await.status();
            let expected = match goes_on {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            };
            assert_eq!(status, expected, "{pool}{body}");
            let after = seen(&stack);
            assert_eq!(after[0] - before[0], usize::from(goes_on), "{pool}{body}");
        }
    }
}
