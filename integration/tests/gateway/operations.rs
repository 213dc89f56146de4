//! Images, audio and models: authorised by path or by form, counted by what each reports.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::stack::Stack;

use crate::support::{
    assert_backend_untouched, assert_no_violations, call, everything, form, metric, refused, send,
    send_json, settled, stack_with, usage_line, with_form,
};

const AUDIO: [u8; 1230] = [7; 1230];

async fn open_stack() -> Stack {
    stack_with(|yaml| everything(&yaml)).await
}

/// A form for an operation, on the dated path of a deployment.
fn dated(stack: &Stack, deployment: &str, operation: &str, body: Vec<u8>) -> RequestBuilder {
    let path =
        format!("/openai/deployments/{deployment}/{operation}?api-version=2025-04-01-preview");
    with_form(call(stack, stack.key.text(), "POST", &path), body)
}

/// The same on the v1 path.
fn v1(stack: &Stack, operation: &str, body: Vec<u8>) -> RequestBuilder {
    let path = format!("/openai/v1/{operation}");
    with_form(call(stack, stack.key.text(), "POST", &path), body)
}

/// Sends it; gives what was answered, the record and the bill.
async fn served(stack: &Stack, request: RequestBuilder, nth: u64) -> (String, Value, Entry) {
    let response = send(request).await;
    let status = response.status();
    let bytes = response.bytes().await.expect("a body");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(status, 200, "{text}");
    settled(stack, nth).await;
    let bill = stack.azure.ledger().pop().expect("a bill");
    let id = bill.request_id.clone();
    let audit = stack.tollgate().audit();
    let usage = audit
        .wait_for_json("the usage record", |line| {
            line["request_id"].as_str() == id.as_deref()
        })
        .await;
    assert_eq!(
        usage["response_bytes"].as_u64(),
        u64::try_from(bytes.len()).ok(),
        "{usage}"
    );
    (text, usage, bill)
}

fn count(usage: &Value, name: &str) -> u64 {
    usage[name].as_u64().unwrap_or(0)
}

fn assert_billed(usage: &Value, bill: &Entry) {
    assert_eq!(count(usage, "input_tokens"), bill.tokens.prompt, "{usage}");
    assert_eq!(
        count(usage, "output_tokens"),
        bill.tokens.completion,
        "{usage}"
    );
    assert_eq!(count(usage, "images"), bill.units.images, "{usage}");
    assert_eq!(count(usage, "characters"), bill.units.characters, "{usage}");
    assert_eq!(usage["deployment"].as_str(), bill.deployment.as_deref());
    assert_eq!(usage["product"], "standard");
}

#[tokio::test]
async fn images_are_counted_in_both_shapes_streamed_or_not() {
    let stack = open_stack().await;
    let mut body = json!({"model": "gpt-image-1", "prompt": "A toll gate", "n": 2, "size": "1024x1536", "quality": "high"});
    let generate = "/openai/v1/images/generations";
    let (_, usage, bill) = served(&stack, stack.post(generate, &body), 1).await;
    assert_billed(&usage, &bill);
    assert_eq!(bill.units.images, 2);
    assert_eq!(
        (&usage["source"], &usage["stream"]),
        (&json!("reported"), &json!(false))
    );
    assert_eq!(usage["image_size"], "1024x1536");
    assert_eq!(usage["image_quality"], "high");
    assert_eq!(usage["operation"], "images.generations");

    body["stream"] = true.into();
    body["n"] = 1.into();
    let request = stack
        .post(generate, &body)
        .header("x-fake-event-bytes", "200000");
    let (text, usage, bill) = served(&stack, request, 2).await;
    assert!(text.contains("image_generation.completed"), "{text}");
    assert_billed(&usage, &bill);
    assert_eq!(usage["source"], "reported");
    assert!(usage["time_to_first_token_ms"].is_number(), "{usage}");

    let edit = |fields: &[(&str, &str)]| form(fields, Some(("image[]", &AUDIO)));
    let fields = [("prompt", "Open it"), ("size", "1024x1024")];
    let request = dated(&stack, "gpt-image-1", "images/edits", edit(&fields));
    let (_, usage, bill) = served(&stack, request, 3).await;
    assert_billed(&usage, &bill);
    assert_eq!(count(&usage, "image_input_tokens"), 272, "{usage}");
    assert_eq!(usage["image_size"], "1024x1024");
    assert!(count(&usage, "request_bytes") > 1230, "{usage}");

    let fields = [
        ("model", "gpt-image-1"),
        ("prompt", "Open it"),
        ("stream", "true"),
    ];
    let (text, usage, bill) = served(&stack, v1(&stack, "images/edits", edit(&fields)), 4).await;
    assert!(text.contains("image_edit.completed"), "{text}");
    assert_billed(&usage, &bill);
    assert_eq!(usage["stream"], true);
    let images = metric(
        &stack,
        "tollgate_usage_units_total",
        &["tollgate_unit=\"image\""],
    )
    .await;
    assert_eq!(images, 5.0, "the metric agrees with the records");
    assert_no_violations(&stack);
}

