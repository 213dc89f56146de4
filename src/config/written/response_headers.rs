//! `response_headers`: what callers see of the headers of answers.

use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ResponseHeaders {
    #[serde(default)]
    instance: InstanceHeaders,
}

impl ResponseHeaders {
    pub(in crate::config) fn keeps_instance(&self) -> bool {
        self.instance == InstanceHeaders::Keep
    }
}

/// Headers that tell of the instance, which all callers share.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InstanceHeaders {
    #[default]
    Remove,
    Keep,
}
