//! `response_headers`: what callers see of the headers of answers.

use schemars::JsonSchema;
use serde::Deserialize;

/// What callers see of the headers of answers.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ResponseHeaders {
    /// Headers that tell of the instance, which all callers share.
    #[serde(default)]
    instance: InstanceHeaders,
}

impl ResponseHeaders {
    pub(in crate::config) fn keeps_instance(&self) -> bool {
        self.instance == InstanceHeaders::Keep
    }
}

/// Headers that tell of the instance, which all callers share.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum InstanceHeaders {
    /// Callers do not see them.
    #[default]
    Remove,
    /// Callers see them.
    Keep,
}
