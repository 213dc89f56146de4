//! The envelope of an event (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>).

use serde::Serialize;

use crate::usage::rfc3339;

/// An event, as JSON.
#[derive(Serialize)]
pub struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    time: String,
    subject: &'a str,
    datacontenttype: &'static str,
    data: T,
}

/// What every event has. No two events have the same source and id.
pub struct Head<'a> {
    /// The type of its data.
    pub kind: &'static str,
    /// Where it comes from, as a reference of a URI.
    pub source: String,
    /// Which one it is.
    pub id: String,
    /// When it has happened, in milliseconds since 1970.
    pub time_ms: i64,
    /// What it is about.
    pub subject: &'a str,
}

impl<'a, T: Serialize> CloudEvent<'a, T> {
    /// An event with its data.
    pub fn new(head: Head<'a>, data: T) -> Self {
        Self {
            specversion: "1.0",
            id: head.id,
            source: head.source,
            kind: head.kind,
            time: rfc3339(head.time_ms),
            subject: head.subject,
            datacontenttype: "application/json",
            data,
        }
    }
}
