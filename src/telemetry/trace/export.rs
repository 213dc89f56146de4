//! From spans that have ended to a collector: a bounded queue, a thread that sends batches of it, and counts of what
//! becomes of them.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter as Otlp;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

use crate::telemetry::otlp::{
    Batching, Client, Delivery, Destination, Environment, Protocol, Signal,
};

/// The specification's own.
const DEFAULT_DELAY_MS: u64 = 5000;

/// The queue, the thread and the exporter of a destination.
pub(super) fn processor(
    environment: &Environment,
    destination: &Destination,
) -> Result<(Bounded, Arc<Delivery>), String> {
    let Batching {
        queue,
        batch,
        delay,
    } = Batching::read(environment, "OTEL_BSP", DEFAULT_DELAY_MS)?;
    let delivery = Arc::new(Delivery::new(Signal::Traces, queue));
    let (otlp, client) = exporter(destination)?;
    let exporter = Counted {
        otlp,
        client,
        delivery: Arc::clone(&delivery),
    };
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(queue)
        .with_max_export_batch_size(batch)
        .with_scheduled_delay(delay)
        .build();
    let bounded = Bounded {
        batches: BatchSpanProcessor::builder(exporter)
            .with_batch_config(config)
            .build(),
        delivery: Arc::clone(&delivery),
    };
    Ok((bounded, delivery))
}

fn exporter(destination: &Destination) -> Result<(Otlp, Option<Client>), String> {
    let failed = |error: opentelemetry_otlp::ExporterBuildError| {
        format!("the exporter of traces can't be made: {error}")
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
    batches: BatchSpanProcessor,
    delivery: Arc<Delivery>,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.delivery.enters() {
            self.batches.on_end(span);
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

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.delivery.leave(count);
        let result = self.otlp.export(batch).await;
        self.delivery.ended(count, &result, self.client.as_ref());
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
