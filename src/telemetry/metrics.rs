//! The metrics, as OpenTelemetry instruments read by Prometheus; docs/metrics.md lists them.
//!
//! Names and units of what concerns models follow the GenAI semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>). Every label's values are
//! the configuration's or the backend's, never a caller's, so their number is bounded.

mod backends;
mod certificates;
mod changes;
mod clients;
mod collector;
mod delivery;
mod issuers;
mod keys;
mod ledger;
mod limits;
mod places;
mod process;
mod push;
mod served;
mod service;
mod units;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider, UpDownCounter};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use prometheus::{Encoder, Registry, TextEncoder};

pub use self::clients::LabelLimits;
pub use self::push::Push;

use self::changes::Changes;
use self::clients::Clients;
use self::served::Served;
use self::service::Service;
use self::units::UnitMetrics;
use super::conventions as names;
use super::otlp::Delivery;
use crate::access::ClientId;
use crate::upstream::Identity;
use crate::usage::UsageRecord;

/// Bucket bounds that the conventions recommend for tokens.
const TOKEN_BOUNDS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Bucket bounds that the conventions recommend for durations, in seconds.
const DURATION_BOUNDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// Bucket bounds that the conventions recommend for the time to the first token, in seconds.
const FIRST_TOKEN_BOUNDS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The instruments that requests record to.
pub struct Metrics {
    registry: Registry,
    /// Kept, because its end is the end of every instrument.
    provider: SdkMeterProvider,
    decisions: Counter<u64>,
    requests: Counter<u64>,
    tokens: Counter<u64>,
    token_usage: Histogram<u64>,
    duration: Histogram<f64>,
    time_to_first_token: Histogram<f64>,
    units: UnitMetrics,
    active: UpDownCounter<i64>,
    changes: Changes,
    unpriced: Counter<u64>,
    abandoned: Counter<u64>,
    served: Served,
    clients: Arc<Clients>,
    service: Service,
    /// What becomes of them at a collector; none where they go to none.
    delivery: Option<Arc<Delivery>>,
}

impl Metrics {
    /// Makes the instruments, for Prometheus alone.
    ///
    /// # Errors
    /// As [`Self::sent`].
    pub fn new() -> Result<Self, opentelemetry_sdk::error::OTelSdkError> {
        Self::sent(LabelLimits::default(), None)
    }

    /// Makes the instruments, for Prometheus and for a collector, if there is one.
    ///
    /// # Errors
    /// The exporter's, if the registry refuses it.
    pub fn sent(
        limits: LabelLimits,
        push: Option<Push>,
    ) -> Result<Self, opentelemetry_sdk::error::OTelSdkError> {
        let registry = Registry::new();
        let (provider, delivery) = provider(&registry, limits, push)?;
        let meter = provider.meter("tollgate");
        process::observe(&meter);
        Ok(Self {
            registry,
            decisions: counter(
                &meter,
                "tollgate.decisions",
                "Requests allowed and refused, by reason",
            ),
            requests: counter(
                &meter,
                "tollgate.requests",
                "Requests that reached a backend",
            ),
            tokens: counter(
                &meter,
                "tollgate.usage.tokens",
                "Tokens by kind; cached_input is part of input, reasoning of output",
            ),
            token_usage: meter
                .u64_histogram(names::TOKEN_USAGE)
                .with_unit("{token}")
                .with_description("Input and output tokens of a request")
                .with_boundaries(TOKEN_BOUNDS.to_vec())
                .build(),
            duration: seconds(
                &meter,
                names::OPERATION_DURATION,
                "From the decision about a request to the end of its answer",
                &DURATION_BOUNDS,
            ),
            time_to_first_token: seconds(
                &meter,
                names::TIME_TO_FIRST_TOKEN,
                "From the decision about a request to the first token of its stream",
                &FIRST_TOKEN_BOUNDS,
            ),
            unpriced: counter(
                &meter,
                "tollgate.usage.unpriced",
                "Requests that used something and have no price",
            ),
            abandoned: abandoned(&meter),
            units: UnitMetrics::new(&meter),
            active: meter
                .i64_up_down_counter("tollgate.active_requests")
                .with_description("Requests that are at a backend now")
                .build(),
            changes: Changes::new(&meter),
            served: Served::default(),
            clients: Arc::new(Clients::new(limits.max_clients)),
            service: Service::new(&meter),
            delivery,
            provider,
        })
    }

