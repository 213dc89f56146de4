//! Answers whose usage is not reported: what their prompts cost besides text, and products that refuse them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::process::Command;
use tollgate_integration::stack::{Stack, paths};

use crate::support::{
    assert_backend_untouched, call, everything, form, hello_stream, refusal_line, refused, send,
    settled, stack, stack_with, with_form, with_product_line,
};

/// Streams of this version can't be asked for their usage.
const OLD: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01";

/// The beginning of a PNG of this size, and so many bytes more.
fn png(width: u32, height: u32, more: usize) -> String {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend_from_slice(&width.to_be_bytes());
    file.extend_from_slice(&height.to_be_bytes());
    file.extend_from_slice(&[8, 6, 0, 0, 0, 0, 0, 0, 0]);
    file.resize(file.len() + more, 7);
    format!("data:image/png;base64,{}", STANDARD.encode(file))
}

/// Seconds of silence, 24 kHz, 16 bits, mono.
fn wav(seconds: u32) -> String {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    for value in [24_000_u32, 48_000] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&(seconds * 48_000).to_le_bytes());
    let silence = usize::try_from(seconds * 48_000).expect("a size");
    file.resize(file.len() + silence, 0);
    STANDARD.encode(file)
}

fn image(url: &str, detail: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url, "detail": detail}})
}

fn chat(parts: &[Value]) -> Value {
    let text = json!({"type": "text", "text": "What is it?"});
    let content: Vec<_> = [text].into_iter().chain(parts.iter().cloned()).collect();
    json!({"messages": [{"role": "user", "content": content}], "stream": true})
}

#[tokio::test]
async fn images_and_audio_of_a_prompt_are_in_its_estimate() {
    let stack = stack().await;
    let audio = json!({"type": "input_audio", "input_audio": {"data": wav(3), "format": "wav"}});
    let prompts = [
        vec![image(&png(1024, 1024, 0), "high")],
        vec![
            image(&png(600, 3000, 0), "auto"),
            image(&png(4000, 4000, 0), "low"),
        ],
        vec![audio.clone()],
        // More than is kept of a body: the files in it are cut.
        vec![image(&png(512, 512, 1_500_000), "high"), audio],
    ];
    for (at, parts) in prompts.iter().enumerate() {
        let answer = send(stack.post(OLD, &chat(parts))).await;
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("a whole answer");
        let count = at + 1;
        settled(&stack, u64::try_from(count).expect("a few")).await;
        let audit = stack.tollgate().audit();
        let lines = audit.wait_for_count("a record for each", count).await;
        let bill = stack.azure.ledger().pop().expect("a bill");
        let usage = &lines[at];
        assert_eq!(usage["source"], "estimated", "{usage}");
        assert_eq!(usage["input_tokens"], bill.tokens.prompt, "{usage}");
        assert_eq!(usage["output_tokens"], bill.tokens.completion, "{usage}");
    }
}

async fn strict() -> Stack {
    let source = "data_sources: [ { endpoint: \"https://search.example.net\", index: docs } ]";
    stack_with(move |yaml| {
        let yaml = everything(&yaml).replace(", realtime]", "]");
        let yaml = with_product_line(&yaml, source);
        with_product_line(&yaml, "require_reported_usage: true")
    })
    .await
}

fn with_data(stack: &Stack, stream: bool) -> RequestBuilder {
    let source = json!({"type": "azure_search", "parameters": {
        "endpoint": "https://search.example.net",
        "index_name": "docs",
    }});
    let mut body = hello_stream();
    body["stream"] = stream.into();
    body["model"] = "gpt-4o".into();
    body["data_sources"] = json!([source]);
    stack.post("/openai/v1/chat/completions", &body)
}

fn transcription(stack: &Stack, format: &str) -> RequestBuilder {
    let path = "/openai/v1/audio/transcriptions";
    let fields = [("model", "whisper"), ("response_format", format)];
    let form = form(&fields, Some(("file", &[7; 1230])));
    with_form(call(stack, stack.key.text(), "POST", path), form)
}

#[tokio::test]
async fn a_product_may_refuse_what_would_not_be_reported() {
    let stack = strict().await;
    let speech = json!({"model": "gpt-4o-mini-tts", "input": "Hi", "voice": "alloy"});
    for request in [
        stack.post(OLD, &hello_stream()),
        with_data(&stack, true),
        stack.post("/openai/v1/audio/speech", &speech),
        transcription(&stack, "srt"),
    ] {
        let (status, code) = refused(request).await;
        assert_eq!((status, code.as_str()), (403, "usage_not_reported"));
    }
    let line = refusal_line(&stack).await;
    assert_eq!(line["reason"], "usage_not_reported");
    assert_eq!(line["product"], "standard");
    assert_backend_untouched(&stack);

    let mut whole = hello_stream();
    whole["stream"] = false.into();
    let mut in_events = speech;
    in_events["stream_format"] = "sse".into();
    for request in [
        stack.chat(&hello_stream()),
        stack.post(OLD, &whole),
        with_data(&stack, false),
        stack.post("/openai/v1/audio/speech", &in_events),
        transcription(&stack, "json"),
    ] {
        let answer = send(request).await;
        let status = answer.status();
        assert_eq!(status, 200, "{}", answer.text().await.unwrap_or_default());
    }
}

#[tokio::test]
async fn explain_and_check_know_what_would_not_be_reported() {
    let stack = strict().await;
    let program = paths::binary("tollgate").expect("built");
    let (key, body) = (stack.key.text(), hello_stream());
    let request = format!(
        "POST {OLD} HTTP/1.1\r\nhost: a\r\napi-key: {key}\r\ncontent-type: application/json\r\n\r\n{body}"
    );
    let file = stack.directory().join("request.http");
    std::fs::write(&file, request).expect("written");
    let explained = Command::new(&program)
        .args(["explain", "--config"])
        .arg(stack.config_path())
        .arg("--request")
        .arg(&file)
        .output();
    let explained = explained.await.expect("it runs");
    let text = String::from_utf8_lossy(&explained.stdout);
    assert!(
        text.contains("does not: the product does not allow answers whose usage is not reported"),
        "{text}"
    );
    assert!(text.contains("usage_not_reported"), "{text}");

    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    let with_realtime = yaml.replace("batches]", "batches, realtime]");
    assert_ne!(yaml, with_realtime);
    let file = stack.directory().join("with-realtime.yaml");
    std::fs::write(&file, with_realtime).expect("written");
    let checked = Command::new(&program)
        .args(["check", "--file-only", "--config"])
        .arg(&file)
        .output();
    let checked = checked.await.expect("it runs");
    let report = String::from_utf8_lossy(&checked.stderr);
    assert!(!checked.status.success());
    assert!(
        report.contains("sessions of `realtime` report no usage to the gateway"),
        "{report}"
    );
}
