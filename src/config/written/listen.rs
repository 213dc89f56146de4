//! `listen`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::grpc_tls::GrpcTls;
use crate::config::spanned::Spanned;

/// Where the service listens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Listen {
    /// For Envoy alone: `unix:/path/to/socket`, a loopback address such as `127.0.0.1:9000`, or with `grpc_tls` any address.
    pub(in crate::config) grpc: Spanned<String>,
    /// TLS of that endpoint, for Envoys that reach it over the network.
    pub(in crate::config) grpc_tls: Option<Spanned<GrpcTls>>,
    /// Health, metrics and the version over HTTP, such as `127.0.0.1:9090`.
    pub(in crate::config) admin: Spanned<String>,
    /// Commands about keys and limits: `unix:/path/to/socket`, in a folder of its own.
    pub(in crate::config) control: Option<Spanned<String>>,
    /// How client certificates reach tollgate; without it they are not accepted.
    pub(in crate::config) client_certificates: Option<Spanned<ClientCertificates>>,
}

/// How the certificate of a connection reaches us.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ClientCertificates {
    /// Envoy writes `x-forwarded-client-cert` itself, whatever the client has sent.
    Xfcc,
}
