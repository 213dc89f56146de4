//! Metrics for a collector: the same instruments that Prometheus reads, sent as often as the environment says.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};

use crate::telemetry::otlp::{
    Client, Delivery, Destination, Environment, Protocol, Signal, resource,
};

const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const DEFAULT_INTERVAL_MS: u64 = 60_000;
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";

/// What sends metrics.
pub struct Push {
    pub(super) reader: PeriodicReader<Counted>,
    pub(super) resource: Resource,
    pub(super) delivery: Arc<Delivery>,
}

impl Push {
    /// A sender, if the environment asks for one, on the runtime that it is called in.
    ///
    /// # Errors
    /// What is wrong with a variable, in words.
    pub fn start(environment: &Environment) -> Result<Option<Self>, String> {
        let Some(destination) = Destination::read(environment, Signal::Metrics)? else {
            return Ok(None);
        };
        let temporality = temporality(environment)?;
        let interval = environment.milliseconds(INTERVAL, DEFAULT_INTERVAL_MS)?;
        let resource = resource(environment)?;
        let delivery = Arc::new(Delivery::new(Signal::Metrics, 0));
        let (otlp, client) = exporter(&destination, temporality)?;
        let counted = Counted {
            otlp,
            client,
            delivery: Arc::clone(&delivery),
        };
        destination.announce();
        Ok(Some(Self {
            reader: PeriodicReader::builder(counted)
                .with_interval(interval)
                .build(),
            resource,
            delivery,
        }))
    }
}

fn temporality(environment: &Environment) -> Result<Temporality, String> {
    let Some(set) = environment.get(TEMPORALITY)? else {
        return Ok(Temporality::Cumulative);
    };
    match set.value.trim().to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err(set.wrong("is not a temporality: write cumulative, delta or lowmemory")),
    }
}

fn exporter(
    destination: &Destination,
    temporality: Temporality,
) -> Result<(MetricExporter, Option<Client>), String> {
    let failed = |error: opentelemetry_otlp::ExporterBuildError| {
        format!("the exporter of metrics can't be made: {error}")
    };
    let builder = MetricExporter::builder().with_temporality(temporality);
    match destination.protocol {
        Protocol::Grpc => {
            let builder = destination.over_grpc(builder.with_tonic());
            Ok((builder.build().map_err(failed)?, None))
        }
        Protocol::HttpProtobuf => {
            let client = Client::new(destination)?;
            let builder = destination.over_http(builder.with_http(), &client);
            Ok((builder.build().map_err(failed)?, Some(client)))
        }
    }
}

/// The exporter, with counts of what it does.
pub(super) struct Counted {
    otlp: MetricExporter,
    /// Where it posts; none with gRPC.
    client: Option<Client>,
    delivery: Arc<Delivery>,
}

impl PushMetricExporter for Counted {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let count = metrics.scope_metrics().map(|it| it.metrics().count()).sum();
        let result = self.otlp.export(metrics).await;
        self.delivery.ended(count, &result, self.client.as_ref());
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.otlp.temporality()
    }
}
