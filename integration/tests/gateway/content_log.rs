//! The content log: nothing of prompts and answers is written unless a product says so, and then without what must not
//! be seen.

use std::os::unix::fs::PermissionsExt;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate_integration::stack::{CHAT_PATH, Stack, wait_for};

use crate::reload::{edit, reloaded};
use crate::support::{hello, hello_stream, metric, send, stack_with};

const FILE: &str = "content.jsonl";
const PRODUCT: &str = "  - id: standard\n";
/// Two words: they come in two pieces of a stream.
const TWO_WORDS: &str = "content_log: { file: content.jsonl, redact: [ { name: email, pattern: '[\\w.]+@[\\w.]+' }, { name: words, pattern: '[a-z]+ [a-z]+' } ] }\n";
const PLAIN: &str = "content_log: { file: content.jsonl, max_content_bytes: 2000 }\n";

/// The product is logged, to the log of a section.
fn logged(yaml: &str, log: &str) -> String {
    assert!(yaml.contains(PRODUCT), "{yaml}");
    let product = format!("{PRODUCT}    content_log: {{}}\n");
    yaml.replacen(PRODUCT, &product, 1) + log
}

async fn logging(log: &'static str) -> Stack {
    stack_with(move |yaml| logged(&yaml, log)).await
}

/// The lines of the log, once there are so many.
async fn lines(stack: &Stack, count: usize) -> Vec<Value> {
    let file = stack.directory().join(FILE);
    wait_for("the lines of the content log", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert!(lines.len() <= count, "more than {count}: {text}");
        (lines.len() == count).then_some(lines)
    })
    .await
}

async fn answer(request: RequestBuilder) -> String {
    let answer = send(request).await;
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a whole answer")
}

/// The text of a stream as its client puts it together.
fn streamed(answer: &str) -> String {
    let events = answer.lines().filter_map(|it| it.strip_prefix("data: "));
    let events = events.filter_map(|it| serde_json::from_str::<Value>(it).ok());
    let text = events.map(|it| {
        let text = it["choices"][0]["delta"]["content"].as_str();
        text.unwrap_or_default().to_owned()
    });
    text.collect()
}

#[tokio::test]
async fn only_products_that_ask_for_it_are_logged() {
    let second = "  - { id: other, deployments: [gpt-4o-mini], operations: [chat.completions] }\n";
    let stack = stack_with(move |yaml| {
        let yaml = yaml.replacen("products: [standard]", "products: [standard, other]", 1);
        let yaml = yaml.replacen("products:\n", &format!("products:\n{second}"), 1);
        logged(&yaml, PLAIN)
    })
    .await;
    let whole = answer(stack.chat(&hello())).await;
    let pieces = answer(stack.chat(&hello_stream())).await;
    let other = stack.post(
        "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21",
        &json!({"messages": [{"role": "user", "content": "not to be logged"}]}),
    );
    answer(other).await;
    let [json, stream] = lines(&stack, 2).await.try_into().expect("two lines");
    let audit = stack.tollgate().audit().wait_for_count("records", 3).await;
    for (line, record) in [(&json, &audit[0]), (&stream, &audit[1])] {
        assert_eq!(line["event"], "content");
        assert_eq!(line["request"]["messages"], hello()["messages"]);
        assert_eq!(
            (&line["cut"], &line["redactions"]),
            (&json!(false), &json!(0))
        );
        for same in [
            "time",
            "request_id",
            "client",
            "user",
            "key_id",
            "product",
            "operation",
            "deployment",
            "model",
            "backend",
            "stream",
            "status",
        ] {
            assert_eq!(line[same], record[same], "{same}");
        }
    }
    let whole: Value = serde_json::from_str(&whole).expect("JSON");
    assert_eq!(json["response"], whole);
    assert_eq!(stream["response"]["parts"][0]["content"], streamed(&pieces));
    assert_eq!(stream["response"]["parts"][0]["finish_reason"], "stop");
    let file = std::fs::metadata(stack.directory().join(FILE)).expect("the file");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_patterns_find_is_not_written_however_it_comes() {
    let stack = logging(TWO_WORDS).await;
    let key = stack.key.text().to_owned();
    let arguments = json!({"to": "ada@example.org", "password": "hunter2"}).to_string();
    let messages = json!([
        {"role": "user", "content": format!("ada\u{40}example.org has {key}")},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "send", "arguments": arguments}},
        ]},
        {"role": "tool", "tool_call_id": "c", "content": "data:text/plain;base64,YWRhQGV4YW1wbGUub3Jn"},
    ]);
    for stream in [false, true] {
        let body = json!({"messages": messages, "stream": stream, "user": "ada"});
        // serde_json writes `@`; what is escaped is the same text.
        let body = body.to_string().replace('@', "\\u0040");
        let url = stack.callers.url(CHAT_PATH);
        let request = stack.callers.http1().post(url).header("api-key", &key);
        let request = request.header("content-type", "application/json");
        let request = request.header("x-fake-output-tokens", "40").body(body);
        let said = answer(request).await;
        let said = match stream {
            true => streamed(&said),
            false => said,
        };
        assert!(said.split(' ').count() > 5, "the fake says words: {said}");
    }
    let lines = lines(&stack, 2).await;
    for line in &lines {
        let text = line.to_string();
        for secret in ["ada", "example", key.as_str(), "hunter2", "YWRh", "tgk_"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        let first = &line["request"]["messages"][0]["content"];
        assert_eq!(first, "[email] has [key]");
        let said = match line["stream"].as_bool() {
            Some(true) => &line["response"]["parts"][0]["content"],
            _ => &line["response"]["choices"][0]["message"]["content"],
        };
        let said = said.as_str().expect("a text");
        assert!(said.contains("[words]"), "{said}");
        let words: Vec<_> = said.split(' ').collect();
        let is_word = |it: &str| it.bytes().all(|byte| byte.is_ascii_lowercase());
        let pairs = words
            .windows(2)
            .filter(|it| is_word(it[0]) && is_word(it[1]));
        assert_eq!(pairs.count(), 0, "two words are left: {said}");
    }
}

