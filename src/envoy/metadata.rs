//! Dynamic metadata: the decision's name on its way through Envoy, and the usage for access logs.

use std::collections::HashMap;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, Metadata};
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};

use super::headers;
use crate::gateway::{Attempt, DecisionId, Hop, Kept, Way};
use crate::usage::{TraceId, UsageRecord};

/// Where Envoy puts what ext_authz returns.
const AUTHZ_NAMESPACE: &str = "envoy.filters.http.ext_authz";
/// Where the usage goes.
const NAMESPACE: &str = "tollgate";
const DECISION: &str = "decision";
const SEALED: &str = "sealed";
/// Where the filters of the backends' clusters find path and identity, and where they note how an attempt ended.
const ROUTE_NAMESPACE: &str = "tollgate.route";
const ATTEMPTS_NAMESPACE: &str = "tollgate.attempts";
/// The members of a note, and the headers that they come from (`note.lua`).
const NOTED: [(&str, &str); 5] = [
    ("status", ":status"),
    ("retry_after_ms", "retry-after-ms"),
    ("retry_after", "retry-after"),
    ("remaining_requests", "x-ratelimit-remaining-requests"),
    ("utilization", "azure-openai-deployment-utilization"),
];
/// Longest text of a note.
const MAX_NOTE_BYTES: usize = 64;

/// What ext_authz returns for a request that it allows. The client is for the access log of a request
/// that breaks off; the rest comes with the usage.
pub(super) fn of_decision(kept: Kept, client: &str, trace_id: Option<TraceId>) -> Struct {
    let known = [(DECISION, text(kept.id.to_hex())), ("client", text(client))];
    let sealed = kept.sealed.map(|it| (SEALED, text(it)));
    object(known.into_iter().chain(sealed).chain(trace(trace_id)))
}

/// What ext_authz returns for a request that it refuses.
pub(super) fn of_refusal(reason: &str, client: Option<&str>, trace_id: Option<TraceId>) -> Struct {
    let client = client.map(|client| ("client", text(client)));
    let known = [("reason", text(reason))].into_iter().chain(client);
    object(known.chain(trace(trace_id)))
}

/// The trace, for the access log of an Envoy that does not trace.
fn trace(id: Option<TraceId>) -> Option<(&'static str, Value)> {
    Some(("trace_id", text(id?.to_string())))
}

/// The decision that a request to ext_proc belongs to.
pub(super) fn decision(metadata: Option<&Metadata>) -> Option<DecisionId> {
    DecisionId::from_hex(of_authz(metadata, DECISION)?)
}

/// The same, sealed, where replicas share a key.
pub(super) fn sealed(metadata: Option<&Metadata>) -> Option<&str> {
    of_authz(metadata, SEALED)
}

fn of_authz<'a>(metadata: Option<&'a Metadata>, name: &str) -> Option<&'a str> {
    let fields = &metadata?.filter_metadata.get(AUTHZ_NAMESPACE)?.fields;
    match fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(value) => Some(value),
        _ => None,
    }
}

/// Address, path and identity at each backend of a request's order.
pub(super) fn of_way(way: &Way) -> Struct {
    let hop = |hop: &Hop| {
        let authorization = String::from_utf8_lossy(hop.authorization.as_bytes()).into_owned();
        let address = hop.address.as_deref();
        let members = [
            ("path", text(hop.path.as_str())),
            ("authorization", text(authorization)),
        ]
        .into_iter()
        .chain(address.map(|it| ("address", text(it))));
        (hop.backend.to_string(), structure(object(members)))
    };
    let hops = Struct {
        fields: way.hops.iter().map(hop).collect(),
    };
    object([(ROUTE_NAMESPACE, structure(hops))])
}

/// How the attempts of a request have ended, by the names of their backends.
pub(super) fn attempts(metadata: Option<&Metadata>) -> HashMap<String, Attempt> {
    let notes = metadata.and_then(|it| it.filter_metadata.get(ATTEMPTS_NAMESPACE));
    let notes = notes.into_iter().flat_map(|it| &it.fields);
    let note = |(backend, value): (&String, &Value)| match &value.kind {
        Some(Kind::StructValue(note)) => Some((backend.clone(), attempt(note)?)),
        _ => None,
    };
    notes.filter_map(note).collect()
}

/// An attempt, as its note says it.
fn attempt(note: &Struct) -> Option<Attempt> {
    attempt_of(|name| match note.fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.as_str()),
        _ => None,
    })
}

/// The attempt that answers, as the headers of its answer say it.
pub(super) fn answering(headers: Option<&HeaderMap>) -> Attempt {
    let said = attempt_of(|name| {
        let (_, header) = NOTED.iter().find(|(member, _)| *member == name)?;
        headers::get(headers, header)
    });
    said.unwrap_or_default()
}

