//! Responses that are made in the background: charged once and in full, whoever looks at them and when.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate::usage::LedgerRow;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::stack::{Options, Stack, TestKey, wait_for};

use crate::books::{NEVER, SOON, ledger, rows, with_everything, with_ledger};
use crate::objects::{id, made};
use crate::support::{
    assert_no_violations, call, everything, metric, refused, send, send_json, with_client,
};

/// A stack with a ledger, whose gateway asks so often.
fn options(poll_every: &str) -> Options {
    with_everything(&format!("background: {{ poll_every: {poll_every} }}\n"))
}

async fn start(poll_every: &str) -> Stack {
    Stack::start(options(poll_every)).await
}

fn begin(stack: &Stack, more: &Value) -> RequestBuilder {
    let mut body = json!({"model": "gpt-4o", "input": "Think about it", "background": true});
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    let request = stack.post("/openai/v1/responses", &body);
    request.header("x-end-user", "alice")
}

fn get(stack: &Stack, response: &str, query: &str) -> RequestBuilder {
    let path = format!("/openai/v1/responses/{response}{query}");
    call(stack, stack.key.text(), "GET", &path)
}

fn delete(stack: &Stack, response: &str) -> RequestBuilder {
    let path = format!("/openai/v1/responses/{response}");
    call(stack, stack.key.text(), "DELETE", &path)
}

/// Begins a response that nobody looks at; gives its id.
async fn begun(stack: &Stack) -> String {
    id(&made(begin(stack, &json!({}))).await, "id")
}

/// Begins a stream, hangs up after the first event, and gives the response's id.
async fn cut_stream(stack: &Stack) -> String {
    let request = begin(stack, &json!({"stream": true}));
    let request = request.header("x-fake-event-delay-us", "20000");
    let mut response = send(request).await;
    let mut text = String::new();
    loop {
        let piece = response.chunk().await.expect("a piece").expect("an event");
        text.push_str(&String::from_utf8_lossy(&piece));
        if let Some(id) = id_of_first_event(&text) {
            return id;
        }
    }
}

/// The id in `response.created`, once it is whole.
fn id_of_first_event(text: &str) -> Option<String> {
    let (event, _) = text.split_once("\n\n")?;
    let (_, data) = event.split_once("data: ")?;
    let event: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(event["type"], "response.created");
    assert_eq!(event["response"]["background"], true);
    Some(id(&event["response"], "id"))
}

/// Tokens of the prompt and of the answer.
fn charged(rows: &[LedgerRow]) -> (i64, i64) {
    let sum = |tokens: fn(&LedgerRow) -> i64| rows.iter().map(tokens).sum();
    (sum(|row| row.input_tokens), sum(|row| row.output_tokens))
}

fn billed(stack: &Stack) -> (i64, i64) {
    let tokens = stack.azure.totals().tokens;
    let signed = |count: u64| i64::try_from(count).expect("a count");
    (signed(tokens.prompt), signed(tokens.completion))
}

/// Waits for a record with this source or reason; gives all records then.
async fn recorded(stack: &Stack, source: &str) -> Vec<LedgerRow> {
    let store = ledger(stack).await;
    wait_for(&format!("a record: {source}"), async || {
        let rows = rows(&store).await;
        let is =
            |row: &LedgerRow| row.source == source || row.source_reason.as_deref() == Some(source);
        rows.iter().any(is).then_some(rows)
    })
    .await
}

/// Asserts that what was billed is charged, to the token, and once.
async fn assert_charged(stack: &Stack) -> Vec<LedgerRow> {
    let rows = recorded(stack, "reported").await;
    assert_eq!(charged(&rows), billed(stack), "{rows:#?}");
    assert!(billed(stack).1 > 0, "nothing was billed");
    rows
}

