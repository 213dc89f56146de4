//! `envoy`: what `tollgate envoy` can't know from the rest of the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::TextOrNumber;
use crate::config::spanned::Spanned;

/// What `tollgate envoy` can't know from the rest of the file.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Envoy {
    /// Where clients connect to; `0.0.0.0:8443` if absent.
    pub(in crate::config) listen: Option<Spanned<String>>,
    /// Envoy's own admin endpoint, a loopback address; `127.0.0.1:9901` if absent.
    pub(in crate::config) admin: Option<Spanned<String>>,
    /// The certificate that clients see.
    pub(in crate::config) tls: Option<Spanned<Tls>>,
    /// Whether clients connect without TLS, because something before Envoy ends it.
    pub(in crate::config) plaintext: Option<Spanned<bool>>,
    /// A PEM file of the authorities that backends are checked with.
    pub(in crate::config) trusted_ca: Option<Spanned<String>>,
    /// How many proxies before Envoy are trusted to say the caller's address.
    #[serde(default)]
    #[schemars(range(max = 4294967295_u32))]
    pub(in crate::config) trusted_hops: u32,
    /// Origins of web pages that may call from a browser, such as `https://app.example.com`.
    #[serde(default)]
    pub(in crate::config) allowed_origins: Vec<Spanned<String>>,
    /// The most connections of clients; 20000 if absent.
    pub(in crate::config) max_connections: Option<Spanned<u64>>,
    /// The most memory that Envoy uses before it refuses requests; 1073741824 if absent.
    pub(in crate::config) max_heap_bytes: Option<Spanned<u64>>,
    /// The version of Envoy that it is written for, such as `1.36`.
    #[schemars(with = "Option<TextOrNumber>")]
    pub(in crate::config) version: Option<Spanned<String>>,
    /// Where Envoy sends its spans; nowhere if absent.
    pub(in crate::config) tracing: Option<Tracing>,
    /// Where Envoys reach tollgate when it is a service that many of them share; at `listen.grpc` if absent.
    pub(in crate::config) tollgate: Option<Service>,
    /// What `tollgate envoy --for envoy-gateway` and `--for istio` write, and where it belongs.
    pub(in crate::config) kubernetes: Option<Kubernetes>,
}

/// Where Envoys reach tollgate when it is a service: always with TLS and a certificate of their own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Service {
    /// The name and port, such as `tollgate.tollgate.svc.cluster.local:9000`; each of its addresses is a replica.
    pub(in crate::config) address: Spanned<String>,
    /// The certificate that Envoy shows, in PEM, where Envoy sees it.
    pub(in crate::config) certificate: String,
    /// The path of its private key.
    pub(in crate::config) key: String,
    /// A PEM file of the authorities that tollgate's certificate is checked with.
    pub(in crate::config) ca_file: String,
}

/// What belongs to tollgate in a cluster whose Envoys a control plane configures.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Kubernetes {
    /// The namespace of what is written; `tollgate` if absent.
    pub(in crate::config) namespace: Option<Spanned<String>>,
    /// The names that clients call the gateway by; all names of the listener if empty.
    #[serde(default)]
    pub(in crate::config) hostnames: Vec<Spanned<String>>,
    /// The Gateway that clients connect to.
    pub(in crate::config) gateway: Option<Gateway>,
    /// Istio: the workloads that ask through their own sidecars.
    pub(in crate::config) sidecars: Option<Sidecars>,
}

/// A Gateway that is there already.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Gateway {
    /// Its name.
    pub(in crate::config) name: Spanned<String>,
    /// Its namespace; that of `kubernetes` if absent.
    pub(in crate::config) namespace: Option<Spanned<String>>,
    /// The listener that is tollgate's; `https` if absent.
    pub(in crate::config) listener: Option<Spanned<String>>,
    /// Istio: the port at which its pods listen; 443 if absent.
    #[schemars(range(min = 1))]
    pub(in crate::config) port: Option<Spanned<u16>>,
    /// Istio: the labels of its pods; `istio: ingressgateway` if absent.
    pub(in crate::config) pods: Option<Spanned<BTreeMap<String, String>>>,
}

/// The workloads that ask through their own sidecars.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Sidecars {
    /// Their namespace.
    pub(in crate::config) namespace: Spanned<String>,
    /// The labels of their pods.
    pub(in crate::config) pods: Spanned<BTreeMap<String, String>>,
    /// The port of the backend's name that they ask at, without TLS: one that nothing else in the mesh uses, as Istio
    /// has one listener for each port.
    #[schemars(range(min = 1))]
    pub(in crate::config) port: Spanned<u16>,
}

/// Where Envoy sends its spans.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tracing {
    /// The collector of OTLP over gRPC, such as `http://127.0.0.1:4317`.
    pub(in crate::config) collector: Spanned<String>,
    /// How many of the requests have spans, in percent; 100 if absent.
    pub(in crate::config) sampling_percent: Option<Spanned<f64>>,
    /// What Envoy is called in its spans; `envoy` if absent.
    pub(in crate::config) service_name: Option<String>,
    /// Whether the trace of a caller goes on, sampled as the caller says; `true` if absent.
    pub(in crate::config) follow_callers: Option<bool>,
}

/// The files of the certificate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// The path of the certificate in PEM, with its intermediates.
    pub(in crate::config) certificate: String,
    /// The path of its private key.
    pub(in crate::config) key: String,
}
