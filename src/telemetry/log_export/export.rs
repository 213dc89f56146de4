//! From records to a collector: a bounded queue, a thread that sends batches of it, and counts of what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::LogExporter as Otlp;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord,
};

use crate::telemetry::otlp::{
    Batching, Client, Delivery, Destination, Environment, Protocol, Signal,
};

/// The specification's own.
const DEFAULT_DELAY_MS: u64 = 1000;

/// The queue, the thread and the exporter of a destination.
pub(super) fn processor(
    environment: &Environment,
    destination: &Destination,
) -> Result<(Bounded, Arc<Delivery>), String> {
    let batching = Batching::read(environment, "OTEL_BLRP", DEFAULT_DELAY_MS)?;
    let delivery = Arc::new(Delivery::new(Signal::Logs, batching.queue));
    let (otlp, client) = exporter(destination)?;
    let exporter = Counted {
        otlp,
        client,
        delivery: Arc::clone(&delivery),
    };
    Ok((Bounded::new(exporter, batching, &delivery), delivery))
}

fn exporter(destination: &Destination) -> Result<(Otlp, Option<Client>), String> {
    let failed = |error: opentelemetry_otlp::ExporterBuildError| {
        format!("the exporter of logs can't be made: {error}")
    };
    match destination.protocol {
        Protocol::Grpc => {
            let builder = destination.over_grpc(Otlp::builder().with_tonic());
            Ok((builder.build().map_err(failed)?, None))
        }
        Protocol::HttpProtobuf => {
            let client = Client::new(destination)?;
            let builder = destination.over_http(Otlp::builder().with_http(), &client);
            Ok((builder.build().map_err(failed)?, Some(client)))
        }
    }
}

/// The SDK's processor behind a door that counts whom it turns away. Its own queue is as long, so it never does.
#[derive(Debug)]
pub(super) struct Bounded {
    batches: BatchLogProcessor,
    delivery: Arc<Delivery>,
}

impl Bounded {
    pub(super) fn new(
        exporter: impl LogExporter + 'static,
        batching: Batching,
        delivery: &Arc<Delivery>,
    ) -> Self {
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(batching.queue)
            .with_max_export_batch_size(batching.batch)
            .with_scheduled_delay(batching.delay)
            .build();
        Self {
            batches: BatchLogProcessor::builder(exporter)
                .with_batch_config(config)
                .build(),
            delivery: Arc::clone(delivery),
        }
    }
}

impl LogProcessor for Bounded {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.delivery.enters() {
            self.batches.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// The exporter, with counts of what it does.
#[derive(Debug)]
struct Counted {
    otlp: Otlp,
    /// Where it posts; none with gRPC.
    client: Option<Client>,
    delivery: Arc<Delivery>,
}

impl LogExporter for Counted {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        self.delivery.leave(count);
        let result = self.otlp.export(batch).await;
        self.delivery.ended(count, &result, self.client.as_ref());
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
