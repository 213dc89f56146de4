//! Where requests come in: a gateway, or the sidecars of those who ask.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::NAME;
use crate::envoy_config::settings::{Gateway, Kubernetes, Settings, Sidecars};

/// Where the filters are.
pub(super) struct Place<'a> {
    /// What sets it apart.
    pub(super) kind: Kind<'a>,
    /// The namespace of what is written: routes and destinations.
    pub(super) namespace: &'a str,
    /// The names that callers use.
    pub(super) hosts: Vec<String>,
    /// The port that callers use.
    pub(super) port: u16,
    /// What its objects are called.
    pub(super) name: &'static str,
    /// Callers connect with TLS.
    pub(super) tls: bool,
}

pub(super) enum Kind<'a> {
    Gateway(&'a Gateway),
    Sidecars(&'a Sidecars),
}

pub(super) fn places<'a>(settings: &Settings, kubernetes: &'a Kubernetes) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    if let Some(gateway) = &kubernetes.gateway {
        let hosts = match kubernetes.hostnames.is_empty() {
            true => vec!["*".to_owned()],
            false => kubernetes.hostnames.clone(),
        };
        places.push(Place {
            kind: Kind::Gateway(gateway),
            namespace: &kubernetes.namespace,
            hosts,
            port: gateway.port,
            name: NAME,
            tls: settings.tls.is_some(),
        });
    }
    if let Some(sidecars) = &kubernetes.sidecars {
        let first = settings.backends.first().and_then(|it| it.host.clone());
        places.push(Place {
            kind: Kind::Sidecars(sidecars),
            namespace: &sidecars.namespace,
            hosts: first.into_iter().collect(),
            port: sidecars.port,
            name: "tollgate-egress",
            tls: false,
        });
    }
    places
}

impl Place<'_> {
    /// What must be there before.
    pub(super) fn needed(&self) -> String {
        match &self.kind {
            Kind::Gateway(gateway) => format!(
                "
- The Gateway (networking.istio.io) `{}` in the namespace `{}`, with {}, at the port {} of its pods, for tollgate's hosts
  alone: limits, paths and error pages below are the listener's.",
                gateway.name,
                gateway.namespace,
                match self.tls {
                    // Also for client certificates, which tollgate judges.
                    true => "HTTPS (`tls: { mode: SIMPLE }`)",
                    false => "HTTP",
                },
                gateway.port
            ),
            Kind::Sidecars(sidecars) => format!(
                "
- Applications in the namespace `{}` that ask http://{}:{}/openai/… and leave TLS to their sidecar.",
                sidecars.namespace,
                self.hosts.concat(),
                sidecars.port
            ),
        }
    }

    /// The namespace of the proxies, where their filters must be.
    pub(super) fn proxies(&self) -> &str {
        match &self.kind {
            Kind::Gateway(gateway) => &gateway.namespace,
            Kind::Sidecars(sidecars) => &sidecars.namespace,
        }
    }

    /// The labels of the proxies.
    pub(super) fn pods(&self) -> &BTreeMap<String, String> {
        match &self.kind {
            Kind::Gateway(gateway) => &gateway.pods,
            Kind::Sidecars(sidecars) => &sidecars.pods,
        }
    }

    /// What Istio calls where the filters are.
    pub(super) fn context(&self) -> &'static str {
        match &self.kind {
            Kind::Gateway(_) => "GATEWAY",
            Kind::Sidecars(_) => "SIDECAR_OUTBOUND",
        }
    }

    /// Whose routes they are.
    pub(super) fn gateways(&self) -> Value {
        match &self.kind {
            Kind::Gateway(gateway) => json!([format!("{}/{}", gateway.namespace, gateway.name)]),
            Kind::Sidecars(_) => json!(["mesh"]),
        }
    }

    /// The port of a backend's destination, which is another one where callers name it themselves.
    pub(super) fn destination_port(&self, port: u16) -> u16 {
        match &self.kind {
            Kind::Gateway(_) => port,
            Kind::Sidecars(_) => self.port,
        }
    }

    /// Callers come from elsewhere.
    pub(super) fn is_gateway(&self) -> bool {
        matches!(self.kind, Kind::Gateway(_))
    }
}
