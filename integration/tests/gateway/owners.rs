//! Who owns what the service stores: kept with the records, after a restart and at every replica.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate::usage::{ObjectRow, Position};
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::{Options, Stack, TestKey, wait_for};

use crate::books::{ledger, with_ledger};
use crate::objects::{LINE, batch, id, made, upload};
use crate::support::{
    assert_no_violations, call, everything, refused, send, send_json, with_client,
};

/// `mobile-app` and `other-app`, with every operation, and a ledger.
fn two_clients(more: &str) -> Options {
    let other = TestKey::numbered(2).sha256();
    with_ledger(more)
        .edit_config(move |yaml| with_client(&everything(&yaml), "other-app", &other, "standard"))
}

/// A response that reasons, runs code and says something.
fn response(stack: &Stack, key: &str, more: &Value) -> RequestBuilder {
    let tools = json!([{"type": "code_interpreter", "container": {"type": "auto"}}]);
    let mut body = json!({"model": "gpt-4o", "input": "Hi", "tools": tools});
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    let request = call(stack, key, "POST", "/openai/v1/responses").json(&body);
    request.header("x-fake-reasoning-tokens", "5")
}

fn get(stack: &Stack, key: &str, path: &str) -> RequestBuilder {
    call(stack, key, "GET", &format!("/openai/v1/{path}"))
}

/// The objects of the ledger that are not deleted.
async fn kept(stack: &Stack) -> Vec<ObjectRow> {
    let store = ledger(stack).await;
    let read = store.objects_after(Position::default(), 1000).await;
    let (mut rows, _) = read.expect("objects");
    rows.retain(|row| row.deleted == 0);
    rows
}

/// What of a response the client can refer to: kind and id.
fn referable(response: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::from([("response".to_owned(), id(response, "id"))]);
    for item in response["output"].as_array().expect("an output") {
        found.insert(("item".to_owned(), id(item, "id")));
        if item["container_id"].is_string() {
            found.insert(("container".to_owned(), id(item, "container_id")));
        }
    }
    found
}

fn last_event(stream: &str) -> Value {
    let last = stream.lines().rfind(|line| line.starts_with("data: "));
    serde_json::from_str(&last.expect("an event")[6..]).expect("JSON")
}

fn names(rows: &[ObjectRow]) -> BTreeSet<(String, String)> {
    let name = |row: &ObjectRow| (row.kind.clone(), row.id.clone());
    rows.iter().map(name).collect()
}

