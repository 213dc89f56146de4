//! `listen`.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Listen {
    pub(in crate::config) grpc: Spanned<String>,
    pub(in crate::config) admin: Spanned<String>,
    pub(in crate::config) control: Option<Spanned<String>>,
    pub(in crate::config) client_certificates: Option<Spanned<ClientCertificates>>,
}

/// How the certificate of a connection reaches us.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ClientCertificates {
    /// Envoy writes `x-forwarded-client-cert` itself, whatever the client has sent.
    Xfcc,
}