    /// Observes what others count: the identity's token, readiness, lost audit lines.
    pub fn observe(
        &self,
        identity: Arc<Identity>,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
        lost_lines: Arc<AtomicU64>,
    ) {
        let meter = self.provider.meter("tollgate");
        let expiry = Arc::clone(&identity);
        let _ = meter
            .u64_observable_gauge("tollgate.identity.token.expiry.timestamp")
            .with_unit("s")
            .with_description("When the identity's token expires, in seconds since 1970")
            .with_callback(move |gauge| {
                if let Some(at) = expiry.expires_unix_s() {
                    gauge.observe(at, &[]);
                }
            })
            .build();
        let _ = meter
            .u64_observable_counter("tollgate.identity.refreshes")
            .with_description("Fetches of the identity's token, by outcome")
            .with_callback(move |counter| {
                let counts = identity.refreshes();
                counter.observe(counts.success, &[KeyValue::new("outcome", "success")]);
                counter.observe(counts.failure, &[KeyValue::new("outcome", "failure")]);
            })
            .build();
        let _ = meter
            .u64_observable_gauge("tollgate.ready")
            .with_description("1 while requests can be served")
            .with_callback(move |gauge| gauge.observe(u64::from(is_ready()), &[]))
            .build();
        let _ = meter
            .u64_observable_counter("tollgate.audit.lines.lost")
            .with_description("Audit lines that could not be written, or not in time")
            .with_callback(move |counter| counter.observe(lost_lines.load(Ordering::Relaxed), &[]))
            .build();
    }

    /// Observes what the content log has lost.
    pub fn observe_content(&self, lost: Arc<AtomicU64>) {
        let meter = self.provider.meter("tollgate");
        let _ = meter
            .u64_observable_counter("tollgate.content.lines.lost")
            .with_description("Lines of the content log that could not be written, or not in time")
            .with_callback(move |counter| counter.observe(lost.load(Ordering::Relaxed), &[]))
            .build();
    }

    /// Counts a request that was allowed.
    pub fn allowed(&self) {
        self.decisions.add(
            1,
            &[
                KeyValue::new("decision", "allow"),
                KeyValue::new("reason", "ok"),
            ],
        );
    }

    /// Counts a request that was refused.
    pub fn refused(&self, reason: &'static str) {
        self.decisions.add(
            1,
            &[
                KeyValue::new("decision", "deny"),
                KeyValue::new("reason", reason),
            ],
        );
    }

    /// Counts requests that a client has reset after the decision about them.
    pub fn abandoned(&self, client: &ClientId, count: u64) {
        let client = self.clients.known_label(&client.to_shared());
        self.abandoned.add(count, client.as_slice());
    }

    /// Counts a request on its way to a backend.
    pub fn began(&self) {
        self.active.add(1, &[]);
    }

    /// Records a request that has ended; each `began` has one.
    pub fn ended(&self, record: &UsageRecord) {
        self.active.add(-1, &[]);
        let mut labels = self.labels(record);
        self.record_tokens(record, &labels);
        self.units.record(record, &labels);
        self.service.cost(record, &labels);
        self.service.answered(record);
        labels.push(KeyValue::new(
            names::OPERATION,
            record.operation.gen_ai_name(),
        ));
        labels.push(KeyValue::new(
            names::HTTP_STATUS,
            i64::from(record.status.unwrap_or(0)),
        ));
        self.requests.add(1, &labels);
        self.duration.record(record.duration.as_secs_f64(), &labels);
        if let Some(time) = record.time_to_first_token {
            self.time_to_first_token
                .record(Duration::as_secs_f64(&time), &labels);
        }
        self.units.record_pace(record, &labels);
    }

    /// Records the usage of what went on after its request.
    pub fn collected(&self, record: &UsageRecord) {
        let labels = self.labels(record);
        self.record_tokens(record, &labels);
        self.units.record(record, &labels);
        self.service.cost(record, &labels);
    }