/// A time that is not a whole number is passed over: Azure writes no dates here.
fn attempt_of<'a>(said: impl Fn(&str) -> Option<&'a str>) -> Option<Attempt> {
    let member = |name| said(name).filter(|text| text.len() <= MAX_NOTE_BYTES);
    let number = |name| member(name).and_then(|text| text.trim().parse().ok());
    let milliseconds = number("retry_after_ms").map(Duration::from_millis);
    let seconds = number("retry_after").map(Duration::from_secs);
    Some(Attempt {
        status: member("status")?.parse().ok()?,
        retry_after: milliseconds.or(seconds),
        utilization: member("utilization").map(str::to_owned),
        is_full: is_full(member("utilization"), member("remaining_requests")),
    })
}

/// Whether a deployment has no room by its own account: provisioned throughput that is used, in percent, or no
/// request left in its limit. -1 says that it has none.
fn is_full(utilization: Option<&str>, remaining_requests: Option<&str>) -> bool {
    let used = utilization.map(|it| it.trim().trim_end_matches('%').trim_end());
    let used = used.and_then(|it| it.parse::<f64>().ok());
    used.is_some_and(|percent| percent >= 100.0) || remaining_requests.map(str::trim) == Some("0")
}

/// Who used what.
pub(super) fn of_usage(record: &UsageRecord) -> Struct {
    let tokens = &record.tokens;
    let counts = [
        ("input_tokens", tokens.input),
        ("output_tokens", tokens.output),
        ("total_tokens", tokens.total),
        ("cached_tokens", tokens.cached_input),
        ("reasoning_tokens", tokens.reasoning),
    ]
    .map(|(name, count)| (name, number(count)));
    let names = [
        ("client", Some(&*record.client)),
        ("credential", Some(record.credential)),
        ("product", record.product.as_deref()),
        ("operation", Some(record.operation.as_str())),
        ("deployment", record.deployment.as_deref()),
        ("model", record.model.as_deref()),
        ("backend", Some(&*record.backend)),
        ("source", Some(record.source.as_str())),
    ];
    let known = names
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(value?))));
    in_namespace(counts.into_iter().chain(known))
}

/// ext_proc's metadata goes to the namespaces that the outer members name.
fn in_namespace(members: impl Iterator<Item = (&'static str, Value)>) -> Struct {
    object([(NAMESPACE, structure(object(members)))])
}

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Struct {
    let fields = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Struct { fields }
}

fn structure(fields: Struct) -> Value {
    Value {
        kind: Some(Kind::StructValue(fields)),
    }
}

fn text(value: impl Into<String>) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.into())),
    }
}

fn number(value: u64) -> Value {
    // Protobuf's JSON numbers are doubles: exact up to 2^53, far above the tokens of a request.
    let value = u32::try_from(value).map_or(f64::from(u32::MAX), f64::from);
    Value {
        kind: Some(Kind::NumberValue(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(members: &[(&'static str, &str)]) -> Option<Attempt> {
        attempt(&object(
            members.iter().map(|(name, value)| (*name, text(*value))),
        ))
    }

    #[test]
    fn a_note_says_status_and_when_to_come_back() {
        let long = "9".repeat(65);
        for (members, expected) in [
            (
                &[("status", "429"), ("retry_after", "38")][..],
                Some(Duration::from_secs(38)),
            ),
            (
                &[
                    ("status", "429"),
                    ("retry_after", "2"),
                    ("retry_after_ms", "1500"),
                ],
                Some(Duration::from_millis(1500)),
            ),
            (&[("status", "429"), ("retry_after", "-1")], None),
            (
                &[
                    ("status", "429"),
                    ("retry_after", "Fri, 31 Dec 1999 23:59:59 GMT"),
                ],
                None,
            ),
            (&[("status", "429"), ("retry_after", &long)], None),
        ] {
            let attempt = noted(members).expect("a note");
            assert_eq!(
                (attempt.status, attempt.retry_after),
                (429, expected),
                "{members:?}"
            );
        }
        assert_eq!(noted(&[("retry_after", "1")]), None);
        assert_eq!(noted(&[("status", "x")]), None);
    }

    #[test]
    fn who_has_no_room_says_so() {
        for (members, is_full) in [
            (&[("utilization", "100%")][..], true),
            (&[("utilization", "103.5 %")], true),
            (&[("utilization", "99.9%")], false),
            (&[("utilization", "much")], false),
            (&[("utilization", "NaN")], false),
            (&[("remaining_requests", "0")], true),
            (&[("remaining_requests", "-1")], false),
            (&[("remaining_requests", "12")], false),
            (&[], false),
        ] {
            let status = [("status", "200")];
            let note = noted(&[&status[..], members].concat()).expect("a note");
            assert_eq!(note.is_full, is_full, "{members:?}");
        }
    }
}