#[tokio::test]
async fn a_stream_that_is_cut_is_charged_in_full_by_the_first_retrieval() {
    for query in ["", "?stream=true", "?stream=true&starting_after=1"] {
        let stack = start(NEVER).await;
        let response = cut_stream(&stack).await;
        recorded(&stack, "background").await;
        let text = send(get(&stack, &response, query)).await.text().await;
        assert!(text.expect("a whole answer").contains("\"usage\":{"));
        assert_charged(&stack).await;
        for again in ["", "?stream=true"] {
            let text = send(get(&stack, &response, again)).await.text().await;
            assert!(text.expect("a whole answer").contains("\"usage\":{"));
        }
        let rows = assert_charged(&stack).await;
        assert_eq!(rows.len(), 4, "{query}: {rows:#?}");
        assert_no_violations(&stack);
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_and_never_retrieved_is_charged_in_full() {
    let stack = start(SOON).await;
    cut_stream(&stack).await;
    let rows = assert_charged(&stack).await;
    assert_eq!(rows.len(), 2, "begun, and charged: {rows:#?}");
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_stream_that_comes_whole_is_charged_once_whoever_looks_meanwhile() {
    for looks in [false, true] {
        let stack = start(NEVER).await;
        let request = begin(&stack, &json!({"stream": true}));
        let request = request.header("x-fake-event-delay-us", "20000");
        let mut response = send(request).await;
        let mut text = String::new();
        let mut looked = false;
        while let Some(piece) = response.chunk().await.expect("a piece") {
            text.push_str(&String::from_utf8_lossy(&piece));
            if let Some(id) = id_of_first_event(&text).filter(|_| looks && !looked) {
                looked = true;
                made(get(&stack, &id, "")).await;
            }
        }
        assert!(text.contains("response.completed"));
        let rows = assert_charged(&stack).await;
        let reported = rows.iter().filter(|row| row.source == "reported");
        assert_eq!(reported.count(), 1, "{rows:#?}");
        assert_eq!(rows.len(), 1 + usize::from(looks));
    }
}

#[tokio::test]
async fn a_retrieval_that_breaks_off_does_not_make_it_free() {
    for is_cut_by_client in [false, true] {
        let stack = start(NEVER).await;
        let response = begun(&stack).await;
        let request = get(&stack, &response, "");
        match is_cut_by_client {
            false => {
                let request = request.header("x-fake-fault", "drop-mid-stream");
                let broken = send(request).await.text().await;
                broken.expect_err("it breaks off");
            }
            true => {
                let request = request.header("x-fake-split", "16");
                let request = request.header("x-fake-split-delay-us", "20000");
                let mut answer = send(request).await;
                answer.chunk().await.expect("a piece").expect("a beginning");
            }
        }
        let rows = assert_charged(&stack).await;
        assert_eq!(rows.len(), 3, "{rows:#?}");
        made(get(&stack, &response, "")).await;
        assert_charged(&stack).await;
    }
}

#[tokio::test]
async fn a_response_that_is_never_retrieved_is_charged_to_the_request_that_began_it() {
    let stack = start(SOON).await;
    begun(&stack).await;
    let mut rows = assert_charged(&stack).await;
    // They are of one moment.
    rows.sort_by_key(|row| row.source == "reported");
    let [first, second] = rows.as_slice() else {
        panic!("begun, and charged: {rows:#?}");
    };
    assert_eq!(first.source_reason.as_deref(), Some("background"));
    assert_eq!(second.source, "reported");
    for row in [first, second] {
        assert_eq!(row.client, "mobile-app");
        assert_eq!(row.end_user.as_deref(), Some("alice"));
        assert_eq!(row.credential, "key.primary");
        assert_eq!(row.key_id.as_deref(), stack.key.text().get(4..14));
        assert_eq!(row.product.as_deref(), Some("standard"));
        assert_eq!(row.deployment.as_deref(), Some("gpt-4o"));
        assert_eq!(row.labels, first.labels);
        assert_eq!(row.request_id, first.request_id);
        assert_eq!(row.response_id, first.response_id);
    }
    assert!(
        first
            .labels
            .as_deref()
            .is_some_and(|it| it.contains("search"))
    );
    assert_eq!(second.finish_reason.as_deref(), Some("stop"));
    let retrieved = ["outcome=\"retrieved\""];
    let name = "tollgate_background_collected_total";
    assert_eq!(metric(&stack, name, &retrieved).await, 1.0);
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 0.0);
    assert_eq!(metric(&stack, "tollgate_active_requests", &[]).await, 0.0);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn what_is_open_is_charged_after_a_restart() {
    let mut stack = start(SOON).await;
    stack.azure.hold_background(true);
    let response = begun(&stack).await;
    let asked = stack.azure.requests().len() as u64;
    stack.azure.arrived(asked + 2).await;
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 1.0);
    stack.restart_tollgate().await.expect("a restart");
    stack.azure.hold_background(false);
    assert_charged(&stack).await;
    stack.restart_tollgate().await.expect("a restart");
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 0.0);
    made(get(&stack, &response, "")).await;
    assert_charged(&stack).await;
}

#[tokio::test]
async fn without_a_data_directory_it_is_charged_from_memory() {
    let stack =
        Stack::start(Options::default().edit_config(|yaml| {
            format!("{}background: {{ poll_every: 20ms }}\n", everything(&yaml))
        }))
        .await;
    begun(&stack).await;
    let audit = stack.tollgate().audit();
    let line = audit.wait_for_json("the charge", |line| line["source"] == "reported");
    let line = line.await;
    let counted = |name: &str| line[name].as_i64().expect("a count");
    let counted = (counted("input_tokens"), counted("output_tokens"));
    assert_eq!(counted, billed(&stack));
}

#[tokio::test]
async fn what_is_not_charged_yet_can_not_be_deleted() {
    let stack = start(NEVER).await;
    stack.azure.hold_background(true);
    let response = begun(&stack).await;
    for _ in 0..2 {
        let got = refused(delete(&stack, &response)).await;
        assert_eq!(got, (409, "response_not_settled".to_owned()));
    }
    stack.azure.hold_background(false);
    // An SDK tries again after 409, and it is charged in the meantime.
    wait_for("the response to be charged", async || {
        send(delete(&stack, &response))
            .await
            .status()
            .is_success()
            .then_some(())
    })
    .await;
    assert_charged(&stack).await;
    assert_eq!(refused(get(&stack, &response, "")).await.0, 404);
}

#[tokio::test]
async fn a_cancelled_response_is_charged_for_what_it_may_have_written() {
    let stack = start(NEVER).await;
    stack.azure.hold_background(true);
    let response = begun(&stack).await;
    let path = format!("/openai/v1/responses/{response}/cancel");
    let cancelled = made(call(&stack, stack.key.text(), "POST", &path)).await;
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["usage"].is_null(), "{cancelled}");
    let rows = recorded(&stack, "not_reported").await;
    let row = rows.iter().find(|row| row.source == "estimated");
    let row = row.expect("an estimate");
    assert_eq!(row.finish_reason.as_deref(), Some("cancelled"));
    assert!(row.input_tokens > 0, "{row:?}");
    assert!((1..=4096).contains(&row.output_tokens), "{row:?}");
}

