//! Amounts as Kubernetes writes them, from what Envoy's configuration says.

use serde_json::{Value, json};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// So many bytes: `1Mi`.
pub(super) fn quantity(bytes: &Value) -> Value {
    let written = |bytes: u64| match bytes {
        whole if whole % MIB == 0 => format!("{}Mi", whole / MIB),
        whole if whole % KIB == 0 => format!("{}Ki", whole / KIB),
        other => other.to_string(),
    };
    bytes.as_u64().map(written).into()
}

/// So many seconds: `60s`. What the Gateway API calls a duration has no fractions: `5ms`.
pub(super) fn duration(seconds: &Value) -> Value {
    let text = match seconds {
        Value::String(text) => text.trim_end_matches('s').to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return Value::Null,
    };
    let Some((whole, fraction)) = text.split_once('.') else {
        return json!(format!("{text}s"));
    };
    let millis = format!("{fraction:0<3}");
    let millis = format!("{whole}{}", millis.get(..3).unwrap_or_default());
    let millis = millis.parse::<u64>().ok();
    millis.map(|it| format!("{it}ms")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_kubernetes_reads_them() {
        for (bytes, written) in [
            (json!(1_048_576), json!("1Mi")),
            (json!(16_777_216), json!("16Mi")),
            (json!(262_144), json!("256Ki")),
            (json!(1_000), json!("1000")),
            (Value::Null, Value::Null),
        ] {
            assert_eq!(quantity(&bytes), written, "{bytes}");
        }
        for (seconds, written) in [
            (json!("60s"), json!("60s")),
            (json!("0s"), json!("0s")),
            (json!("7200"), json!("7200s")),
            (json!(15), json!("15s")),
            (json!("0.005s"), json!("5ms")),
            (json!("0.02s"), json!("20ms")),
            (json!("1.25s"), json!("1250ms")),
            (Value::Null, Value::Null),
        ] {
            assert_eq!(duration(&seconds), written, "{seconds}");
        }
    }
}
