//! The answer: what is read of it, and what changes.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::HeaderMap;
use envoy_types::pb::envoy::service::ext_proc::v3::{HttpBody, HttpHeaders, ProcessingResponse};
use envoy_types::pb::google::protobuf::Struct;
use envoy_types::pb::google::protobuf::value::Kind;

use super::{Exchange, Stage};
use crate::envoy::reply::ResponseHeaders;
use crate::envoy::{headers, instance_headers, metadata, rate_limits, reply};
use crate::gateway::{Answered, Attempt, Reason, Transaction};
use crate::usage::BodyFormat;

impl Exchange {
    pub(super) fn response_headers(
        &mut self,
        message: &HttpHeaders,
        attempts: Option<u32>,
        notes: &HashMap<String, Attempt>,
    ) -> Option<ProcessingResponse> {
        let Stage::Forwarded(transaction) = &mut self.stage else {
            // Envoy's own answer to a request that never went out.
            return Some(reply::response_headers(false, ResponseHeaders::default()));
        };
        let map = message.headers.as_ref();
        let is_encoded =
            headers::get(map, "content-encoding").is_some_and(|coding| coding != "identity");
        let format = headers::get(map, "content-type").and_then(body_format);
        let format = format.filter(|_| !is_encoded);
        let number = |name| headers::get(map, name).and_then(|value| value.parse().ok());
        let answered = Answered {
            status: headers::get(map, ":status")
                .and_then(|status| status.parse().ok())
                .unwrap_or(0),
            format,
            is_encoded,
            content_length: number("content-length"),
            attempts,
        };
        if let Some(lease) = &self.lease {
            // Envoy tries no more, and keeps the body no longer.
            lease.holds(transaction.kept_bytes());
        }
        transaction.attempted(notes, attempts, &metadata::answering(map));
        transaction.region(headers::get(map, "x-ms-region"));
        let is_read = transaction.answered(answered);
        if Transaction::is_identity_rejected(answered.status) {
            return self.ended(reply::refusal(&Reason::IdentityRejected.into()));
        }
        let changes_length =
            is_read && format == Some(BodyFormat::EventStream) && transaction.changes_length();
        let mut changes = changed_headers(transaction, map);
        if changes_length {
            changes.removed.push("content-length".to_owned());
        }
        let reply = reply::response_headers(is_read, changes);
        match is_read && !message.end_of_stream {
            true => Some(reply),
            false => self.ended(reply),
        }
    }

    pub(super) fn response_body(&mut self, message: &HttpBody) -> Option<ProcessingResponse> {
        let Stage::Forwarded(transaction) = &mut self.stage else {
            return Some(reply::response_body_unchanged());
        };
        let passed = transaction.feed(&message.body, message.end_of_stream);
        let reply = reply::response_body(passed.released);
        match passed.is_whole {
            true => self.ended(reply),
            false => self
                .held
                .pass(reply, message.body.len(), passed.is_held_back),
        }
    }
}

/// What changes of an answer's headers: what they tell of the instance, and of the caller's own limits.
fn changed_headers(transaction: &Transaction, map: Option<&HeaderMap>) -> ResponseHeaders {
    let own = transaction.rate_limits();
    let own = rate_limits::of(&own.unwrap_or_default());
    let mut removed = instance_headers::hidden(map, transaction.keeps_instance_headers());
    if !own.is_empty() {
        // The service's figures beside the caller's would be of another limit.
        removed.extend(rate_limits::names_in(map));
    }
    let own = own.iter();
    let own = own.map(|(name, value)| headers::set(name, value.as_bytes()));
    let backend = transaction.revealed_backend();
    let backend = backend.map(|name| instance_headers::backend(&name));
    ResponseHeaders {
        removed,
        set: own.chain(backend).collect(),
    }
}

/// How often Envoy tried, if it is set up to say so (`response_attributes`).
pub(super) fn attempts(attributes: &HashMap<String, Struct>) -> Option<u32> {
    let of_filter = attributes.values().next()?;
    let value = of_filter.fields.get("upstream.request_attempt_count")?;
    match value.kind.as_ref()? {
        Kind::NumberValue(count) => format!("{count:.0}").parse().ok(),
        _ => None,
    }
}

/// The kind of body that a `content-type` names.
fn body_format(content_type: &str) -> Option<BodyFormat> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence {
        _ if essence.eq_ignore_ascii_case("application/json") => Some(BodyFormat::Json),
        _ if essence.eq_ignore_ascii_case("text/event-stream") => Some(BodyFormat::EventStream),
        _ => None,
    }
}