#[tokio::test]
async fn what_is_gone_is_charged_by_what_was_asked_for() {
    let stack = start(SOON).await;
    stack.azure.hold_background(true);
    let bodies = [json!({"max_output_tokens": 700}), json!({})];
    for body in &bodies {
        made(begin(&stack, body)).await;
    }
    stack.azure.forget_responses();
    let store = ledger(&stack).await;
    let rows = wait_for("two estimates", async || {
        let mut rows = rows(&store).await;
        rows.retain(|row| row.source_reason.as_deref() == Some("not_retrieved"));
        (rows.len() == 2).then_some(rows)
    })
    .await;
    let mut output: Vec<_> = rows.iter().map(|row| row.output_tokens).collect();
    output.sort_unstable();
    assert_eq!(output, [700, 4096]);
    let given_up = ["outcome=\"given_up\""];
    let name = "tollgate_background_collected_total";
    assert_eq!(metric(&stack, name, &given_up).await, 2.0);
}

#[tokio::test]
async fn whoever_hangs_up_before_the_id_comes_pays_for_what_goes_on() {
    let stack = start(SOON).await;
    let request = begin(&stack, &json!({"max_output_tokens": 300}));
    let request = request.header("x-fake-first-byte-delay-ms", "60000");
    let hung_up = tokio::select! {
        answer = request.send() => panic!("{answer:?}"),
        () = stack.azure.arrived(1) => true,
    };
    assert!(hung_up);
    let rows = recorded(&stack, "incomplete").await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].input_tokens > 0, "{rows:?}");
    assert_eq!(rows[0].output_tokens, 300, "{rows:?}");
    assert_eq!(metric(&stack, "tollgate_background_open", &[]).await, 0.0);
}

