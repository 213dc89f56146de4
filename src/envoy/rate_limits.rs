//! What a caller is told of its limits, and when to try again: headers that the SDKs know
//! (<https://platform.openai.com/docs/guides/rate-limits>, "Rate limits in headers").

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::HeaderMap;

use super::headers;
use crate::gateway::Refusal;
use crate::limits::{RateLimits, Resets, Standing};

/// How the service's own figures begin.
const BEGINNING: &str = "x-ratelimit-";

/// Whether a header is about limits.
pub(super) fn is_one(name: &str) -> bool {
    name.starts_with(BEGINNING)
}

/// The headers about limits that an answer of the service has.
pub(super) fn names_in(map: Option<&HeaderMap>) -> Vec<String> {
    let names = map.into_iter().flat_map(headers::of_map).map(|it| it.0);
    let told = names.filter(|name| is_one(name));
    told.map(str::to_owned).collect()
}

/// A name and a value.
type Field = (String, String);

/// The caller's own figures.
pub(super) fn of(told: &RateLimits) -> Vec<Field> {
    let mut fields = Vec::new();
    for (what, standing) in [("requests", &told.requests), ("tokens", &told.tokens)] {
        let Some(standing) = standing else {
            continue;
        };
        for (name, value) in [
            ("limit", standing.rule.most.to_string()),
            ("remaining", standing.remaining().to_string()),
            ("reset", reset(standing)),
        ] {
            fields.push((format!("{BEGINNING}{name}-{what}"), value));
        }
    }
    fields
}

/// When to try again, and the caller's figures.
pub(super) fn of_refusal(refusal: &Refusal) -> Vec<Field> {
    let mut fields = of(&refusal.rate_limits());
    if let Some(wait) = refusal.retry_after() {
        let ms = wait.as_millis();
        // Whole seconds, and never too early (RFC 9110, section 10.2.3).
        let seconds = ms.div_ceil(1_000);
        fields.push(("retry-after".to_owned(), seconds.to_string()));
        fields.push(("retry-after-ms".to_owned(), ms.to_string()));
    }
    fields
}

/// `350ms`, `12.5s`, `1m12s`
fn reset(standing: &Standing) -> String {
    match standing.resets {
        Resets::In(wait) => written(wait),
        Resets::WithRequests | Resets::At(_) => "0s".to_owned(),
    }
}

fn written(wait: Duration) -> String {
    let ms = wait.as_millis();
    let fraction = |ms: u128| match ms % 1_000 {
        0 => String::new(),
        rest => format!(".{rest:03}").trim_end_matches('0').to_owned(),
    };
    match ms {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}{}s", ms / 1_000, fraction(ms)),
        _ => format!("{}m{}{}s", ms / 60_000, ms / 1_000 % 60, fraction(ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_service_writes_them() {
        for (ms, shown) in [
            (0, "0s"),
            (5, "5ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (12_500, "12.5s"),
            (12_005, "12.005s"),
            (60_000, "1m0s"),
            (72_250, "1m12.25s"),
        ] {
            assert_eq!(written(Duration::from_millis(ms)), shown);
        }
    }
}
