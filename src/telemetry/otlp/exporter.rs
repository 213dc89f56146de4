//! What the exporters of all signals have in common.

use std::borrow::Cow;

use opentelemetry_otlp::{Compression, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::error::OTelSdkError;

use super::client::Client;
use super::destination::Destination;
use super::failure;

impl Destination {
    /// An exporter that sends here over gRPC.
    pub(in crate::telemetry) fn over_grpc<B>(&self, builder: B) -> B
    where
        B: WithExportConfig + WithTonicConfig,
    {
        let builder = builder
            .with_endpoint(self.endpoint.as_str())
            .with_timeout(self.timeout)
            .with_metadata(self.metadata());
        let builder = match self.tls() {
            Some(tls) => builder.with_tls_config(tls),
            None => builder,
        };
        match self.compresses {
            true => builder.with_compression(Compression::Gzip),
            false => builder,
        }
    }

    /// An exporter that sends here over HTTP; the client has the headers.
    pub(in crate::telemetry) fn over_http<B>(&self, builder: B, client: &Client) -> B
    where
        B: WithExportConfig + WithHttpConfig,
    {
        let builder = builder
            .with_http_client(client.clone())
            .with_endpoint(self.endpoint.as_str())
            .with_timeout(self.timeout);
        match self.compresses {
            true => builder.with_compression(Compression::Gzip),
            false => builder,
        }
    }
}

/// Why something was not taken. The library's own texts have the collector's in them, and are not repeated.
pub(super) fn reason(error: &OTelSdkError, client: Option<&Client>) -> Cow<'static, str> {
    if let Some(failure) = client.and_then(Client::failure) {
        return failure.into();
    }
    match error {
        OTelSdkError::Timeout(_) => "no answer in time",
        OTelSdkError::AlreadyShutdown => "tollgate ends",
        OTelSdkError::InternalFailure(text) => {
            failure::of_tls(text).unwrap_or("the collector can't be reached, or refuses them")
        }
    }
    .into()
}
