//! Keys, bodies of requests, bodies of answers.

use tollgate::auth::Key;

use crate::seed;

pub(crate) fn keys(key: &str) {
    let put = |name: &str, text: &str| seed("key", name, text);
    put("good-primary", key);
    put("unknown", Key::generate().expect("a key").expose());
    let mut mistyped = key.to_owned();
    let last = if mistyped.pop() == Some('a') {
        'b'
    } else {
        'a'
    };
    mistyped.push(last);
    put("checksum", &mistyped);
    put("upper-case-prefix", &key.replacen("tgk_", "TGK_", 1));
    put("other-prefix", &key.replacen("tgk_", "sk-0", 1));
    put("one-shorter", &key[..key.len() - 1]);
    put("one-longer", &format!("{key}0"));
    put("space-before", &format!(" {key}"));
    put("line-end", &format!("{key}\n"));
    put("nul", &format!("{key}\0"));
    put("twice", &format!("{key},{key}"));
    put(
        "underscore-moved",
        &format!("{}_{}", &key[..10], &key[10..key.len() - 1]),
    );
    put("letters-of-two-bytes", &"é".repeat(key.len() / 2));
    put("azure-key", "0123456789abcdef0123456789abcdef");
    put("empty", "");
    put("not-utf8", "");
    seed("key", "not-utf8", b"tgk_\xff\xfe");
}

