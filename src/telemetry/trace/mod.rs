//! Spans of decisions and requests, as parts of Envoy's trace. Off unless the environment asks for it: then nobody
//! has a [`Traces`], and a request costs nothing more.
//!
//! Names follow the GenAI semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). What callers ask and what models answer is
//! never in a span, and no credential.

mod current;
mod export;
mod parent;
mod sampler;
mod span;

pub use current::TracePoint;
pub(super) use current::current;
pub(crate) use current::{Entered, during, enter};
pub use parent::Parent;
pub use span::Span;
pub(super) use span::fail;

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{SpanKind, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::otlp::{Delivery, Destination, Environment, Signal, resource};

/// The maker of spans.
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    delivery: Arc<Delivery>,
}

impl Traces {
    /// Starts to make and send spans, if the environment asks for it, on the runtime that it is called in.
    ///
    /// # Errors
    /// What is wrong with a variable, in words.
    pub fn start(environment: &Environment) -> Result<Option<Self>, String> {
        let Some(destination) = Destination::read(environment, Signal::Traces)? else {
            return Ok(None);
        };
        let sampler = sampler::sampler(environment)?;
        let (processor, delivery) = export::processor(environment, &destination)?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(environment)?)
            .with_sampler(sampler)
            .with_span_processor(processor)
            .build();
        destination.announce();
        Ok(Some(Self {
            tracer: provider.tracer("tollgate"),
            provider,
            delivery,
        }))
    }

    /// What becomes of the spans.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// The decision about a request's headers has begun.
    pub(crate) fn decision(&self, parent: Option<&Parent>, began: SystemTime) -> Span {
        Span::start(&self.tracer, "authorize", SpanKind::Server, parent, began)
    }

    /// A request that was allowed is on its way; the name is completed when it has ended.
    pub(crate) fn request(&self, parent: Option<&Parent>, name: &'static str) -> Span {
        Span::start(
            &self.tracer,
            name,
            SpanKind::Client,
            parent,
            SystemTime::now(),
        )
    }

    /// Sends what waits, and ends. It blocks for some seconds at most: not for a thread that serves.
    pub fn finish(&self) {
        if self.provider.shutdown().is_err() {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

#[cfg(test)]
mod tests;
