//! `envoy: { kubernetes }`: what belongs to tollgate in a cluster whose Envoys a control plane configures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::problem::Problem;
use super::problems::Problems;
use super::spanned::Spanned;
use super::written;
use crate::envoy_config::{Gateway, Kubernetes, Sidecars};

const DEFAULT_NAMESPACE: &str = "tollgate";
const DEFAULT_LISTENER: &str = "https";
const DEFAULT_PORT: u16 = 443;
/// Of a name in Kubernetes that becomes part of a DNS name (RFC 1123).
const MAX_LABEL_CHARS: usize = 63;

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
        port: port(written.port.as_ref(), problems).unwrap_or(DEFAULT_PORT),
        pods: written.pods.as_ref().map_or(own, |it| labels(it, problems)),
    }
}

fn sidecars(written: &written::Sidecars, problems: &mut Problems) -> Sidecars {
    Sidecars {
        namespace: namespace(Some(&written.namespace), "", problems),
        port: port(Some(&written.port), problems).unwrap_or_default(),
        pods: labels(&written.pods, problems),
    }
}

/// A port that something listens at.
fn port(written: Option<&Spanned<u16>>, problems: &mut Problems) -> Option<u16> {
    let written = written?;
    if written.value == 0 {
        let message = format!("must be from 1 to {}", u16::MAX);
        problems.push(Problem::at(written.referenced, message));
    }
    Some(written.value)
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
    let mut seen = BTreeSet::new();
    for hostname in written {
        if !seen.insert(&hostname.value) {
            let message = format!("duplicate name of a host: `{}`", hostname.value);
            problems.push(Problem::at(hostname.referenced, message));
        }
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
