//! Costs that were computed anew, in the audit log.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::value::RawValue;

use super::rfc3339;
use crate::control::{Recomputed, Repriced};
use crate::unix_time;
use crate::usage::Amount;

/// The line; docs/chargeback.md lists the members.
#[derive(Serialize)]
struct RecomputedLine<'a> {
    event: &'static str,
    time: String,
    by: &'a str,
    from: Option<String>,
    to: Option<String>,
    records: u64,
    changed: u64,
    cost: Vec<Cost<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Exact: numbers with all their digits.
#[derive(Serialize)]
struct Cost<'a> {
    currency: &'a str,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

fn amount(nanos: Option<i64>) -> serde_json::Result<Option<Box<RawValue>>> {
    let text = nanos.map(|nanos| Amount::from_nanos(nanos).to_string());
    text.map(RawValue::from_string).transpose()
}

/// The line of the audit log that says so, without its end.
///
/// # Errors
/// JSON's, of which there is none.
pub fn line(recomputed: &Recomputed, by: &str, at: SystemTime) -> serde_json::Result<String> {
    let moment = |ms: Option<i64>| ms.and_then(unix_time::of_millis).map(rfc3339);
    let cost = |it: &Repriced| -> serde_json::Result<_> {
        Ok((amount(it.before_nanos)?, amount(it.after_nanos)?))
    };
    let mut costs = Vec::new();
    for it in &recomputed.cost {
        let (before, after) = cost(it)?;
        let currency = &it.currency;
        costs.push(Cost {
            currency,
            before,
            after,
        });
    }
    serde_json::to_string(&RecomputedLine {
        event: "recompute",
        time: rfc3339(at),
        by,
        from: moment(recomputed.from_ms),
        to: moment(recomputed.to_ms),
        records: recomputed.seen,
        changed: recomputed.changed,
        cost: costs,
        error: recomputed.error.as_deref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_money_before_and_after() {
        let recomputed = Recomputed {
            from_ms: Some(0),
            seen: 5,
            changed: 2,
            cost: vec![Repriced {
                currency: "USD".to_owned(),
                before_nanos: None,
                after_nanos: Some(1_500_000_000),
            }],
            ..Recomputed::default()
        };
        let line = line(&recomputed, "uid:7", SystemTime::UNIX_EPOCH).expect("JSON");
        assert_eq!(
            line,
            r#"{"event":"recompute","time":"1970-01-01T00:00:00Z","by":"uid:7","from":"1970-01-01T00:00:00Z","to":null,"records":5,"changed":2,"cost":[{"currency":"USD","before":null,"after":1.50}]}"#
        );
    }
}
