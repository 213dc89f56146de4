//! Batches: their lines are charged each by the output, once, whoever looks at it and whatever happens
//! while it is read.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate::usage::LedgerRow;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::books::{NEVER, SOON, ledger, rows, with_everything};
use crate::objects::{LINE, batch, id, made, upload};
use crate::support::{assert_no_violations, call, metric, refused, send};

/// Half of the ordinary price.
const PRICES: &str = "prices:\n  - { model: gpt-4o, input: 2.50, output: 10.00, per: 1000000, currency: USD }\n  - { model: gpt-4o, service_tier: batch, input: 1.25, output: 5.00, per: 1000000, currency: USD }\n";

fn options(poll_every: &str) -> Options {
    with_everything(&format!(
        "background: {{ poll_batches_every: {poll_every} }}\n{PRICES}"
    ))
}

async fn start(poll_every: &str) -> Stack {
    Stack::start(options(poll_every)).await
}

/// Lines of chats, each with another question.
fn chats(count: usize) -> String {
    let line = |number: usize| LINE.replace("\"Hi\"", &format!("\"Question {number}\""));
    let lines: Vec<_> = (0..count).map(line).collect();
    lines.join("\n")
}

/// Uploads lines and makes a batch of them; gives its id.
async fn begun(stack: &Stack, lines: &str) -> String {
    let key = stack.key.text();
    let file = id(&made(upload(stack, key, "batch", lines)).await, "id");
    let request = batch(stack, key, &file).header("x-end-user", "alice");
    id(&made(request).await, "id")
}

fn get(stack: &Stack, path: &str) -> RequestBuilder {
    call(
        stack,
        stack.key.text(),
        "GET",
        &format!("/openai/v1/{path}"),
    )
}

fn cancel(stack: &Stack, batch: &str) -> RequestBuilder {
    let path = format!("/openai/v1/batches/{batch}/cancel");
    call(stack, stack.key.text(), "POST", &path)
}

fn delete(stack: &Stack, file: &str) -> RequestBuilder {
    let path = format!("/openai/v1/files/{file}");
    call(stack, stack.key.text(), "DELETE", &path)
}

fn charged(rows: &[LedgerRow]) -> (i64, i64) {
    let sum = |tokens: fn(&LedgerRow) -> i64| rows.iter().map(tokens).sum();
    (sum(|row| row.input_tokens), sum(|row| row.output_tokens))
}

fn billed(stack: &Stack) -> (i64, i64) {
    let tokens = stack.azure.totals().tokens;
    let signed = |count: u64| i64::try_from(count).expect("a count");
    (signed(tokens.prompt), signed(tokens.completion))
}

/// Waits until nothing is open; gives all records then.
async fn settled(stack: &Stack) -> Vec<LedgerRow> {
    wait_for("the batch to be settled", async || {
        let open = metric(stack, "tollgate_background_open", &[]).await;
        (open == 0.0).then_some(())
    })
    .await;
    // Its last record is on the disk when the batch counts as collected.
    wait_for("the batch to be collected", async || {
        let collected = metric(stack, "tollgate_background_collected_total", &[]).await;
        (collected >= 1.0).then_some(())
    })
    .await;
    rows(&ledger(stack).await).await
}

/// Asserts that what was billed is charged, each line once.
async fn assert_charged(stack: &Stack, lines: usize) -> Vec<LedgerRow> {
    let mut rows = settled(stack).await;
    assert_eq!(charged(&rows), billed(stack), "{rows:#?}");
    rows.retain(|row| row.source == "reported");
    assert_eq!(rows.len(), lines, "{rows:#?}");
    rows
}