    fn record_tokens(&self, record: &UsageRecord, labels: &[KeyValue]) {
        let tokens = &record.tokens;
        let with = |key: &'static str, value: &'static str| {
            let mut all = Vec::with_capacity(labels.len() + 4);
            all.extend_from_slice(labels);
            all.push(KeyValue::new(key, value));
            all
        };
        for (kind, count) in [
            ("input", tokens.input),
            ("cached_input", tokens.cached_input),
            ("output", tokens.output),
            ("reasoning", tokens.reasoning),
            ("audio_input", tokens.audio_input),
            ("audio_output", tokens.audio_output),
            ("image_input", tokens.image_input),
            ("accepted_prediction", tokens.accepted_prediction),
            ("rejected_prediction", tokens.rejected_prediction),
        ] {
            if count > 0 {
                self.tokens.add(count, &with("tollgate.token.kind", kind));
            }
        }
        for (kind, count) in [("input", tokens.input), ("output", tokens.output)] {
            if count > 0 {
                let mut labels = with(names::TOKEN_TYPE, kind);
                labels.push(KeyValue::new(
                    names::OPERATION,
                    record.operation.gen_ai_name(),
                ));
                labels.push(KeyValue::new(
                    names::REQUEST_MODEL,
                    self.served.label(record),
                ));
                labels.push(KeyValue::new(
                    names::RESPONSE_MODEL,
                    shared(record.model.as_ref()),
                ));
                self.token_usage.record(count, &labels);
            }
        }
    }

    /// Who used what, from where: on every metric of a served request.
    fn labels(&self, record: &UsageRecord) -> Vec<KeyValue> {
        let mut labels = Vec::with_capacity(8);
        labels.extend([
            KeyValue::new(names::PROVIDER, names::AZURE_OPENAI),
            KeyValue::new("tollgate.product", shared(record.product.as_ref())),
            KeyValue::new("tollgate.deployment", self.served.label(record)),
            KeyValue::new("tollgate.backend", Arc::clone(&record.backend)),
            KeyValue::new("tollgate.usage.source", record.source.as_str()),
        ]);
        labels.extend(self.clients.label_of_served(&record.client));
        labels
    }

    /// A decision about a request's headers has taken so long.
    pub fn decided(&self, time: Duration, is_allowed: bool) {
        self.service.decided(time, is_allowed);
    }

    /// A record was on the disk so long after its request had ended.
    pub fn recorded(&self, time: Duration) {
        self.service.recorded(time);
    }

    /// A sealed decision of another replica was looked at.
    pub fn opened(&self, is_taken: bool) {
        self.service.opened(is_taken);
    }

    /// What becomes of the metrics at a collector.
    pub fn delivery(&self) -> Option<&Arc<Delivery>> {
        self.delivery.as_ref()
    }

    /// Sends what there is, and ends. It blocks for some seconds at most: not for a thread that serves.
    pub fn finish(&self) {
        if self.delivery.is_some() && self.provider.shutdown().is_err() {
            tracing::warn!("the last metrics could not be sent");
        }
    }

    /// Everything, in Prometheus' text format.
    ///
    /// # Errors
    /// The encoder's.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// What makes the instruments, with those who read them.
fn provider(
    registry: &Registry,
    limits: LabelLimits,
    push: Option<Push>,
) -> Result<(SdkMeterProvider, Option<Arc<Delivery>>), opentelemetry_sdk::error::OTelSdkError> {
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .without_target_info()
        .build()?;
    let builder = SdkMeterProvider::builder()
        .with_reader(exporter)
        .with_view(move |instrument: &Instrument| series(instrument, limits.max_series));
    Ok(match push {
        Some(push) => {
            let builder = builder.with_reader(push.reader);
            let builder = builder.with_resource(push.resource);
            (builder.build(), Some(push.delivery))
        }
        None => (builder.build(), None),
    })
}

/// How many series a metric of requests may have; others have no more than the SDK lets them.
fn series(instrument: &Instrument, most: usize) -> Option<Stream> {
    const OF_REQUESTS: [&str; 4] = [
        "gen_ai.",
        "tollgate.requests",
        "tollgate.usage.",
        "tollgate.answers.",
    ];
    let is_of_requests = OF_REQUESTS
        .iter()
        .any(|it| instrument.name().starts_with(it));
    let stream = is_of_requests.then(|| Stream::builder().with_cardinality_limit(most));
    stream?.build().ok()
}

fn shared(name: Option<&Arc<str>>) -> Value {
    name.map_or_else(|| Value::from(""), |name| Value::from(Arc::clone(name)))
}

fn abandoned(meter: &Meter) -> Counter<u64> {
    let name = "tollgate.requests.abandoned";
    let what = "Requests that were allowed and reset before they were sent on";
    counter(meter, name, what)
}

fn counter(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    meter
        .u64_counter(name)
        .with_description(description)
        .build()
}

fn seconds(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    bounds: &[f64],
) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(bounds.to_vec())
        .build()
}
