//! `listen: { grpc_tls }`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::authorities::{Revocation, Usage};
use crate::config::spanned::Spanned;

/// TLS of the gRPC endpoint, for Envoys that reach it over the network.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct GrpcTls {
    /// The path of the endpoint's certificate in PEM, with its intermediates.
    pub(in crate::config) certificate: Spanned<PathBuf>,
    /// The path of its private key in PEM.
    pub(in crate::config) key: Spanned<PathBuf>,
    /// PEM files, or folders of them, of the authorities of Envoys' certificates.
    pub(in crate::config) trust: Spanned<Vec<Spanned<PathBuf>>>,
    /// The names in the certificates of the Envoys that may call: URIs, such as `spiffe://cluster.local/ns/gateways/sa/envoy`, or
    /// DNS names.
    pub(in crate::config) clients: Spanned<Vec<Spanned<String>>>,
    /// What the extended key usage of their certificates must be.
    #[serde(default)]
    pub(in crate::config) extended_key_usage: Usage,
    /// How revocation is checked; `crl: off` if absent.
    pub(in crate::config) revocation: Option<Spanned<Revocation>>,
}
