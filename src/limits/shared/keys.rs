//! The keys of counters. All of a subject have one hash tag, so that one node of a cluster has them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::limits::rule::{Meter, Span};
use crate::limits::subject::Subject;

/// What may be a name's own: neither braces nor the signs between the parts of a key.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// Enough of a hash that no two users share one.
const USER_BYTES: usize = 16;

/// What all keys of a subject begin with. Users are personal data, and are hashed.
pub(super) fn of_subject(prefix: &str, subject: &Subject) -> String {
    let escaped = |name: &str| utf8_percent_encode(name, ESCAPED).to_string();
    let names = match subject {
        Subject::Everything => String::new(),
        Subject::Deployment(name) | Subject::Product(name) | Subject::Client(name) => {
            format!(":{}", escaped(name))
        }
        Subject::ProductClient { product, client } => {
            format!(":{}:{}", escaped(product), escaped(client))
        }
        Subject::User { client, user } => {
            let user = user.as_ref().map(|user| {
                let hash = Sha256::digest(user.as_bytes());
                hex::encode(hash.get(..USER_BYTES).unwrap_or_default())
            });
            format!(":{}:{}", escaped(client), user.unwrap_or_default())
        }
    };
    format!("{prefix}:{{{}{names}}}", subject.kind())
}

/// The key of a counter, below its subject's. Each period of a quota has its own.
pub(in crate::limits) fn of_counter(meter: Meter, period_from_ms: Option<i64>) -> String {
    let Meter { measure, span } = meter;
    let measure = measure.as_str();
    match (span, period_from_ms) {
        (Span::AtOnce, _) => measure.to_owned(),
        (span, None) => format!("{measure}:{}", span.as_str()),
        (span, Some(from)) => format!("{measure}:{}:{from}", span.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Measure, Period};

    #[test]
    fn no_name_reaches_into_the_key_of_another() {
        let client = |name: &str| of_subject("t", &Subject::Client(name.into()));
        assert_eq!(client("app-1"), "t:{client:app-1}");
        assert_eq!(client("a}:{b"), "t:{client:a%7D%3A%7Bb}");
        let user = |name: &str| {
            let user = Some(name.into());
            of_subject(
                "t",
                &Subject::User {
                    client: "app".into(),
                    user,
                },
            )
        };
        assert!(!user("ann@example.com").contains("ann"), "users are hashed");
        assert_ne!(user("ann"), user("bob"));
        assert_ne!(
            of_subject(
                "t",
                &Subject::ProductClient {
                    product: "a".into(),
                    client: "b:c".into()
                }
            ),
            of_subject(
                "t",
                &Subject::ProductClient {
                    product: "a:b".into(),
                    client: "c".into()
                }
            ),
        );
    }

    #[test]
    fn each_period_has_a_key() {
        let meter = Meter {
            measure: Measure::Cost,
            span: Span::Period(Period::Month),
        };
        assert_eq!(of_counter(meter, Some(5)), "cost:month:5");
        let meter = Meter {
            measure: Measure::ConcurrentRequests,
            span: Span::AtOnce,
        };
        assert_eq!(of_counter(meter, None), "concurrent_requests");
    }
}
