//! A usage record as its row: the columns, once, for both databases.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::columns::row;
use crate::usage::{Amount, RecordId, UsageRecord};

/// Longest name of anything in a record. Ours are shorter; a backend may call its models as it likes.
const MAX_NAME_BYTES: usize = 256;

row! {
    /// One row of the ledger; docs/chargeback.md says what the columns mean.
    ///
    /// In the log each column has a tag, which is never given to another one.
    #[derive(Clone, PartialEq, Eq, Serialize, prost::Message)]
    pub struct LedgerRow {
        /// The record's id, a UUID of version 7: 16 bytes.
        #[serde(serialize_with = "id")]
        #[prost(bytes = "vec", tag = "1")]
        id: Vec<u8>,
        /// When the request came, in milliseconds since 1970.
        #[serde(rename = "time", serialize_with = "moment")]
        #[prost(int64, tag = "2")]
        started_ms: i64,
        /// Until the end of its answer, in microseconds.
        #[prost(int64, tag = "3")]
        duration_us: i64,
        /// Until the first token of a stream, in microseconds.
        #[prost(int64, optional, tag = "4")]
        first_token_us: Option<i64>,
        /// Envoy's id of the request.
        #[prost(string, tag = "5")]
        request_id: String,
        /// The trace, 32 hexadecimal digits.
        #[prost(string, optional, tag = "6")]
        trace_id: Option<String>,
        /// The client that is charged.
        #[prost(string, tag = "7")]
        client: String,
        /// Its labels, a JSON object.
        #[serde(serialize_with = "json")]
        #[prost(string, optional, tag = "8")]
        labels: Option<String>,
        /// The end user.
        #[serde(rename = "user")]
        #[prost(string, optional, tag = "9")]
        end_user: Option<String>,
        /// The kind of credential.
        #[prost(string, tag = "10")]
        credential: String,
        /// The public part of the key.
        #[prost(string, optional, tag = "47")]
        key_id: Option<String>,
        /// The first digits of the key's SHA-256.
        #[prost(string, optional, tag = "48")]
        key_sha256: Option<String>,
        /// The product.
        #[prost(string, optional, tag = "11")]
        product: Option<String>,
        /// The operation.
        #[prost(string, tag = "12")]
        operation: String,
        /// The deployment.
        #[prost(string, optional, tag = "13")]
        deployment: Option<String>,
        /// The model that answered.
        #[prost(string, optional, tag = "14")]
        model: Option<String>,
        /// The service tier that answered.
        #[prost(string, optional, tag = "46")]
        service_tier: Option<String>,
        /// The backend.
        #[prost(string, tag = "15")]
        backend: String,
        /// The backend's region.
        #[prost(string, optional, tag = "16")]
        region: Option<String>,
        /// 1 for a stream.
        #[serde(serialize_with = "truth")]
        #[prost(int64, tag = "17")]
        stream: i64,
        /// The HTTP status; none if no answer came.
        #[prost(int64, optional, tag = "18")]
        status: Option<i64>,
        /// `reported`, `estimated` or `none`.
        #[prost(string, tag = "19")]
        source: String,
        /// Why it was estimated or not counted.
        #[prost(string, optional, tag = "20")]
        source_reason: Option<String>,
        /// Tokens of the prompt.
        #[prost(int64, tag = "21")]
        input_tokens: i64,
        /// The cached ones among them.
        #[prost(int64, tag = "22")]
        cached_tokens: i64,
        /// Tokens of the answer.
        #[prost(int64, tag = "23")]
        output_tokens: i64,
        /// The ones of reasoning among them.
        #[prost(int64, tag = "24")]
        reasoning_tokens: i64,
        /// The sum that the service reports.
        #[prost(int64, tag = "25")]
        total_tokens: i64,
        /// Audio tokens of the prompt.
        #[prost(int64, tag = "26")]
        audio_input_tokens: i64,
        /// Audio tokens of the answer.
        #[prost(int64, tag = "27")]
        audio_output_tokens: i64,
        /// Image tokens of the prompt.
        #[prost(int64, tag = "28")]
        image_input_tokens: i64,
        /// Tokens of a prediction that were taken over.
        #[prost(int64, tag = "29")]
        accepted_prediction_tokens: i64,
        /// Tokens of a prediction that were not.
        #[prost(int64, tag = "30")]
        rejected_prediction_tokens: i64,
        /// Images that were made.
        #[prost(int64, tag = "31")]
        images: i64,
        /// Their size.
        #[prost(string, optional, tag = "32")]
        image_size: Option<String>,
        /// Their quality.
        #[prost(string, optional, tag = "33")]
        image_quality: Option<String>,
        /// Audio that was heard, in milliseconds.
        #[prost(int64, tag = "34")]
        audio_ms: i64,
        /// Characters that were spoken.
        #[prost(int64, tag = "35")]
        characters: i64,
        /// Why the model stopped.
        #[prost(string, optional, tag = "36")]
        finish_reason: Option<String>,
        /// 1 where the content filter cut or refused.
        #[serde(serialize_with = "truth")]
        #[prost(int64, tag = "37")]
        filtered: i64,
        /// The version of the backend's configuration.
        #[prost(string, optional, tag = "38")]
        system_fingerprint: Option<String>,
        /// How often Envoy tried.
        #[prost(int64, tag = "39")]
        attempts: i64,
        /// Bytes of the request's body.
        #[prost(int64, tag = "40")]
        request_bytes: i64,
        /// Bytes of the answer's body.
        #[prost(int64, optional, tag = "41")]
        response_bytes: Option<i64>,
        /// The id of a stored response.
        #[prost(string, optional, tag = "42")]
        response_id: Option<String>,
        /// The price that the cost was computed by.
        #[prost(string, optional, tag = "43")]
        price: Option<String>,
        /// The cost, in billionths of the currency.
        #[serde(rename = "cost", serialize_with = "amount")]
        #[prost(int64, optional, tag = "44")]
        cost_nanos: Option<i64>,
        /// ISO 4217's code.
        #[prost(string, optional, tag = "45")]
        currency: Option<String>,
    }
}