pub(crate) fn bodies() {
    let put = |name: &str, text: &str| seed("body", name, text);
    put(
        "good-chat",
        r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}],"max_tokens":5}"#,
    );
    put(
        "good-stream",
        r#"{"model":"gpt-4o","messages":[],"stream":true}"#,
    );
    put(
        "good-usage-asked",
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    put(
        "good-usage-refused",
        r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
    );
    put(
        "good-usage-null",
        r#"{"stream":true,"stream_options":{"include_usage": null ,"x":true}}"#,
    );
    put(
        "good-options-empty",
        r#"{"stream":true,"stream_options":{ }}"#,
    );
    put(
        "good-options-null",
        r#"{"stream":true,"stream_options":null}"#,
    );
    put(
        "options-not-an-object",
        r#"{"stream":true,"stream_options":{"include_usage":1,"include_usage":true}}"#,
    );
    put("good-empty-object", " {\n} ");
    put(
        "good-escaped-name",
        r#"{"\u006dodel":"gpt-4o","str\u0065am":true}"#,
    );
    put(
        "good-response",
        r#"{"model":"gpt-4o","previous_response_id":"resp_1","input":[{"type":"message","role":"user","content":"x"},{"type":"item_reference","id":"msg_1"}]}"#,
    );
    put(
        "good-conversation",
        r#"{"conversation":{"id":"conv_1"},"input":"x"}"#,
    );
    put(
        "good-data-sources",
        r#"{"data_sources":[{"type":"azure_search","parameters":{"endpoint":"https://s.example","index_name":"docs"}}],"stream":true}"#,
    );
    put(
        "good-deep",
        &format!(r#"{{"tools":{}{}}}"#, "[".repeat(2000), "]".repeat(2000)),
    );
    put("model-twice", r#"{"model":"a","model":"b"}"#);
    put(
        "model-twice-by-an-escape",
        r#"{"model":"a","mod\u0065l":"b"}"#,
    );
    put("model-upper-case", r#"{"model":"a","MODEL":"b"}"#);
    put("model-object", r#"{"model":{"name":"a"}}"#);
    put("good-model-null", r#"{"model":null,"messages":[]}"#);
    put("good-model-empty", r#"{"messages":[],"model":""}"#);
    put("stream-text", r#"{"stream":"true"}"#);
    put("stream-twice", r#"{"stream":true,"stream":false}"#);
    put("previous-number", r#"{"previous_response_id":1}"#);
    put("array", r#"[{"model":"a"}]"#);
    put("text", "model=gpt-4o");
    put("cut", r#"{"model":"gpt-4o","messages":[{"role"#);
    put("trailing", r#"{"model":"a"}{"model":"b"}"#);
    put("byte-order-mark", "\u{feff}{\"model\":\"a\"}");
    put("single-quotes", "{'model':'a'}");
    put("comment", "{/**/\"model\":\"a\"}");
    put("lone-surrogate", r#"{"model":"\ud800"}"#);
    put("nul", "{\"model\":\"a\0\"}");
    put("empty", "");
    seed("body", "not-utf8", b"{\"model\":\"\xff\"}");
}

const WORD: &str = r#"data: {"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"usage":null}"#;
const USAGE: &str = r#"data: {"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
const FILTER: &str =
    r#"data: {"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;

/// Modes of `src/meter.rs`: operation, then format, then removal.
const CHAT_EVENTS: &str = "@";
const CHAT_EVENTS_REMOVE: &str = "H";
const COMPLETIONS_REMOVE: &str = "I";
const RESPONSES_EVENTS: &str = "C";
const CHAT_JSON: &str = "D";
const EMBEDDINGS_JSON: &str = "F";
const RESPONSES_JSON: &str = "G";

pub(crate) fn answers() {
    let put = |name: &str, mode: &str, body: &str| {
        // Small pieces and large ones.
        seed("meter", &format!("{name}-1"), format!("{mode}\u{1}{body}"));
        seed("meter", &format!("{name}-2"), format!("{mode}P{body}"));
    };
    let stream = format!("{FILTER}\n\n{WORD}\n\n{WORD}\n\n{USAGE}\n\ndata: [DONE]\n\n");
    put("good-stream", CHAT_EVENTS, &stream);
    put("good-stream-removed", CHAT_EVENTS_REMOVE, &stream);
    put("good-completions-removed", COMPLETIONS_REMOVE, &stream);
    put(
        "good-crlf",
        CHAT_EVENTS_REMOVE,
        &stream.replace('\n', "\r\n"),
    );
    put("good-cr", CHAT_EVENTS_REMOVE, &stream.replace('\n', "\r"));
    put(
        "good-byte-order-mark",
        CHAT_EVENTS_REMOVE,
        &format!("\u{feff}{stream}"),
    );
    put(
        "good-comments",
        CHAT_EVENTS_REMOVE,
        &format!(
            ": ping\n\n{}",
            stream.replace("data: ", ": c\nevent: x\nid: 1\ndata:")
        ),
    );
    put(
        "good-data-lines",
        CHAT_EVENTS_REMOVE,
        &stream.replace(r#","choices""#, "\ndata: ,\"choices\""),
    );
    put(
        "good-responses",
        RESPONSES_EVENTS,
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-4o\",\"usage\":{\"input_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":5}}}\n\n",
    );
    put(
        "good-json",
        CHAT_JSON,
        r#"{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
    );
    put(
        "good-embeddings",
        EMBEDDINGS_JSON,
        r#"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"text-embedding-3-large","usage":{"prompt_tokens":3,"total_tokens":3}}"#,
    );
    put(
        "good-response-json",
        RESPONSES_JSON,
        r#"{"id":"resp_1","model":"gpt-4o","usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#,
    );
    put(
        "good-items-in-a-stream",
        RESPONSES_EVENTS,
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"id\":\"ci_1\",\"container_id\":\"cntr_1\"}}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-4o\",\"output\":[{\"id\":\"ci_1\"},{\"id\":\"msg_1\",\"content\":[{\"id\":\"no\"}]}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
    );
    put(
        "good-items-json",
        RESPONSES_JSON,
        r#"{"id":"resp_1","output":[{"id":"rs_1"},{"container_id":"cntr_1","id":"ci_1"}],"model":"gpt-4o","usage":{"input_tokens":3,"output_tokens":2}}"#,
    );
    put(
        "cut-stream",
        CHAT_EVENTS_REMOVE,
        &format!("{WORD}\n\n{}", &USAGE[..100]),
    );
    put(
        "no-usage",
        CHAT_EVENTS,
        &format!("{WORD}\n\ndata: [DONE]\n\n"),
    );
    put(
        "usage-in-the-text",
        CHAT_EVENTS_REMOVE,
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[],\\\"usage\\\":{\\\"prompt_tokens\\\":3}\"}}]}\n\n",
    );
    put(
        "usage-of-texts",
        CHAT_JSON,
        r#"{"usage":{"prompt_tokens":"3","completion_tokens":[],"total_tokens":-1}}"#,
    );
    put(
        "error-event",
        CHAT_EVENTS,
        "data: {\"error\":{\"code\":\"content_filter\",\"message\":\"x\"}}\n\n",
    );
    put(
        "error-json",
        CHAT_JSON,
        r#"{"error":{"code":"429","message":"slow down"}}"#,
    );
    put(
        "json-in-a-stream",
        CHAT_EVENTS_REMOVE,
        r#"{"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
    );
    put("deep", CHAT_JSON, &format!("{{\"a\":{}", "[".repeat(3000)));
    put("empty", CHAT_EVENTS, "");
}

/// A line of a batch's output.
const LINE: &str = r#"{"id":"batch_req_1","custom_id":"usage","response":{"status_code":200,"request_id":"r","body":{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}},"error":null}"#;

pub(crate) fn lines() {
    let put = |name: &str, file: &str| {
        // Small pieces and large ones.
        seed("lines", &format!("{name}-1"), format!("\u{1}{file}"));
        seed("lines", &format!("{name}-2"), format!("P{file}"));
    };
    let failed = r#"{"custom_id":"2","response":null,"error":{"code":"server_error"}}"#;
    put("good-one", LINE);
    put(
        "good-several",
        &format!("{LINE}\n{LINE}\r\n\n{failed}\n{LINE}\n"),
    );
    put(
        "good-embeddings",
        r#"{"response":{"body":{"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":7,"total_tokens":7}}}}"#,
    );
    put(
        "good-response",
        r#"{"response":{"body":{"usage":{"input_tokens":5,"output_tokens":6,"total_tokens":11}}}}"#,
    );
    put("good-after-garbage", &format!("]]}}\"\\\n{LINE}"));
    put("failed", failed);
    put("cut", &LINE[..200]);
    put(
        "usage-on-top",
        r#"{"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
    );
    put(
        "usage-of-the-response",
        r#"{"response":{"usage":{"prompt_tokens":3,"total_tokens":3}}}"#,
    );
    put(
        "usage-too-deep",
        r#"{"response":{"body":{"x":{"usage":{"prompt_tokens":3,"total_tokens":3}}}}}"#,
    );
    put(
        "broken-over-lines",
        &LINE.replace(r#""usage":{"p"#, "\"usage\":\n{\"p"),
    );
    put("empty", "");
}
