//! `service_tier`: the tier that answered is in the record and in the price.

use serde_json::{Value, json};
use tollgate_integration::stack::Stack;

use crate::books::{bills, by_request, ledger, records, with_ledger};
use crate::support::{send, usage_line};

/// An ordinary price and one for priority; flex has none.
const PRICES: &str = "prices:\n  - { model: gpt-4o, input: 2.00, output: 10.00, per: 1000000, currency: USD }\n  - { model: gpt-4o, service_tier: priority, input: 3.00, output: 20.00, per: 1000000, currency: USD }\n";

fn chat(tier: Option<&str>, stream: bool) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "Hi"}], "stream": stream});
    if let Some(tier) = tier {
        body["service_tier"] = tier.into();
    }
    body
}

fn response(tier: Option<&str>, stream: bool) -> Value {
    let mut body = json!({"model": "gpt-4o", "input": "Hi", "stream": stream});
    if let Some(tier) = tier {
        body["service_tier"] = tier.into();
    }
    body
}

#[tokio::test]
async fn the_tier_that_answered_is_charged_not_the_one_that_was_asked_for() {
    let stack = Stack::start(with_ledger(PRICES)).await;
    let mut count = 0;
    for stream in [false, true] {
        for (asked, answers) in [
            (None, None),
            (Some("auto"), None),
            (Some("priority"), None),
            // Azure falls back to the ordinary tier where priority is exhausted.
            (Some("priority"), Some("default")),
            // The deployment's own setting.
            (None, Some("priority")),
            (Some("flex"), None),
        ] {
            for request in [
                stack.chat(&chat(asked, stream)),
                stack.post("/openai/v1/responses", &response(asked, stream)),
            ] {
                let request = match answers {
                    Some(tier) => request.header("x-fake-service-tier", tier),
                    None => request,
                };
                let answer = send(request).await;
                assert_eq!(answer.status(), 200, "{asked:?}");
                answer.text().await.expect("a whole answer");
                count += 1;
            }
        }
    }
    let rows = by_request(records(&ledger(&stack).await, count).await);
    for (id, bill) in bills(&stack) {
        let row = &rows[&id];
        let said = bill.service_tier.as_deref();
        match row.operation.as_str() {
            // The fake's responses always say it.
            "responses" => {
                let tier = said.unwrap_or("default");
                assert_eq!(row.service_tier.as_deref(), Some(tier), "{bill:?}");
            }
            _ => assert_eq!(row.service_tier.as_deref(), said, "{bill:?}"),
        }
        let (input, output, price) = match said {
            Some("priority") => (3000, 20_000, "gpt-4o:priority"),
            _ => (2000, 10_000, "gpt-4o"),
        };
        let tokens = |count: u64| i64::try_from(count).expect("a count");
        let cost = tokens(bill.tokens.prompt) * input + tokens(bill.tokens.completion) * output;
        assert_eq!(row.cost_nanos, Some(cost), "{bill:?}");
        assert_eq!(row.price.as_deref(), Some(price), "{bill:?}");
    }
}

#[tokio::test]
async fn who_hangs_up_is_charged_by_the_tier_that_was_asked_for() {
    let stack = Stack::start(with_ledger(PRICES)).await;
    // Which tier answers is only said at the end of a response.
    let request = stack
        .post("/openai/v1/responses", &response(Some("priority"), true))
        .header("x-fake-output-tokens", "500")
        .header("x-fake-token-delay-ms", "5");
    let mut answer = send(request).await;
    answer.chunk().await.expect("a piece").expect("a piece");
    drop(answer);
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated", "{usage}");
    assert_eq!(usage["service_tier"], "priority", "{usage}");
    let [row] = records(&ledger(&stack).await, 1)
        .await
        .try_into()
        .expect("one");
    assert_eq!(row.price.as_deref(), Some("gpt-4o:priority"));
}

#[tokio::test]
async fn no_cheaper_tier_and_no_word_of_a_clients_is_charged_where_an_answer_breaks_off() {
    let stack = Stack::start(with_ledger(PRICES)).await;
    for tier in ["flex", "w000001"] {
        for request in [
            stack.post("/openai/v1/responses", &response(Some(tier), true)),
            stack.chat(&chat(Some(tier), true)),
        ] {
            let request = request
                .header("x-fake-output-tokens", "500")
                .header("x-fake-service-tier", "default")
                .header("x-fake-token-delay-ms", "5");
            let mut answer = send(request).await;
            answer.chunk().await.expect("a piece").expect("a piece");
        }
    }
    let refused = stack.chat(&chat(Some("w000002"), false));
    send(refused.header("x-fake-fault", "status-400")).await;
    for row in records(&ledger(&stack).await, 5).await {
        let tier = row.service_tier.as_deref();
        assert!([None, Some("default")].contains(&tier), "{row:?}");
    }
}