#[tokio::test]
async fn images_that_report_no_usage_are_counted_by_number() {
    let stack = open_stack().await;
    let body = json!({"prompt": "A toll gate", "size": "1792x1024", "quality": "hd"});
    let path = "/openai/deployments/dall-e-3/images/generations?api-version=2024-10-21";
    let (_, usage, bill) = served(&stack, stack.post(path, &body), 1).await;
    assert_billed(&usage, &bill);
    assert_eq!(usage["source"], "none");
    assert_eq!(usage["source_reason"], "not_reported_by_operation");
    assert_eq!(usage["images"], 1);
    assert_eq!(usage["image_size"], "1792x1024");
    assert_eq!(usage["image_quality"], "hd");
}

#[tokio::test]
async fn audio_that_is_heard_is_counted_by_what_the_model_reports() {
    let stack = open_stack().await;
    let with = |fields: &[(&str, &str)]| form(fields, Some(("file", &AUDIO)));
    let transcribe = "audio/transcriptions";
    let request = dated(
        &stack,
        "gpt-4o-transcribe",
        transcribe,
        with(&[("prompt", "Names")]),
    );
    let (_, usage, bill) = served(&stack, request, 1).await;
    assert_billed(&usage, &bill);
    assert_eq!(usage["source"], "reported");
    assert_eq!(
        count(&usage, "audio_input_tokens"),
        bill.tokens.audio_prompt
    );

    let fields = [("model", "gpt-4o-transcribe"), ("stream", "true")];
    let (_, usage, bill) = served(&stack, v1(&stack, transcribe, with(&fields)), 2).await;
    assert_billed(&usage, &bill);
    assert_eq!(
        (&usage["source"], &usage["stream"]),
        (&json!("reported"), &json!(true))
    );
    assert!(usage["time_to_first_token_ms"].is_number(), "{usage}");

    let verbose = with(&[("response_format", "verbose_json")]);
    let (_, usage, bill) = served(&stack, dated(&stack, "whisper", transcribe, verbose), 3).await;
    assert_eq!(usage["source_reason"], "not_reported_by_operation");
    assert_eq!(count(&usage, "audio_ms"), bill.units.audio_ms, "{usage}");
    assert_eq!(bill.units.audio_ms, 1230);

    for (nth, format) in [(4, "json"), (5, "text")] {
        let body = with(&[("model", "whisper"), ("response_format", format)]);
        let (_, usage, _) = served(&stack, v1(&stack, "audio/translations", body), nth).await;
        assert_eq!(usage["operation"], "audio.translations");
        assert_eq!(usage["source"], "none", "{format}: {usage}");
        assert_eq!(usage["source_reason"], "not_reported_by_operation");
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn speech_is_counted_by_characters_and_by_tokens_where_they_come() {
    let stack = open_stack().await;
    let mut body = json!({"model": "tts", "input": "Grüße 😀", "voice": "alloy"});
    let speak = "/openai/v1/audio/speech";
    let (_, usage, bill) = served(&stack, stack.post(speak, &body), 1).await;
    assert_billed(&usage, &bill);
    assert_eq!(usage["characters"], 7);
    assert_eq!(usage["source_reason"], "not_reported_by_operation");
    body["model"] = "gpt-4o-mini-tts".into();
    body["stream_format"] = "sse".into();
    let (_, usage, bill) = served(&stack, stack.post(speak, &body), 2).await;
    assert_billed(&usage, &bill);
    assert_eq!(usage["source"], "reported");
}

#[tokio::test]
async fn a_broken_or_refused_answer_of_images_and_audio_is_recorded() {
    let stack = open_stack().await;
    let body = form(
        &[("stream", "true"), ("prompt", "Names")],
        Some(("file", &AUDIO)),
    );
    let request = dated(&stack, "gpt-4o-transcribe", "audio/transcriptions", body);
    let request = request
        .header("x-fake-fault", "drop-mid-stream")
        .header("x-fake-event-delay-us", "20000");
    let cut = send(request).await;
    assert!(cut.bytes().await.is_err(), "the stream breaks off");
    let usage = usage_line(&stack).await;
    assert_eq!(usage["source"], "estimated");
    assert_eq!(usage["source_reason"], "incomplete");
    assert!(
        count(&usage, "output_tokens") > 0,
        "what was heard is counted: {usage}"
    );

    let heard = form(&[], Some(("file", &AUDIO)));
    let spoken = json!({"model": "tts", "input": "x", "voice": "alloy"});
    for request in [
        dated(&stack, "whisper", "audio/translations", heard.clone()),
        dated(&stack, "gpt-image-1", "images/edits", heard),
        stack.post("/openai/v1/audio/speech", &spoken),
    ] {
        let response = send(request.header("x-fake-fault", "status-503")).await;
        assert_eq!(response.status(), 503);
    }
    let audit = stack.tollgate().audit();
    let failed = audit.wait_for_count("the failures", 4).await;
    for record in failed.iter().skip(1) {
        assert_eq!(record["source_reason"], "refused", "{record}");
        assert_eq!(record["images"], Value::Null, "{record}");
    }

    let image = json!({"model": "gpt-image-1", "prompt": "x"});
    for (fault, status) in [("filter-prompt", 400), ("status-429", 429)] {
        let request = stack.post("/openai/v1/images/generations", &image);
        let response = send(request.header("x-fake-fault", fault)).await;
        assert_eq!(response.status().as_u16(), status);
        let audit = stack.tollgate().audit();
        let usage = audit
            .wait_for_json("a record", |line| line["status"] == status)
            .await;
        assert_eq!(usage["source_reason"], "refused", "{usage}");
        assert_eq!(usage["filtered"], fault == "filter-prompt", "{usage}");
    }
}

#[tokio::test]
async fn a_form_decides_as_strictly_as_json() {
    let stack = stack_with(|yaml| everything(&yaml).replace(", whisper", "")).await;
    let transcribe = "audio/transcriptions";
    let file = Some(("file", AUDIO.as_slice()));
    let cases = [
        (
            v1(&stack, transcribe, form(&[("model", "whisper")], file)),
            403,
        ),
        (v1(&stack, transcribe, form(&[], file)), 400),
        (
            v1(
                &stack,
                transcribe,
                form(
                    &[("model", "gpt-4o-transcribe"), ("model", "whisper")],
                    file,
                ),
            ),
            400,
        ),
        (
            v1(
                &stack,
                transcribe,
                form(
                    &[("model", "gpt-4o-transcribe"), ("Model", "whisper")],
                    file,
                ),
            ),
            400,
        ),
        (
            dated(
                &stack,
                "gpt-4o-transcribe",
                transcribe,
                form(&[("MODEL", "gpt-4o-transcribe")], file),
            ),
            400,
        ),
        (dated(&stack, "whisper", transcribe, form(&[], file)), 403),
        (
            call(
                &stack,
                stack.key.text(),
                "POST",
                "/openai/v1/audio/transcriptions",
            )
            .json(&json!({"model": "gpt-4o-transcribe"})),
            415,
        ),
        (
            v1(
                &stack,
                transcribe,
                form(&[("model", "gpt-4o-transcribe")], file),
            )
            .header("content-type", "multipart/form-data; boundary=other"),
            400,
        ),
    ];
    for (at, (request, status)) in cases.into_iter().enumerate() {
        assert_eq!(refused(request).await.0, status, "case {at}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn models_are_listed_for_who_may_see_them() {
    let stack = open_stack().await;
    for path in [
        "/openai/v1/models",
        "/openai/models/gpt-4o?api-version=2024-10-21",
    ] {
        let (status, body) = send_json(call(&stack, stack.key.text(), "GET", path)).await;
        assert_eq!(status, 200, "{body}");
    }
    let audit = stack.tollgate().audit();
    let usage = audit.wait_for_count("two records", 2).await;
    assert_eq!(usage[0]["operation"], "models");
    assert_eq!(usage[0]["source_reason"], "not_reported_by_operation");
    assert_eq!(usage[0]["finish_reason"], Value::Null);

    let closed = crate::support::stack().await;
    let got = refused(call(&closed, closed.key.text(), "GET", "/openai/v1/models")).await;
    assert_eq!(got, (403, "operation_not_allowed".to_owned()));
    assert_backend_untouched(&closed);
}

#[tokio::test]
async fn the_details_of_a_chat_are_in_its_record() {
    let stack = open_stack().await;
    let mut body = crate::support::hello_stream();
    for (nth, stream) in [(1, true), (2, false)] {
        body["stream"] = stream.into();
        let request = stack
            .chat(&body)
            .header("x-fake-audio-tokens", "3")
            .header("x-fake-prediction-tokens", "4")
            .header("x-fake-token-delay-ms", "1");
        let response = send(request).await;
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a body");
        settled(&stack, nth).await;
        let id = stack.azure.ledger().pop().expect("a bill").request_id;
        let audit = stack.tollgate().audit();
        let usage = audit
            .wait_for_json("a record", |line| {
                line["request_id"].as_str() == id.as_deref()
            })
            .await;
        assert_eq!(usage["audio_input_tokens"], 3, "{usage}");
        assert_eq!(usage["audio_output_tokens"], 3);
        assert_eq!(usage["accepted_prediction_tokens"], 2);
        assert_eq!(usage["rejected_prediction_tokens"], 2);
        assert_eq!(usage["finish_reason"], "stop");
        assert_eq!(usage["filtered"], false);
        assert_eq!(usage["system_fingerprint"], "fp_ee1d74bde0");
        assert_eq!(usage["attempts"], 1);
        assert!(count(&usage, "request_bytes") > 0, "{usage}");
        assert!(count(&usage, "response_bytes") > 0, "{usage}");
        assert_eq!(
            usage["time_per_output_token_ms"].is_number(),
            stream,
            "{usage}"
        );
    }
    for (name, value, reason) in [
        ("x-fake-fault", "filter-cut", "content_filter"),
        ("x-fake-tool-call", "1", "tool_calls"),
        ("x-fake-fault", "filter-prompt", "content_filter"),
    ] {
        body["stream"] = true.into();
        send(stack.chat(&body).header(name, value))
            .await
            .bytes()
            .await
            .expect("a body");
        let audit = stack.tollgate().audit();
        let usage = audit
            .wait_for_json("a record", |line| line["finish_reason"] == reason)
            .await;
        assert_eq!(usage["filtered"], reason == "content_filter", "{usage}");
    }
    for (reason, count) in [("stop", 2.0), ("tool_calls", 1.0), ("content_filter", 2.0)] {
        let label = format!("tollgate_finish_reason=\"{reason}\"");
        let name = "tollgate_answers_finished_total";
        assert_eq!(metric(&stack, name, &[&label]).await, count, "{reason}");
    }
    let pace = "gen_ai_server_time_per_output_token_seconds_count";
    assert!(
        metric(&stack, pace, &[]).await >= 1.0,
        "the stream had a pace"
    );
}