#[tokio::test]
async fn each_line_is_charged_to_the_request_that_made_the_batch() {
    let stack = start(SOON).await;
    begun(&stack, &chats(3)).await;
    let all = settled(&stack).await;
    let of_batch = all.iter().find(|row| row.operation == "batches");
    let made = of_batch.expect("the batch");
    assert_eq!(made.source_reason.as_deref(), Some("background"));
    for row in assert_charged(&stack, 3).await {
        assert_eq!(row.client, "mobile-app");
        assert_eq!(row.end_user.as_deref(), Some("alice"));
        assert_eq!(row.credential, "key.primary");
        assert_eq!(row.key_id.as_deref(), stack.key.text().get(4..14));
        assert_eq!(row.product.as_deref(), Some("standard"));
        assert_eq!(row.operation, "chat.completions");
        assert_eq!(row.deployment.as_deref(), Some("gpt-4o"));
        assert_eq!(row.model.as_deref(), Some("gpt-4o-2024-08-06"));
        assert_eq!(row.request_id, made.request_id);
        assert_eq!(row.started_ms, made.started_ms);
        assert_eq!(row.service_tier.as_deref(), Some("batch"));
        let nanos = row.input_tokens * 1250 + row.output_tokens * 5000;
        assert_eq!(row.cost_nanos, Some(nanos), "by the price of batches");
    }
    let retrieved = ["outcome=\"retrieved\""];
    let name = "tollgate_background_collected_total";
    assert_eq!(metric(&stack, name, &retrieved).await, 1.0);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn lines_of_every_operation_are_charged() {
    let lines = [
        (
            "/embeddings",
            json!({"model": "text-embedding-3-large", "input": ["a", "b c"]}),
        ),
        ("/v1/responses", json!({"model": "gpt-4o", "input": "Hi"})),
        (
            "/v1/chat/completions",
            json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "n": 2}),
        ),
    ];
    for (url, body) in lines {
        let stack = start(SOON).await;
        let line = json!({"custom_id": "1", "method": "POST", "url": url, "body": body});
        let lines = format!("{line}\n{line}\n");
        let file = id(
            &made(upload(&stack, stack.key.text(), "batch", &lines)).await,
            "id",
        );
        let body = json!({"input_file_id": file, "endpoint": url, "completion_window": "24h"});
        made(stack.post("/openai/v1/batches", &body)).await;
        let rows = assert_charged(&stack, 2).await;
        assert!(rows[0].input_tokens > 0, "{url}");
    }
}

#[tokio::test]
async fn a_batch_that_its_client_looks_at_is_charged_at_once_and_once() {
    let stack = start(NEVER).await;
    let batch = begun(&stack, &chats(2)).await;
    let path = format!("batches/{batch}");
    let done = made(get(&stack, &path)).await;
    assert_eq!(done["status"], "completed");
    assert_charged(&stack, 2).await;
    let output = format!("files/{}/content", id(&done, "output_file_id"));
    for path in [&path, &output, &path] {
        assert_eq!(send(get(&stack, path)).await.status(), 200);
    }
    assert_charged(&stack, 2).await;
}

#[tokio::test]
async fn what_is_read_twice_is_charged_once() {
    for restarts in [false, true] {
        let mut stack = start(NEVER).await;
        let lines = 300;
        let batch = format!("batches/{}", begun(&stack, &chats(lines)).await);
        // The output breaks off half way, where the gateway reads it: after the client's look, and its own.
        let faults = [Fault::NoUsage, Fault::NoUsage, Fault::DropMidStream];
        stack.azure.fail_next(&faults);
        made(get(&stack, &batch)).await;
        wait_for("the output to break off", async || {
            let failures = metric(&stack, "tollgate_background_failures_total", &[]).await;
            (failures == 1.0).then_some(())
        })
        .await;
        let store = ledger(&stack).await;
        let some = wait_for("some lines", async || {
            let rows = rows(&store).await;
            let count = rows.iter().filter(|row| row.source == "reported").count();
            (count > 0).then_some(count)
        })
        .await;
        assert!(some < lines, "{some} are not half of them");
        if restarts {
            stack.restart_tollgate().await.expect("a restart");
        }
        made(get(&stack, &batch)).await;
        let rows = assert_charged(&stack, lines).await;
        assert!(rows.iter().all(|row| row.operation == "chat.completions"));
        if !restarts {
            let lines_said = stack.tollgate().audit().json();
            let said = lines_said.iter().filter(|it| it["source"] == "reported");
            assert_eq!(said.count(), lines, "in the audit log, too");
        }
    }
}

#[tokio::test]
async fn a_batch_is_charged_after_a_restart() {
    let mut stack = start(SOON).await;
    stack.azure.hold_background(true);
    begun(&stack, &chats(2)).await;
    let before = stack.azure.requests().len() as u64;
    stack.azure.arrived(before + 2).await;
    stack.restart_tollgate().await.expect("a restart");
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 1.0);
    stack.azure.hold_background(false);
    assert_charged(&stack, 2).await;
    stack.restart_tollgate().await.expect("a restart");
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 0.0);
}

