//! `envoy: { tollgate }` and `envoy: { kubernetes }`: tollgate as a service, and what belongs to it in a cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::problem::Problem;
use super::problems::Problems;
use super::spanned::Spanned;
use super::written;
use crate::auth::Url;
use crate::envoy_config::{Gateway, Kubernetes, Service, Sidecars};

const DEFAULT_NAMESPACE: &str = "tollgate";
const DEFAULT_LISTENER: &str = "https";
const DEFAULT_PORT: u16 = 443;
/// Not 80: what else a workload asks for over HTTP must not pass tollgate's filters.
const DEFAULT_SIDECAR_PORT: u16 = 8080;
/// Of a name in Kubernetes that becomes part of a DNS name (RFC 1123).
const MAX_LABEL_CHARS: usize = 63;

/// Where Envoys reach tollgate.
pub(super) fn service(
    written: Option<&written::Service>,
    problems: &mut Problems,
) -> Option<Service> {
    let written = written?;
    let Some((host, port)) = host_and_port(&written.address.value) else {
        let message = format!("`{}` is not a name with a port", written.address.value);
        let help = "write where Envoys reach tollgate: `tollgate.tollgate.svc.cluster.local:9000`";
        problems.push(Problem::at(written.address.referenced, message).help(help));
        return None;
    };
    Some(Service {
        is_address: host.parse::<IpAddr>().is_ok(),
        host,
        port,
        certificate: written.certificate.clone(),
        key: written.key.clone(),
        trusted_ca: written.ca_file.clone(),
    })
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|it| *it != 0)?;
    let url = Url::parse(&format!("https://{text}")).ok()?;
    let parsed = url.host_str()?;
    // As it is written, or Envoy would check another name.
    let is_whole = parsed == host && url.path() == "/" && url.username().is_empty();
    is_whole.then(|| (host.trim_matches(['[', ']']).to_owned(), port))
}

/// What belongs to tollgate.
pub(super) fn kubernetes(
    written: Option<&written::Kubernetes>,
    problems: &mut Problems,
) -> Option<Kubernetes> {
    let written = written?;
    let namespace = self::namespace(written.namespace.as_ref(), DEFAULT_NAMESPACE, problems);
    Some(Kubernetes {
        hostnames: hostnames(&written.hostnames, problems),
        gateway: written
            .gateway
            .as_ref()
            .map(|it| gateway(it, &namespace, problems)),
        sidecars: written.sidecars.as_ref().map(|it| sidecars(it, problems)),
        namespace,
    })
}

fn gateway(written: &written::Gateway, namespace: &str, problems: &mut Problems) -> Gateway {
    let own = BTreeMap::from([("istio".to_owned(), "ingressgateway".to_owned())]);
    Gateway {
        name: name(Some(&written.name), "", problems),
        namespace: self::namespace(written.namespace.as_ref(), namespace, problems),
        listener: name(written.listener.as_ref(), DEFAULT_LISTENER, problems),
        port: written.port.unwrap_or(DEFAULT_PORT),
        pods: written.pods.as_ref().map_or(own, |it| labels(it, problems)),
    }
}

fn sidecars(written: &written::Sidecars, problems: &mut Problems) -> Sidecars {
    Sidecars {
        namespace: namespace(Some(&written.namespace), "", problems),
        port: written.port.unwrap_or(DEFAULT_SIDECAR_PORT),
        pods: labels(&written.pods, problems),
    }
}

/// A name of something in Kubernetes, in parts with dots between them; what is wrong is said.
fn name(written: Option<&Spanned<String>>, default: &str, problems: &mut Problems) -> String {
    checked(written, default, problems, |it| it.split('.').all(is_label))
}

/// The name of a namespace: one part (RFC 1123).
fn namespace(written: Option<&Spanned<String>>, default: &str, problems: &mut Problems) -> String {
    checked(written, default, problems, is_label)
}

fn checked(
    written: Option<&Spanned<String>>,
    default: &str,
    problems: &mut Problems,
    is_good: impl Fn(&str) -> bool,
) -> String {
    let Some(written) = written else {
        return default.to_owned();
    };
    if !is_good(&written.value) {
        let message = format!("`{}` is not a name in Kubernetes", written.value);
        let help = "use lower-case letters, digits and `-`, at most 63 characters; a namespace has no dots";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    written.value.clone()
}

fn is_label(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends_well = !text.starts_with('-') && !text.ends_with('-');
    (1..=MAX_LABEL_CHARS).contains(&text.len()) && ends_well && text.chars().all(is_inner)
}

fn hostnames(written: &[Spanned<String>], problems: &mut Problems) -> Vec<String> {
    for hostname in written {
        let own = hostname.value.strip_prefix("*.").unwrap_or(&hostname.value);
        if !own.split('.').all(is_label) || own.parse::<IpAddr>().is_ok() {
            let message = format!("`{}` is not the name of a host", hostname.value);
            let help = "write the name alone, such as `ai.example.com` or `*.example.com`";
            problems.push(Problem::at(hostname.referenced, message).help(help));
        }
    }
    written.iter().map(|it| it.value.clone()).collect()
}

/// Labels that choose pods: none would choose all of them.
fn labels(
    written: &Spanned<BTreeMap<String, String>>,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let is_part = |text: &str| {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        (1..=MAX_LABEL_CHARS).contains(&text.len()) && text.chars().all(is_inner)
    };
    let is_key = |text: &str| {
        let (prefix, own) = text.rsplit_once('/').unzip();
        prefix.is_none_or(|it| it.split('.').all(is_label)) && is_part(own.unwrap_or(text))
    };
    let mut all = written.value.iter();
    if written.value.is_empty() || !all.all(|(key, value)| is_key(key) && is_part(value)) {
        let message = "not labels of pods";
        let help = "write those that choose the pods, such as `{ istio: ingressgateway }`";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    written.value.clone()
}

#[cfg(test)]
mod tests;
