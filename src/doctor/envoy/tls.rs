//! TLS to the backends. The identity's token goes there: only to whom it is meant for.

use serde_json::Value;

use super::super::finding::Subject;
use super::place::places;
use super::value::{at, canonical, is_a, list};

const COMMON: &str = "common_tls_context";
/// Any of these says which authorities are trusted.
const TRUST: [&str; 4] = [
    "validation_context/trusted_ca",
    "validation_context/system_root_certs",
    "validation_context_sds_secret_config",
    "combined_validation_context",
];
/// Any of these says whose certificate it must be.
const NAMES: [&str; 4] = [
    "validation_context/match_typed_subject_alt_names",
    "validation_context/match_subject_alt_names",
    "validation_context_sds_secret_config",
    "combined_validation_context/default_validation_context/match_typed_subject_alt_names",
];
const BY_SNI: &str = "auto_sni_san_validation";

/// Looks at the transport socket of each endpoint; gives how many are wrong.
pub(super) fn examine(
    check: &str,
    name: &str,
    cluster: &Value,
    wanted: &Value,
    subject: &mut Subject,
) -> usize {
    // An address is in no SNI, so there is nothing to compare a certificate with, unless the endpoint has a name.
    let by_sni = format!("typed_config/{BY_SNI}");
    let is_by_sni = |socket: &Value| at(socket, &by_sni).is_some();
    let wants_sni = places(wanted)
        .iter()
        .any(|it| it.socket.is_some_and(is_by_sni));
    let places = places(cluster);
    let mut broken = 0;
    let mut say = |to: &str, wrong: Option<(&str, &str)>| {
        if let Some((wrong, cure)) = wrong {
            broken += 1;
            subject.error(check, format!("the cluster {name}{to} {wrong}"), cure);
        }
    };
    for place in &places {
        let to = match places.len() {
            1 => String::new(),
            _ => format!(", to {},", place.address),
        };
        let has_name = wants_sni || place.hostname.is_some();
        say(&to, wrong_with(place.socket, has_name));
    }
    if places.is_empty() {
        let matches = list(cluster.get("transport_socket_matches")).iter();
        let sockets: Vec<_> = matches.map(|it| it.get("transport_socket")).collect();
        let sockets = match sockets.is_empty() {
            true => vec![cluster.get("transport_socket")],
            false => sockets,
        };
        for socket in sockets {
            say("", wrong_with(socket, wants_sni));
        }
    }
    broken
}

/// What is wrong with a transport socket, and what to do about it.
fn wrong_with(socket: Option<&Value>, has_name: bool) -> Option<(&'static str, &'static str)> {
    let context = socket.and_then(|it| it.get("typed_config"));
    let Some(context) = context.filter(|it| is_a(it, "UpstreamTlsContext")) else {
        return Some((
            "has no TLS: the identity's token goes there in the clear",
            "give it a `transport_socket` with TLS, as `tollgate envoy` writes it",
        ));
    };
    let is_set = |value: Option<&Value>| value.is_some_and(|it| canonical(it).is_some());
    let has = |path: &&str| is_set(at(context, COMMON).and_then(|it| at(it, path)));
    if !TRUST.iter().any(has) {
        return Some((
            "trusts every certificate: whoever is in between gets the identity's token",
            "set `validation_context: { trusted_ca: … }`",
        ));
    }
    let is_named = NAMES.iter().any(has) || (has_name && is_set(context.get(BY_SNI)));
    if !is_named {
        return Some((
            "accepts a certificate of any name: whoever has one gets the identity's token",
            "set `auto_host_sni: true` and `auto_sni_san_validation: true`, or `match_typed_subject_alt_names` for an address",
        ));
    }
    None
}
