//! `envoy`: what `tollgate envoy` can't know from the rest of the file.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Envoy {
    pub(in crate::config) listen: Option<Spanned<String>>,
    pub(in crate::config) admin: Option<Spanned<String>>,
    pub(in crate::config) tls: Option<Spanned<Tls>>,
    pub(in crate::config) plaintext: Option<Spanned<bool>>,
    pub(in crate::config) trusted_ca: Option<Spanned<String>>,
    #[serde(default)]
    pub(in crate::config) trusted_hops: u32,
    #[serde(default)]
    pub(in crate::config) allowed_origins: Vec<Spanned<String>>,
    pub(in crate::config) max_connections: Option<Spanned<u64>>,
    pub(in crate::config) max_heap_bytes: Option<Spanned<u64>>,
    pub(in crate::config) version: Option<Spanned<String>>,
    pub(in crate::config) tracing: Option<Tracing>,
}

/// Where Envoy sends its spans.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tracing {
    pub(in crate::config) collector: Spanned<String>,
    pub(in crate::config) sampling_percent: Option<Spanned<f64>>,
    pub(in crate::config) service_name: Option<String>,
    pub(in crate::config) follow_callers: Option<bool>,
}

/// The files of the certificate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tls {
    pub(in crate::config) certificate: String,
    pub(in crate::config) key: String,
}
