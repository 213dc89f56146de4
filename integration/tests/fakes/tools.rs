//! Loops with tools, in chat and in Responses: what a model calls, and what it takes for an answer.

use crate::rig::{Rig, ask, events, json_of, send};
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::script::Fault;

const QUESTION: &str = "Use get_weather for Zürich.";

fn parameters() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}})
}

fn chat_tools() -> Value {
    let function = json!({"name": "get_weather", "parameters": parameters()});
    json!([{"type": "function", "function": function}])
}

fn tools() -> Value {
    json!([{"type": "function", "name": "get_weather", "parameters": parameters()}])
}

#[tokio::test]
async fn a_chat_calls_the_tool_that_the_user_names_and_then_speaks() {
    let rig = Rig::start().await;
    let mut body = ask(QUESTION, &json!({"tools": chat_tools()}));
    let answer = json_of(send(rig.chat(&body)).await).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
    assert_eq!(choice["message"]["content"], Value::Null, "{answer}");
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"city":"Zürich"}"#);

    let said = json!({"role": "tool", "tool_call_id": call["id"], "content": "sunny"});
    let messages = body["messages"].as_array_mut().expect("a list");
    messages.push(choice["message"].clone());
    let unanswered = json!({"messages": messages});
    messages.push(said);
    assert_eq!(send(rig.chat(&unanswered)).await.status(), 400);
    let answer = json_of(send(rig.chat(&body)).await).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer}");
}

#[tokio::test]
async fn a_response_that_calls_a_tool_is_gone_on_from_in_three_ways() {
    let rig = Rig::start().await;
    let first = json!({"input": QUESTION, "tools": tools(), "model": "o4-mini"});
    let answer = json_of(send(rig.post("/openai/v1/responses", &first)).await).await;
    let [thought, call] = &answer["output"].as_array().expect("a list")[..] else {
        panic!("not two items: {answer}");
    };
    assert_eq!(thought["type"], "reasoning", "{answer}");
    assert_eq!(call["type"], "function_call", "{answer}");
    assert_eq!(call["arguments"], r#"{"city":"Zürich"}"#, "{answer}");

    let said =
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"});
    let user = json!({"role": "user", "content": QUESTION});
    let reference = |item: &Value| json!({"type": "item_reference", "id": item["id"]});
    let ways = [
        json!({"previous_response_id": answer["id"], "input": [said]}),
        json!({"input": [user, thought, call, said]}),
        json!({"input": [user, reference(thought), reference(call), said]}),
    ];
    for body in ways {
        let next = json_of(send(rig.respond(&body)).await).await;
        assert_eq!(next["output"][0]["type"], "message", "{body}: {next}");
    }
    let alone = json!({"input": [user, said]});
    assert_eq!(send(rig.respond(&alone)).await.status(), 400, "no call");
    let unknown = json!({"input": [{"type": "item_reference", "id": "rs_1"}]});
    assert_eq!(send(rig.respond(&unknown)).await.status(), 404);
}

#[tokio::test]
async fn a_streamed_call_has_no_message_beside_it() {
    let rig = Rig::start().await;
    let body = json!({"input": QUESTION, "tools": tools(), "stream": true});
    let text = send(rig.respond(&body))
        .await
        .text()
        .await
        .expect("a stream");
    let events = events(&text);
    let added = |event: &&Value| event["type"] == "response.output_item.added";
    let items: Vec<&Value> = events.iter().filter(added).map(|it| &it["item"]).collect();
    assert_eq!(items.len(), 1, "{text}");
    assert_eq!(items[0]["type"], "function_call", "{text}");
    let deltas = events.iter().filter_map(|event| event["delta"].as_str());
    assert_eq!(deltas.collect::<String>(), r#"{"city":"Zürich"}"#);
}

#[tokio::test]
async fn what_is_kept_by_the_caller_needs_no_store() {
    let rig = Rig::start().await;
    let body = json!({
        "input": "Think.", "model": "o4-mini", "store": false,
        "include": ["reasoning.encrypted_content"],
    });
    let answer = json_of(send(rig.post("/openai/v1/responses", &body)).await).await;
    let mut thought = answer["output"][0].clone();
    assert!(thought["encrypted_content"].is_string(), "{answer}");
    let go_on = |thought: &Value| {
        rig.respond(&json!({"input": [thought, {"role": "user", "content": "Go on."}]}))
    };
    assert_eq!(send(go_on(&thought)).await.status(), 200);
    thought["encrypted_content"] = Value::Null;
    assert_eq!(send(go_on(&thought)).await.status(), 404, "nobody has it");
}

#[tokio::test]
async fn an_input_is_counted_for_nothing_and_made_shorter_for_tokens() {
    let rig = Rig::start().await;
    let body = json!({"input": "Say hello.", "model": "gpt-4o"});
    let counted = json_of(send(rig.post("/openai/v1/responses/input_tokens", &body)).await).await;
    let shorter = json_of(send(rig.post("/openai/v1/responses/compact", &body)).await).await;
    assert_eq!(counted["input_tokens"], shorter["usage"]["input_tokens"]);
    assert_eq!(shorter["output"][1]["type"], "compaction", "{shorter}");
    let bills = rig.azure.ledger();
    assert_eq!(bills[0].tokens.prompt, 0, "counting is free");
    assert_eq!(
        shorter["usage"]["output_tokens"],
        bills[1].tokens.completion
    );
}

#[tokio::test]
async fn a_fault_may_be_of_one_request() {
    let rig = Rig::start().await;
    rig.azure.fail_next(&[Fault::Status(429)]);
    let hello = ask("hello", &json!({}));
    let statuses = [send(rig.chat(&hello)).await, send(rig.chat(&hello)).await];
    assert_eq!(statuses.map(|it| it.status().as_u16()), [429, 200]);
}
