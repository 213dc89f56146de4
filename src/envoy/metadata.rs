//! Dynamic metadata: the decision's name on its way through Envoy, and the usage for access logs.

use envoy_types::pb::envoy::config::core::v3::Metadata;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};

use crate::gateway::DecisionId;
use crate::usage::UsageRecord;

/// Where Envoy puts what ext_authz returns.
const AUTHZ_NAMESPACE: &str = "envoy.filters.http.ext_authz";
/// Where the usage goes.
const NAMESPACE: &str = "tollgate";
const DECISION: &str = "decision";

/// What ext_authz returns for a request that it allows. The client is for the access log of a request
/// that breaks off; the rest comes with the usage.
pub(super) fn of_decision(id: DecisionId, client: &str) -> Struct {
    object([(DECISION, text(id.to_hex())), ("client", text(client))])
}

/// What ext_authz returns for a request that it refuses.
pub(super) fn of_refusal(reason: &str, client: Option<&str>) -> Struct {
    let client = client.map(|client| ("client", text(client)));
    object([("reason", text(reason))].into_iter().chain(client))
}

/// The decision that a request to ext_proc belongs to.
pub(super) fn decision(metadata: Option<&Metadata>) -> Option<DecisionId> {
    let fields = &metadata?.filter_metadata.get(AUTHZ_NAMESPACE)?.fields;
    match fields.get(DECISION)?.kind.as_ref()? {
        Kind::StringValue(id) => DecisionId::from_hex(id),
        _ => None,
    }
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
    let inner = Value {
        kind: Some(Kind::StructValue(object(members))),
    };
    object([(NAMESPACE, inner)])
}

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Struct {
    let fields = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Struct { fields }
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
