//! What deployments are called in the metrics. A caller that may use `gpt-*` can invent names without
//! end, and each would be a label.

use std::sync::Arc;

use opentelemetry::Value;

use super::places::Places;
use crate::usage::UsageRecord;

/// Names that patterns have let in and that have answered. Further ones are shown as their pattern.
const MAX_SERVED: usize = 500;

/// Deployments that have answered.
pub(super) struct Served(Places);

impl Default for Served {
    fn default() -> Self {
        Self(Places::new(MAX_SERVED))
    }
}

impl Served {
    /// A deployment's label: its name where the configuration lists it or it has answered, and else
    /// the pattern that lets it in.
    pub(super) fn label(&self, record: &UsageRecord) -> Value {
        let pattern = record.deployment_pattern.as_ref();
        match &record.deployment {
            Some(name) => Value::from(Arc::clone(self.shown(name, pattern, record.status))),
            None => Value::from(""),
        }
    }

    fn shown<'a>(
        &self,
        name: &'a Arc<str>,
        pattern: Option<&'a Arc<str>>,
        status: Option<u16>,
    ) -> &'a Arc<str> {
        let Some(pattern) = pattern.filter(|_| !self.0.has(name)) else {
            return name;
        };
        let has_answered = matches!(status, Some(101 | 200..=299));
        match has_answered && self.0.give(name) {
            true => name,
            false => pattern,
        }
    }
}

#[cfg(test)]
mod tests;
