//! Thresholds of quotas as events.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::cloud_event::{CloudEvent, Head};
use crate::limits::{Alarm, Measure, Names};
use crate::usage::{Amount, rfc3339};

/// The type of these events; another number if their data ever changes.
const EVENT_TYPE: &str = "dev.tollgate.quota.threshold.v1";
const SOURCE: &str = "/tollgate/limits";
/// So much of a hash is never the same twice.
const ID_BYTES: usize = 16;

/// Makes events of thresholds.
pub struct Thresholds {
    source: String,
    /// Part of every id.
    origin: String,
}

#[derive(Serialize)]
struct Threshold<'a> {
    #[serde(flatten)]
    of: Names<'a>,
    measure: &'static str,
    period: &'static str,
    /// Only of cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    percent: u8,
    used: Value,
    limit: Value,
    renews: String,
}

impl Thresholds {
    /// Of quotas that replicas with the same prefix count together: all of them give a threshold the same id,
    /// so that whoever takes the events has it once.
    pub fn shared(key_prefix: &str) -> Self {
        let name =
            percent_encoding::utf8_percent_encode(key_prefix, percent_encoding::NON_ALPHANUMERIC);
        Self {
            source: format!("{SOURCE}/{name}"),
            origin: key_prefix.to_owned(),
        }
    }

    /// Of quotas that this process counts alone.
    ///
    /// # Errors
    /// Where this machine has no random numbers.
    pub fn alone() -> Result<Self, String> {
        let mut origin = [0; ID_BYTES];
        getrandom::fill(&mut origin).map_err(|error| error.to_string())?;
        Ok(Self {
            source: SOURCE.to_owned(),
            origin: hex::encode(origin),
        })
    }

    /// The event of a threshold that was passed at a moment, as JSON.
    ///
    /// # Errors
    /// Where it can't be written as JSON.
    pub fn event(
        &self,
        alarm: &Alarm,
        currency: Option<&str>,
        time_ms: i64,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let subject = alarm.subject.to_string();
        let is_cost = alarm.meter.measure == Measure::Cost;
        let amount = |amount: u64| match is_cost {
            true => Value::from(Amount::from_unsigned_nanos(amount).to_string()),
            false => Value::from(amount),
        };
        let data = Threshold {
            of: alarm.subject.names(),
            measure: alarm.meter.measure.as_str(),
            period: alarm.meter.span.as_str(),
            currency: currency.filter(|_| is_cost),
            percent: alarm.percent,
            used: amount(alarm.used),
            limit: amount(alarm.most),
            renews: rfc3339(alarm.renews_ms),
        };
        let head = Head {
            kind: EVENT_TYPE,
            source: self.source.clone(),
            id: self.id(alarm)?,
            time_ms,
            subject: &subject,
        };
        serde_json::to_vec(&CloudEvent::new(head, data))
    }

    /// The same for the same threshold of the same quota in the same period.
    fn id(&self, alarm: &Alarm) -> Result<String, serde_json::Error> {
        let what = serde_json::to_vec(&(
            &self.origin,
            alarm.subject.names(),
            alarm.meter.measure.as_str(),
            alarm.meter.span.as_str(),
            alarm.renews_ms,
            alarm.most,
            alarm.percent,
        ))?;
        let hash = Sha256::digest(what);
        Ok(hex::encode(hash.get(..ID_BYTES).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Meter, Period, Span, Subject};

    fn alarm(subject: Subject, measure: Measure) -> Alarm {
        Alarm {
            subject,
            meter: Meter {
                measure,
                span: Span::Period(Period::Month),
            },
            percent: 80,
            used: 2_001_370_000_000,
            most: 2_500_000_000_000,
            renews_ms: 1_796_079_600_000,
        }
    }

    fn event(of: &Thresholds, alarm: &Alarm) -> Value {
        let event = of.event(alarm, Some("EUR"), 1_795_867_200_000);
        serde_json::from_slice(&event.expect("JSON")).expect("JSON")
    }

    #[test]
    fn an_event_says_whose_quota_has_reached_what() {
        let alone = Thresholds::alone().expect("random numbers");
        let user = Subject::User {
            client: "app".into(),
            user: Some("ann".into()),
        };
        let said = event(&alone, &alarm(user, Measure::Cost));
        assert_eq!(said["specversion"], "1.0");
        assert_eq!(said["type"], EVENT_TYPE);
        assert_eq!(said["source"], "/tollgate/limits");
        assert_eq!(said["time"], "2026-11-28T12:00:00Z");
        assert_eq!(said["subject"], "user ann of client app");
        let data = serde_json::json!({
            "scope": "user", "client": "app", "user": "ann", "measure": "cost", "period": "month",
            "currency": "EUR", "percent": 80, "used": "2001.37", "limit": "2500.00",
            "renews": "2026-11-30T23:00:00Z",
        });
        assert_eq!(said["data"], data);
        let tokens = event(&alone, &alarm(Subject::Everything, Measure::TotalTokens));
        assert_eq!(tokens["data"]["used"], 2_001_370_000_000_u64);
        assert_eq!(tokens["data"].get("currency"), None);
    }

    #[test]
    fn replicas_that_count_together_call_one_threshold_by_one_id() {
        let known = alarm(Subject::Client("app".into()), Measure::Cost);
        let id = |of: &Thresholds, alarm: &Alarm| event(of, alarm)["id"].clone();
        let shared = Thresholds::shared("eu {1}");
        assert_eq!(
            event(&shared, &known)["source"],
            "/tollgate/limits/eu%20%7B1%7D"
        );
        let later = Alarm {
            used: known.used + 1,
            ..known.clone()
        };
        assert_eq!(
            id(&shared, &known),
            id(&Thresholds::shared("eu {1}"), &later)
        );
        let others = [
            Alarm {
                percent: 100,
                ..known.clone()
            },
            Alarm {
                renews_ms: 0,
                ..known.clone()
            },
            Alarm {
                most: 1,
                ..known.clone()
            },
            alarm(Subject::Client("other".into()), Measure::Cost),
            alarm(Subject::Product("app".into()), Measure::Cost),
            alarm(Subject::Client("app".into()), Measure::Requests),
        ];
        for other in &others {
            assert_ne!(id(&shared, &known), id(&shared, other), "{other:?}");
        }
        let alone = || Thresholds::alone().expect("random numbers");
        assert_ne!(id(&alone(), &known), id(&alone(), &known), "two processes");
        assert_ne!(
            id(&Thresholds::shared("a"), &known),
            id(&Thresholds::shared("b"), &known)
        );
    }
}
