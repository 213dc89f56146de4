//! The clusters: where they lead, and whose certificates they trust.

use serde_json::Value;

use super::super::finding::Outcome::{Error, Warning};
use super::super::finding::Subject;
use super::dump::{Dump, Manager};
use super::filter::{AUTHZ, PROC};
use super::rule::Fit::{AtLeast, IfWanted};
use super::rule::{Compared, Rule};
use super::value::{at, is_a, list, text};
use super::wanted::Wanted;

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

/// Where the endpoints of a cluster are.
fn addresses(cluster: &Value) -> Vec<String> {
    let groups = list(at(cluster, "load_assignment/endpoints")).iter();
    let endpoints = groups.flat_map(|it| list(it.get("lb_endpoints")));
    let address = |it: &Value| {
        let address = at(it, "endpoint/address")?;
        if let Some(path) = text(address, "pipe/path") {
            return Some(format!("unix:{path}"));
        }
        let host = text(address, "socket_address/address")?;
        let port = at(address, "socket_address/port_value")?;
        Some(format!("{host}:{port}"))
    };
    endpoints.filter_map(address).collect()
}

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
            subject.error(
                TOLLGATE,
                format!("{name} asks {leads}, and tollgate.yaml has `listen.grpc` at {own}"),
                "let both filters ask the tollgate beside this Envoy: they must ask the same one; where a mount has another path in Envoy's container, use the same path in both",
            );
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
        if let Some(host) = &backend.host {
            let own = format!("{host}:{}", backend.port);
            let leads = addresses(found);
            if leads.as_slice() != [own.clone()] {
                broken += 1;
                let leads = leads.join(", ");
                subject.error(
                    CHECK,
                    format!(
                        "the cluster {name} leads to {leads}, and the backend {} is at {own}",
                        backend.name
                    ),
                    AGAIN,
                );
            }
        }
        if let Some(wanted) = wanted.cluster(name) {
            broken += examine_tls(name, found, wanted, subject);
            broken += examine_lua(name, found, wanted, subject);
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

/// The identity's token goes there: only to whom it is meant for.
fn examine_tls(name: &str, cluster: &Value, wanted: &Value, subject: &mut Subject) -> usize {
    let context = at(cluster, "transport_socket/typed_config");
    let context = context.filter(|it| is_a(it, "UpstreamTlsContext"));
    let has = |paths: &[&str]| {
        paths.iter().any(|path| {
            let found = context.and_then(|it| at(it, path));
            found.is_some_and(|it| super::value::canonical(it).is_some())
        })
    };
    let common = "common_tls_context";
    let combined = "combined_validation_context/default_validation_context";
    let trust = [
        format!("{common}/validation_context/trusted_ca"),
        format!("{common}/validation_context/system_root_certs"),
        format!("{common}/validation_context_sds_secret_config"),
        format!("{common}/combined_validation_context"),
    ];
    // An address is in no SNI, so there is nothing to compare a certificate with, unless the endpoint has a name.
    let by_sni = "transport_socket/typed_config/auto_sni_san_validation";
    let endpoint = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/hostname";
    let has_name = at(wanted, by_sni).is_some() || at(cluster, endpoint).is_some();
    let by_sni = has_name.then(|| "auto_sni_san_validation".to_owned());
    let names = [
        format!("{common}/validation_context/match_typed_subject_alt_names"),
        format!("{common}/validation_context/match_subject_alt_names"),
        format!("{common}/validation_context_sds_secret_config"),
        format!("{common}/{combined}/match_typed_subject_alt_names"),
    ];
    let names: Vec<_> = names.into_iter().chain(by_sni).collect();
    let any = |paths: &[String]| has(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let (wrong, cure) = if context.is_none() {
        (
            "has no TLS: the identity's token goes there in the clear",
            "give it a `transport_socket` with TLS, as `tollgate envoy` writes it",
        )
    } else if !any(&trust) {
        (
            "trusts every certificate: whoever is in between gets the identity's token",
            "set `validation_context: { trusted_ca: … }`",
        )
    } else if !any(&names) {
        (
            "accepts a certificate of any name: whoever has one gets the identity's token",
            "set `auto_host_sni: true` and `auto_sni_san_validation: true`, or `match_typed_subject_alt_names` for an address",
        )
    } else {
        return 0;
    };
    subject.error(CHECK, format!("the cluster {name} {wrong}"), cure);
    1
}

/// Of several backends, each has a few lines of Lua that put its path and identity on.
fn examine_lua(name: &str, found: &Value, wanted: &Value, subject: &mut Subject) -> usize {
    let code = |cluster| {
        let filters = list(at(cluster, OPTIONS).and_then(|it| it.get("http_filters"))).iter();
        let mut configs = filters.filter_map(|it| it.get("typed_config"));
        let lua = configs.find(|it| is_a(it, "Lua"))?;
        text(lua, "default_source_code/inline_string").map(str::trim)
    };
    match code(wanted) {
        Some(own) if code(found) != Some(own) => {
            subject.error(
                CHECK,
                format!("the cluster {name} does not have the Lua filter that puts the backend's path and identity on"),
                AGAIN,
            );
            1
        }
        _ => 0,
    }
}