impl From<&UsageRecord> for LedgerRow {
    fn from(record: &UsageRecord) -> Self {
        let (tokens, units, outcome) = (&record.tokens, &record.units, &record.outcome);
        let started: OffsetDateTime = record.started.into();
        let cost = record.cost.as_ref();
        Self {
            id: record.id.as_bytes().to_vec(),
            started_ms: integer(started.unix_timestamp_nanos() / 1_000_000),
            duration_us: integer(record.duration.as_micros()),
            first_token_us: record.time_to_first_token.map(|it| integer(it.as_micros())),
            request_id: text(&record.request_id),
            trace_id: record.trace_id.map(|id| id.to_string()),
            client: text(&record.client),
            labels: record.labels.as_deref().map(plain),
            end_user: record.user.as_deref().map(text),
            credential: text(record.credential),
            key_id: record.key_id.as_deref().map(text),
            key_sha256: record.key_sha256.as_deref().map(text),
            product: record.product.as_deref().map(text),
            operation: text(record.operation.as_str()),
            deployment: record.deployment.as_deref().map(text),
            model: record.model.as_deref().map(text),
            service_tier: record.service_tier.as_deref().map(text),
            backend: text(&record.backend),
            region: record.region.as_deref().map(text),
            stream: i64::from(record.stream),
            status: record.status.map(i64::from),
            source: text(record.source.as_str()),
            source_reason: record.source.reason().map(text),
            input_tokens: integer(tokens.input),
            cached_tokens: integer(tokens.cached_input),
            output_tokens: integer(tokens.output),
            reasoning_tokens: integer(tokens.reasoning),
            total_tokens: integer(tokens.total),
            audio_input_tokens: integer(tokens.audio_input),
            audio_output_tokens: integer(tokens.audio_output),
            image_input_tokens: integer(tokens.image_input),
            accepted_prediction_tokens: integer(tokens.accepted_prediction),
            rejected_prediction_tokens: integer(tokens.rejected_prediction),
            images: integer(units.images),
            image_size: units.image_size.as_deref().map(text),
            image_quality: units.image_quality.as_deref().map(text),
            audio_ms: integer(units.audio_ms),
            characters: integer(units.characters),
            finish_reason: outcome.finish_reason.map(|it| text(it.as_str())),
            filtered: i64::from(outcome.filtered),
            system_fingerprint: outcome.system_fingerprint.as_deref().map(text),
            attempts: i64::from(outcome.attempts),
            request_bytes: integer(outcome.request_bytes),
            response_bytes: outcome.response_bytes.map(integer),
            response_id: record.response_id.as_deref().map(plain),
            price: cost.map(|cost| text(&cost.price.name)),
            cost_nanos: cost.and_then(|cost| cost.amount).map(Amount::nanos),
            currency: cost.map(|cost| text(&cost.price.currency)),
        }
    }
}

impl LedgerRow {
    /// The record's id.
    pub fn record_id(&self) -> Option<RecordId> {
        self.id.as_slice().try_into().ok().map(RecordId::from_bytes)
    }
}

/// No real count is beyond the column's range: such a value is clamped to its end.
fn integer(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// PostgreSQL has no NUL in its texts, and one row that it refuses would hold up all that follow.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A name, bounded: the keys of a day's sums are one entry of an index, whose size is bounded.
pub(super) fn text(name: &str) -> String {
    let mut name = plain(name);
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    name
}

fn id<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match bytes.try_into().map(RecordId::from_bytes) {
        Ok(id) => serializer.collect_str(&id),
        Err(_) => serializer.serialize_none(),
    }
}

fn moment<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*ms))
}

/// RFC 3339, in UTC, to the millisecond.
pub fn rfc3339(unix_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn json<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let value = text
        .as_deref()
        .map(serde_json::from_str::<serde_json::Value>);
    value.and_then(Result::ok).serialize(serializer)
}

fn truth<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*number != 0)
}

/// A JSON number with all its digits: written as it is, and not through a float.
fn amount<S: Serializer>(nanos: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    let amount = nanos.map(|nanos| RawValue::from_string(Amount::from_nanos(nanos).to_string()));
    amount
        .transpose()
        .map_err(S::Error::custom)?
        .serialize(serializer)
}

#[cfg(test)]
mod tests;
