//! The clusters: where they lead, and whose certificates they trust.

use serde_json::Value;

use super::super::finding::Outcome::{Error, Warning};
use super::super::finding::Subject;
use super::dump::{Dump, Manager};
use super::filter::{AUTHZ, PROC};
use super::place::{addresses, in_words};
use super::rule::Fit::{AtLeast, IfWanted};
use super::rule::{Compared, Rule};
use super::tls;
use super::value::{at, canonical, list, text};
use super::wanted::Wanted;
use crate::envoy_config::Backend;

const TOLLGATE: &str = "tollgate";
const CHECK: &str = "backends";
const AGAIN: &str = "write Envoy's configuration again (`tollgate envoy`) and restart Envoy, or let it follow with `tollgate envoy --watch`";
const OPTIONS: &str =
    "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const TOLLGATE_RULES: [Rule; 2] = [
    Rule(
        "circuit_breakers/thresholds/0/max_requests",
        AtLeast,
        Warning,
        "each request in flight is a stream there, and those beyond it get 503",
    ),
    Rule(
        "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/explicit_http_config/http2_protocol_options/initial_connection_window_size",
        AtLeast,
        Warning,
        "bodies on their way to tollgate wait for each other",
    ),
];
const BACKEND_RULES: [Rule; 2] = [
    Rule(
        "circuit_breakers/thresholds/0/max_requests",
        AtLeast,
        Warning,
        "requests beyond it get 503 from Envoy",
    ),
    Rule(
        "circuit_breakers/thresholds/0/max_retries",
        IfWanted,
        Error,
        "not all requests of a backend that fails go on to the next one",
    ),
];

const BESIDE: &str = "let both filters ask the tollgate beside this Envoy: they must ask the same one; where a mount has another path in Envoy's container, use the same path in both";
const SHARED: &str = "let both filters ask the service by the one name that tollgate.yaml has: Envoy looks up its replicas. Other addresses are not compared; each must have a certificate with that name";

/// The cluster that a filter asks.
fn asked<'a>(dump: &'a Dump, filter: &Value) -> Option<&'a Value> {
    dump.cluster(text(filter, "grpc_service/envoy_grpc/cluster_name")?)
}

/// Whether one of the filters of a connection manager asks this tollgate.
pub(super) fn leads_to_tollgate(dump: &Dump, manager: &Manager<'_>, wanted: &Wanted) -> bool {
    let filters = [AUTHZ, PROC]
        .into_iter()
        .filter_map(|it| manager.filter(it));
    let mut clusters = filters.filter_map(|it| asked(dump, it));
    clusters.any(|it| addresses(it).contains(&wanted.tollgate()))
}

/// Both filters must ask this tollgate: a decision of one is known to the other within its process only.
pub(super) fn examine_tollgate(
    dump: &Dump,
    manager: &Manager<'_>,
    wanted: &Wanted,
    subject: &mut Subject,
) {
    let own = wanted.tollgate();
    let mut broken = 0;
    for (kind, name) in [(AUTHZ, "ext_authz"), (PROC, "ext_proc")] {
        let Some(filter) = manager.filter(kind) else {
            continue;
        };
        let found = asked(dump, filter).map(addresses).unwrap_or_default();
        if found.as_slice() != [own.clone()] {
            broken += 1;
            let leads = match found.is_empty() {
                true => "nowhere".to_owned(),
                false => found.join(", "),
            };
            let (setting, advice) = match wanted.is_service() {
                true => ("envoy.tollgate", SHARED),
                false => ("listen.grpc", BESIDE),
            };
            let said = format!("{name} asks {leads}, and tollgate.yaml has `{setting}` at {own}");
            subject.error(TOLLGATE, said, advice);
        }
    }
    let cluster = manager.filter(AUTHZ).and_then(|it| asked(dump, it));
    if let (Some(found), Some(wanted)) = (cluster, wanted.cluster(TOLLGATE)) {
        let compared = Compared {
            check: TOLLGATE,
            part: "the cluster of tollgate".to_owned(),
            wanted,
            found,
        };
        broken += compared.examine(&TOLLGATE_RULES, subject);
    }
    if broken == 0 {
        subject.ok(TOLLGATE, format!("both filters ask {own}"));
    }
}

/// Compares the cluster of each backend with the wanted one.
pub(super) fn examine_backends(dump: &Dump, wanted: &Wanted, subject: &mut Subject) {
    for backend in &wanted.settings.backends {
        let name = &backend.cluster;
        let Some(found) = dump.cluster(name) else {
            subject.error(
                CHECK,
                format!(
                    "there is no cluster {name}: Envoy does not lead to the backend {}",
                    backend.name
                ),
                AGAIN,
            );
            continue;
        };
        let mut broken = 0;
        if let Some(wanted) = wanted.cluster(name) {
            broken += examine_places(backend, found, wanted, subject);
            broken += tls::examine(CHECK, name, found, wanted, subject);
            broken += examine_filters(name, found, wanted, subject);
            let compared = Compared {
                check: CHECK,
                part: format!("the cluster {name}"),
                wanted,
                found,
            };
            broken += compared.examine(&BACKEND_RULES, subject);
        }
        if broken == 0 {
            subject.ok(
                CHECK,
                format!("the cluster {name} leads to the backend {}", backend.name),
            );
        }
    }
}

/// A cluster leads to its backend, and where the order is fixed to the others after it.
fn examine_places(
    backend: &Backend,
    found: &Value,
    wanted: &Value,
    subject: &mut Subject,
) -> usize {
    let (name, leads, own) = (&backend.cluster, in_words(found), in_words(wanted));
    if leads == own || addresses(wanted).iter().any(|it| Wanted::is_nowhere(it)) {
        return 0;
    }
    let message = match addresses(wanted).len() {
        1 => format!(
            "the cluster {name} leads to {leads}, and the backend {} is at {own}",
            backend.name
        ),
        _ => format!(
            "the cluster {name} leads to {leads}, and the backend {} with those that are asked after it is at {own}",
            backend.name
        ),
    };
    subject.error(CHECK, message, AGAIN);
    1
}

/// Of several backends, each has filters that put its path and identity on: whoever changes when they do sends requests
/// without them, or with those of others.
fn examine_filters(name: &str, found: &Value, wanted: &Value, subject: &mut Subject) -> usize {
    let filters = |cluster| {
        let all = list(at(cluster, OPTIONS).and_then(|it| it.get("http_filters"))).iter();
        all.filter_map(|it| canonical(it.get("typed_config")?))
            .collect::<Vec<_>>()
    };
    let own = filters(found);
    if filters(wanted).iter().all(|it| own.contains(it)) {
        return 0;
    }
    subject.error(
        CHECK,
        format!("the cluster {name} does not have the filters that put the backend's path and identity on, or has others"),
        AGAIN,
    );
    1
}