#[tokio::test]
async fn lines_that_fail_cost_nothing_and_those_of_a_cancelled_batch_cost_what_they_used() {
    let stack = start(SOON).await;
    let fails = LINE.replace(r#","messages":[{"role":"user","content":"Hi"}]"#, "");
    assert_ne!(fails, LINE);
    begun(&stack, &format!("{LINE}\n{fails}\n{LINE}")).await;
    assert_charged(&stack, 2).await;

    let stack = start(SOON).await;
    begun(&stack, &fails).await;
    let rows = settled(&stack).await;
    let end = rows.iter().find(|row| row.operation == "chat.completions");
    let reason = end.and_then(|row| row.source_reason.as_deref());
    assert_eq!(reason, Some("not_reported_by_operation"), "{rows:#?}");
    assert_eq!(charged(&rows), (0, 0));

    let stack = start(NEVER).await;
    stack.azure.hold_background(true);
    let batch = begun(&stack, LINE).await;
    assert_eq!(made(cancel(&stack, &batch)).await["status"], "cancelling");
    stack.azure.hold_background(false);
    let ended = made(get(&stack, &format!("batches/{batch}"))).await;
    assert_eq!(ended["status"], "cancelled");
    assert_charged(&stack, 1).await;
}

#[tokio::test]
async fn the_output_can_be_deleted_once_it_is_charged() {
    // Where the gateway can't ask, it stays.
    let unreachable = options(SOON).edit_config(|yaml| {
        let (before, rest) = yaml.split_once("endpoint: \"").expect("an endpoint");
        let (_, after) = rest.split_once('"').expect("its end");
        format!("{before}endpoint: \"https://127.0.0.1:1\"{after}")
    });
    let stack = Stack::start(unreachable).await;
    let batch = begun(&stack, LINE).await;
    let output = async |stack: &Stack, batch: &str| -> Value {
        made(get(stack, &format!("batches/{batch}"))).await["output_file_id"].clone()
    };
    let file = output(&stack, &batch).await;
    let file = file.as_str().expect("a file");
    let got = refused(delete(&stack, file)).await;
    assert_eq!(got, (409, "file_not_settled".to_owned()));
    assert_eq!(
        send(get(&stack, &format!("files/{file}/content")))
            .await
            .status(),
        200
    );

    let mut stack = start(NEVER).await;
    let batch = begun(&stack, LINE).await;
    let file = output(&stack, &batch).await;
    let file = file.as_str().expect("a file");
    wait_for("the deletion", async || {
        send(delete(&stack, file))
            .await
            .status()
            .is_success()
            .then_some(())
    })
    .await;
    assert_charged(&stack, 1).await;
    stack.restart_tollgate().await.expect("a restart");
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 0.0);
}

#[tokio::test]
async fn a_batch_that_is_gone_is_charged_by_what_was_asked_for() {
    let stack = start(SOON).await;
    stack.azure.hold_background(true);
    begun(&stack, &chats(3)).await;
    stack.azure.forget_objects();
    let rows = settled(&stack).await;
    let estimated = rows.iter().find(|row| row.source == "estimated");
    let row = estimated.expect("an estimate");
    assert_eq!(row.source_reason.as_deref(), Some("not_retrieved"));
    assert_eq!(row.output_tokens, 3 * 4096);
    assert!(row.input_tokens > 0);
}

#[tokio::test]
async fn whoever_hangs_up_before_the_batch_has_an_id_pays_for_its_lines() {
    let stack = start(SOON).await;
    let key = stack.key.text();
    let file = id(&made(upload(&stack, key, "batch", &chats(2))).await, "id");
    let request = batch(&stack, key, &file).header("x-fake-first-byte-delay-ms", "60000");
    tokio::select! {
        answer = request.send() => panic!("{answer:?}"),
        () = stack.azure.arrived(2) => {}
    }
    let store = ledger(&stack).await;
    let row = wait_for("an estimate", async || {
        let rows = rows(&store).await;
        rows.into_iter().find(|row| row.source == "estimated")
    })
    .await;
    assert_eq!(row.operation, "batches");
    assert_eq!(row.output_tokens, 2 * 4096);
    assert!(row.input_tokens > 0);
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 0.0);
}
