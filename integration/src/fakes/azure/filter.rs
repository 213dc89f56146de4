//! The content filter's annotations, which Azure adds to OpenAI's shapes.

use serde_json::value::RawValue;
use std::sync::LazyLock;

/// Of a completion that is harmless.
pub static SAFE: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(
        r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#,
    )
});

/// Of a completion that was cut.
pub static FILTERED: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(
        r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"medium"}}"#,
    )
});

/// Of an event that shows nothing.
pub static NONE: LazyLock<Box<RawValue>> = LazyLock::new(|| raw("{}"));

/// `prompt_filter_results`: of a prompt that is harmless.
pub static PROMPT: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(
        r#"[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]"#,
    )
});

/// `content_filters` of a response.
pub static RESPONSE: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(
        r#"[{"blocked":false,"source_type":"prompt","content_filter_raw":[],"content_filter_results":{"jailbreak":{"detected":false,"filtered":false}},"content_filter_offsets":{"start_offset":0,"end_offset":0,"check_offset":0}},{"blocked":false,"source_type":"completion","content_filter_raw":[],"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"content_filter_offsets":{"start_offset":0,"end_offset":0,"check_offset":0}}]"#,
    )
});

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("the constants are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_json() {
        for constant in [&SAFE, &FILTERED, &NONE, &PROMPT, &RESPONSE] {
            assert!(!constant.get().is_empty());
        }
    }
}