#[tokio::test]
async fn a_client_owns_what_its_responses_show_before_it_has_the_last_byte() {
    let stack = Stack::start(two_clients("")).await;
    let key = stack.key.text();
    let whole = made(response(&stack, key, &json!({}))).await;
    let mut expected = referable(&whole);
    assert_eq!(expected.len(), 5, "of each kind something: {expected:?}");
    assert_eq!(names(&kept(&stack).await), expected);

    let streamed = send(response(&stack, key, &json!({"stream": true}))).await;
    let last = last_event(&streamed.text().await.expect("a whole stream"));
    expected.extend(referable(&last["response"]));
    assert_eq!(expected.len(), 10);
    assert_eq!(names(&kept(&stack).await), expected, "of the stream too");

    let path = format!("responses/{}/input_items", id(&whole, "id"));
    let input = made(get(&stack, key, &path)).await;
    expected.insert(("item".to_owned(), id(&input["data"][0], "id")));
    let kept = kept(&stack).await;
    assert_eq!(names(&kept), expected, "and what went in");
    for row in &kept {
        assert_eq!(row.client, "mobile-app", "{row:?}");
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_leaves_what_it_has_shown() {
    let stack = Stack::start(two_clients("")).await;
    let request = response(&stack, stack.key.text(), &json!({"stream": true}));
    let request = request.header("x-fake-fault", "drop-mid-stream");
    let _ = send(request).await.text().await;
    let rows = wait_for("what was shown", async || {
        let rows = kept(&stack).await;
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    for kind in ["response", "item", "container"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

#[tokio::test]
async fn owners_survive_a_restart_and_what_is_deleted_stays_gone() {
    let mut stack = Stack::start(two_clients("")).await;
    let (mine, theirs) = (stack.key.text().to_owned(), TestKey::numbered(2));
    let file = id(&made(upload(&stack, &mine, "batch", LINE)).await, "id");
    let first = id(&made(batch(&stack, &mine, &file)).await, "id");
    let done = made(get(&stack, &mine, &format!("batches/{first}"))).await;
    let output = id(&done, "output_file_id");
    let kept_response = made(response(&stack, &mine, &json!({}))).await;
    let deleted_response = made(response(&stack, &mine, &json!({}))).await;
    let deleted_file = id(&made(upload(&stack, &mine, "batch", LINE)).await, "id");
    let deleted = [
        format!("files/{deleted_file}"),
        format!("responses/{}", id(&deleted_response, "id")),
    ];
    for path in &deleted {
        let path = format!("/openai/v1/{path}");
        made(call(&stack, &mine, "DELETE", &path)).await;
    }
    stack.restart_tollgate().await.expect("a restart");

    let own = [
        format!("files/{file}"),
        format!("files/{output}/content"),
        format!("batches/{first}"),
        format!("responses/{}", id(&kept_response, "id")),
        format!("responses/{}/input_items", id(&kept_response, "id")),
    ];
    let before = stack.azure.requests().len();
    for path in &own {
        let request = get(&stack, theirs.text(), path);
        assert_eq!(refused(request).await.0, 404, "another client's {path}");
    }
    assert_eq!(refused(batch(&stack, theirs.text(), &file)).await.0, 404);
    for path in &deleted {
        assert_eq!(refused(get(&stack, &mine, path)).await.0, 404, "{path}");
    }
    assert_eq!(
        stack.azure.requests().len(),
        before,
        "none reached the backend"
    );
    for path in &own {
        assert_eq!(send(get(&stack, &mine, path)).await.status(), 200, "{path}");
    }
    made(batch(&stack, &mine, &file)).await;
    assert_no_violations(&stack);
}

/// Requests that name what a response has shown: its items, referred to and sent again, and its container.
fn naming(stack: &Stack, key: &str, shown: &Value) -> Vec<RequestBuilder> {
    let mut requests = Vec::new();
    let mut ask = |item: Value, container: &Value| {
        let tools = json!([{"type": "code_interpreter", "container": container}]);
        let question = json!({"role": "user", "content": "And?"});
        let body = json!({"model": "gpt-4o", "input": [item, question], "tools": tools});
        requests.push(call(stack, key, "POST", "/openai/v1/responses").json(&body));
    };
    let auto = json!({"type": "auto"});
    for item in shown["output"].as_array().expect("an output") {
        ask(json!({"type": "item_reference", "id": item["id"]}), &auto);
        ask(item.clone(), &auto);
        if item["container_id"].is_string() {
            let before = json!({"role": "assistant", "content": "x"});
            ask(before, &item["container_id"]);
        }
    }
    assert_eq!(requests.len(), 7, "{shown}");
    requests
}

#[tokio::test]
async fn what_a_response_shows_can_be_named_by_its_client_only() {
    let mut stack = Stack::start(two_clients("")).await;
    let (mine, theirs) = (stack.key.text().to_owned(), TestKey::numbered(2));
    let whole = made(response(&stack, &mine, &json!({}))).await;
    let streamed = send(response(&stack, &mine, &json!({"stream": true}))).await;
    let streamed = last_event(&streamed.text().await.expect("a whole stream"));
    let queued = made(response(&stack, &mine, &json!({"background": true}))).await;
    let path = format!("responses/{}", id(&queued, "id"));
    let retrieved = made(get(&stack, &mine, &path)).await;
    let all = [&whole, &streamed["response"], &retrieved];
    for round in ["at once", "after a restart"] {
        for shown in all {
            for request in naming(&stack, &mine, shown) {
                let (status, body) = send_json(request).await;
                assert_eq!(status, 200, "{round}: {body}");
            }
            let before = stack.azure.requests().len();
            for request in naming(&stack, theirs.text(), shown) {
                let got = refused(request).await;
                assert_eq!(got, (404, "not_found".to_owned()), "{round}: {shown}");
            }
            assert_eq!(
                stack.azure.requests().len(),
                before,
                "the backend was not asked"
            );
        }
        stack.restart_tollgate().await.expect("a restart");
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_background_response_is_counted_once_over_restarts() {
    let mut stack = Stack::start(two_clients("")).await;
    let key = stack.key.text().to_owned();
    let queued = made(response(&stack, &key, &json!({"background": true}))).await;
    let path = format!("responses/{}", id(&queued, "id"));
    let mut sources = Vec::new();
    for _ in 0..2 {
        stack.restart_tollgate().await.expect("a restart");
        for _ in 0..2 {
            let shown = made(get(&stack, &key, &path)).await;
            assert!(shown["usage"].is_object(), "{shown}");
        }
    }
    for row in crate::books::rows(&ledger(&stack).await).await {
        if row.source == "reported" {
            assert_eq!(row.deployment.as_deref(), Some("gpt-4o"), "{row:?}");
            assert_eq!(row.product.as_deref(), Some("standard"), "{row:?}");
        }
        sources.push(row.source_reason.unwrap_or(row.source));
    }
    assert_eq!(
        sources,
        ["background", "reported", "stored", "stored", "stored"]
    );
}

#[tokio::test]
async fn what_a_client_makes_at_one_replica_is_its_own_at_another() {
    let server = Postgres::start().expect("a PostgreSQL");
    let options = || {
        let database = format!(
            "database: {{ url: \"{}\", password: {{ env: TEST_DATABASE_PASSWORD }} }}\n",
            server.url()
        );
        two_clients(&database).tollgate_env("TEST_DATABASE_PASSWORD", Postgres::PASSWORD)
    };
    // Each has an Azure of its own: what is asked for there is not found there.
    let (here, there) = (Stack::start(options()).await, Stack::start(options()).await);
    let (mine, theirs) = (here.key.text(), TestKey::numbered(2));
    let file = id(&made(upload(&here, mine, "batch", LINE)).await, "id");
    let answer = made(response(&here, mine, &json!({}))).await;
    let paths = [
        format!("files/{file}"),
        format!("responses/{}", id(&answer, "id")),
    ];
    for path in &paths {
        wait_for("the other replica to know", async || {
            let before = there.azure.requests().len();
            send_json(get(&there, mine, path)).await;
            (there.azure.requests().len() > before).then_some(())
        })
        .await;
        let before = there.azure.requests().len();
        let request = get(&there, theirs.text(), path);
        assert_eq!(refused(request).await.0, 404, "another client's {path}");
        assert_eq!(there.azure.requests().len(), before, "{path}");
    }
    for path in &paths {
        let path = format!("/openai/v1/{path}");
        made(call(&here, mine, "DELETE", &path)).await;
    }
    for path in &paths {
        wait_for("the other replica to forget", async || {
            let before = there.azure.requests().len();
            send_json(get(&there, mine, path)).await;
            (there.azure.requests().len() == before).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn objects_that_azure_no_longer_has_go_and_files_stay_as_long_as_records() {
    let mut stack = Stack::start(two_clients("ledger: { retention: 60d }\n")).await;
    let store = ledger(&stack).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = i64::try_from(now.expect("after 1970").as_millis()).expect("a time");
    let row = |kind: &str, days: i64| ObjectRow {
        kind: kind.to_owned(),
        id: format!("{kind}_{days}"),
        client: "mobile-app".to_owned(),
        created_ms: now_ms - days * 86_400_000,
        ..ObjectRow::default()
    };
    let kinds = ["response", "item", "container", "file", "batch"];
    let rows: Vec<_> = [29, 31, 61]
        .into_iter()
        .flat_map(|days| kinds.map(|kind| row(kind, days)))
        .collect();
    store.write(&[], &rows).await.expect("written");
    stack.restart_tollgate().await.expect("a restart");
    let kept = wait_for("the old objects to go", async || {
        let rows = kept(&stack).await;
        (rows.len() <= 7).then_some(rows)
    })
    .await;
    let mut names: Vec<_> = kept.iter().map(|row| row.id.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "batch_29",
            "batch_31",
            "container_29",
            "file_29",
            "file_31",
            "item_29",
            "response_29"
        ]
    );
}