#[tokio::test]
async fn what_is_long_is_cut_and_what_is_no_text_is_left_out() {
    let stack = logging(PLAIN).await;
    let long = "word ".repeat(10_000);
    let image = "QUJD".repeat(1000);
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}},
        {"type": "text", "text": long},
    ]}]});
    answer(stack.chat(&body)).await;
    let embedding = json!({"input": "hello"});
    let path = "/openai/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21";
    answer(stack.post(path, &embedding)).await;
    let [chat, embedding] = lines(&stack, 2).await.try_into().expect("two lines");
    assert_eq!(chat["cut"], true);
    let request = chat["request"].to_string();
    assert!(request.len() < 2500 && request.contains('…'), "{request}");
    assert!(request.contains("[4022 bytes of data]"), "{request}");
    assert_eq!(embedding["request"]["input"], "hello");
    assert_eq!(embedding["response"], Value::Null);
    assert_eq!(embedding["response_left_out"], "not_text");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_logged_as_far_as_it_came() {
    let stack = logging(PLAIN).await;
    let slow = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "200")
        .header("x-fake-token-delay-ms", "10");
    let mut stream = send(slow).await;
    let mut text = String::new();
    while streamed(&text).is_empty() {
        let piece = stream.chunk().await.expect("a piece").expect("a piece");
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    drop(stream);
    let line = lines(&stack, 1).await.remove(0);
    let logged = line["response"]["parts"][0]["content"].as_str();
    let logged = logged.expect("what came");
    assert!(logged.starts_with(&streamed(&text)), "{logged}: {text}");
    assert_eq!(line["response"]["parts"][0]["finish_reason"], Value::Null);
}

#[tokio::test]
async fn a_log_that_can_not_be_written_costs_no_request_and_is_counted() {
    let full = "content_log: { file: /dev/full }\n";
    let mut stack = logging(full).await;
    for _ in 0..3 {
        answer(stack.chat(&hello())).await;
    }
    let said = async |stack: &Stack, message: &str| {
        wait_for(message, async || {
            let log = stack.tollgate().log().all().join("\n");
            log.contains(message).then_some(())
        })
        .await;
    };
    said(&stack, "the content log can't be written").await;
    let child = stack.tollgate_mut().child();
    child.signal("TERM").await.expect("a signal");
    let ended = stack.tollgate_mut().child().ended().await.expect("it ends");
    assert_eq!(ended.code(), Some(0));
    said(&stack, "lines of the content log are lost").await;
}

#[tokio::test]
async fn which_product_is_logged_is_changed_while_the_service_runs() {
    let stack = stack_with(|yaml| yaml + PLAIN).await;
    answer(stack.chat(&hello())).await;
    edit(&stack, |yaml| logged(&yaml, ""));
    reloaded(&stack, "success", 1.0).await;
    answer(stack.chat(&hello())).await;
    lines(&stack, 1).await;
    let lost = metric(&stack, "tollgate_content_lines_lost_total", &[]).await;
    assert_eq!(lost, 0.0);
    edit(&stack, |yaml| {
        yaml.replace("file: content.jsonl", "file: other.jsonl")
    });
    reloaded(&stack, "failure", 1.0).await;
    answer(stack.chat(&hello())).await;
    lines(&stack, 2).await;
    assert!(!stack.directory().join("other.jsonl").exists());
}