#[tokio::test]
async fn a_client_may_leave_so_many_open_and_others_lose_nothing_by_it() {
    let other = TestKey::numbered(2);
    let sha256 = other.sha256();
    let options = with_ledger("background: { poll_every: 20ms, max_per_client: 2 }\n")
        .edit_config(move |yaml| with_client(&everything(&yaml), "other-app", &sha256, "standard"));
    let stack = Stack::start(options).await;
    stack.azure.hold_background(true);
    begun(&stack).await;
    begun(&stack).await;
    let got = refused(begin(&stack, &json!({}))).await;
    assert_eq!(got, (429, "too_many_background_responses".to_owned()));
    let body = json!({"model": "gpt-4o", "input": "Hi", "background": true});
    let theirs = call(&stack, other.text(), "POST", "/openai/v1/responses").json(&body);
    made(theirs).await;
    // What is not in the background goes on.
    made(begin(&stack, &json!({"background": false}))).await;
    stack.azure.hold_background(false);
    wait_for("a place", async || {
        let (status, _) = send_json(begin(&stack, &json!({}))).await;
        status.is_success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn it_is_asked_for_until_the_service_answers() {
    let stack = start(SOON).await;
    stack.azure.hold_background(true);
    begun(&stack).await;
    stack.azure.fail_next(&[Fault::DropMidStream; 4]);
    let concern = "background: usage can't be asked for";
    wait_for("a concern", async || {
        let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
        text.contains(concern).then_some(())
    })
    .await;
    stack.azure.hold_background(false);
    assert_charged(&stack).await;
    let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert!(status.is_success() && !text.contains(concern), "{text}");
    assert!(metric(&stack, "tollgate_background_failures_total", &[]).await >= 1.0);
}

#[tokio::test]
async fn an_identity_that_may_not_ask_is_the_operators_matter() {
    let stack = start(SOON).await;
    stack.azure.hold_background(true);
    begun(&stack).await;
    stack.azure.fail_next(&[Fault::Status(403); 4]);
    wait_for("what to do, in the log", async || {
        let lines = stack.tollgate().log().all();
        let said = |line: &String| line.contains("Cognitive Services OpenAI User");
        lines.iter().any(said).then_some(())
    })
    .await;
    stack.azure.hold_background(false);
    assert_charged(&stack).await;
}

#[tokio::test]
async fn the_service_ends_while_something_is_open() {
    let mut stack = start(SOON).await;
    stack.azure.hold_background(true);
    begun(&stack).await;
    let before = stack.azure.requests().len() as u64;
    stack.azure.arrived(before + 1).await;
    let child = stack.tollgate_mut().child();
    child.signal("TERM").await.expect("a signal");
    assert!(child.ended().await.expect("it ends").success());
}
