//! The routes: which headers never leave, which bodies are held, and that no route goes round tollgate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::finding::Outcome::{Error, Warning};
use super::super::finding::Subject;
use super::bypass::{self, overridden};
use super::dump::{Dump, Manager};
use super::filter::PROC;
use super::rule::Fit::{AtLeast, IfWanted, Same};
use super::rule::{Compared, Rule};
use super::sending::{sends, sends_a_request};
use super::value::{amount, at, list, text};
use super::wanted::Wanted;

const CHECK: &str = "routes";
/// The name of the filter in what `tollgate envoy` writes.
const OWN_PROC: &str = "envoy.filters.http.ext_proc";
/// Headers that say which backends an Envoy leads to begin so; this one says the only one.
const ALONE: &str = "tollgate-backend";
const IN_ORDER: &str = "tollgate-backends-in-order";
/// Most of such a list that is shown.
const MAX_KNOWN_CHARS: usize = 500;
/// An answer may have pauses, but no end: this is what `tollgate envoy` gives to a pause.
const LONG_NS: u128 = 600_000_000_000;
const HOST_RULES: [Rule; 2] = [
    Rule(
        "request_body_buffer_limit",
        AtLeast,
        Error,
        "what tollgate lets through, and what it adds to a body, would get a 413 from Envoy",
    ),
    Rule(
        "include_request_attempt_count",
        IfWanted,
        Error,
        "no request goes on to the next backend",
    ),
];
const ROUTE_RULES: [Rule; 1] = [Rule(
    "cluster_specifier_plugins",
    IfWanted,
    Error,
    "requests go to other backends than tollgate chooses",
)];
const SENT_RULES: [Rule; 1] = [Rule(
    "retry_policy/retry_on",
    Same(""),
    Warning,
    "what Azure has begun to work on, and bills, could be sent again",
)];

/// Compares the routes with the wanted ones.
pub(super) fn examine(dump: &Dump, manager: &Manager<'_>, wanted: &Wanted, subject: &mut Subject) {
    let (Some(wanted_routes), Some(host)) = (wanted.routes(), wanted.virtual_host()) else {
        return;
    };
    let Some(routes) = dump.routes(manager) else {
        subject.error(
            CHECK,
            format!("the listener {} has no routes yet", manager.listener),
            "wait until Envoy has read its file of routes, or see its log",
        );
        return;
    };
    let hosts = list(routes.get("virtual_hosts"));
    let mut broken = Compared {
        check: CHECK,
        part: format!("the routes of the listener {}", manager.listener),
        wanted: wanted_routes,
        found: routes,
    }
    .examine(&ROUTE_RULES, subject);
    broken += bypass::examine(manager, routes, wanted, subject);
    let proc = manager.filter_name(PROC).unwrap_or(OWN_PROC);
    for found in hosts {
        let name = text(found, "name").unwrap_or_default();
        let part = format!("the virtual host {name}");
        let sends = list(found.get("routes")).iter().any(|it| sends(it, wanted));
        if !sends {
            continue;
        }
        broken += Compared {
            check: CHECK,
            part: part.clone(),
            wanted: host,
            found,
        }
        .examine(&HOST_RULES, subject);
        broken += examine_headers(routes, found, host, subject);
        broken += examine_known(known(found, proc), known(host, OWN_PROC), wanted, subject);
        broken += examine_audio(found, wanted, subject);
        for route in list(found.get("routes"))
            .iter()
            .filter(|it| sends_a_request(it, wanted))
        {
            broken += examine_sent(route, host, &part, subject);
        }
    }
    if broken == 0 {
        let said = format!(
            "the routes of the listener {} are as tollgate needs them",
            manager.listener
        );
        subject.ok(CHECK, said);
    }
}

/// The headers that Envoy removes, whoever asks.
fn examine_headers(routes: &Value, found: &Value, wanted: &Value, subject: &mut Subject) -> usize {
    let mut broken = 0;
    for (name, meaning) in [
        (
            "request_headers_to_remove",
            "callers' own would reach Azure",
        ),
        (
            "response_headers_to_remove",
            "callers see what they share with others",
        ),
    ] {
        let removed: BTreeSet<_> = [routes, found]
            .into_iter()
            .flat_map(|it| list(it.get(name)))
            .filter_map(Value::as_str)
            .map(str::to_ascii_lowercase)
            .collect();
        let wanted = list(wanted.get(name)).iter().filter_map(Value::as_str);
        let missing: Vec<_> = wanted.filter(|it| !removed.contains(*it)).collect();
        if missing.is_empty() {
            continue;
        }
        broken += 1;
        let missing = missing.join(", ");
        subject.error(
            CHECK,
            format!("`{name}` lacks {missing}: {meaning}"),
            format!("add {missing} to `{name}` of the virtual host, or start Envoy with what `tollgate envoy` writes (docs/envoy.md)"),
        );
    }
    broken
}

/// The backends that Envoy says it leads to, and by which header: where it says none, tollgate does not ask.
fn known<'a>(host: &'a Value, filter: &str) -> Option<(&'a str, &'a str)> {
    let told = list(at(
        overridden(host, filter)?.0,
        "overrides/grpc_initial_metadata",
    ));
    let mut told = told.iter();
    let told = told.find(|it| text(it, "key").is_some_and(|key| key.starts_with(ALONE)))?;
    Some((text(told, "key")?, text(told, "value")?))
}

/// Compares them as the service does (gateway/reach.rs).
fn examine_known(
    found: Option<(&str, &str)>,
    own: Option<(&str, &str)>,
    wanted: &Wanted,
    subject: &mut Subject,
) -> usize {
    let (Some((header, its)), Some((_, own))) = (found, own) else {
        return 0;
    };
    let address = |it: &str| it.split_once('=').map(|it| it.1.to_owned());
    let sorted = |it: &str| it.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    let backends = &wanted.settings.backends;
    let has_hosts = backends.iter().all(|it| it.host.is_some());
    let is_same = match (header, backends.len()) {
        (ALONE, 1) => !has_hosts || address(its) == address(own),
        (IN_ORDER, _) => its == own,
        _ => sorted(its) == sorted(own),
    };
    if is_same {
        return 0;
    }
    let (message, cure) = match has_hosts {
        true => (
            format!(
                "Envoy's configuration is for other backends than tollgate.yaml: it has {}",
                its.chars().take(MAX_KNOWN_CHARS).collect::<String>()
            ),
            "write it again (`tollgate envoy`) and restart Envoy, or let it follow with `tollgate envoy --watch`",
        ),
        false => (
            "Envoy's configuration is for a choice of backends, and a backend in tollgate.yaml has no `endpoint`: tollgate sends nothing to it".to_owned(),
            "write its `endpoint`, and Envoy's configuration again (`tollgate envoy`)",
        ),
    };
    subject.error(CHECK, message, cure);
    1
}

/// Audio has a route of its own, with a limit of its own.
fn examine_audio(host: &Value, wanted: &Wanted, subject: &mut Subject) -> usize {
    let limits = list(host.get("routes")).iter().chain([host]);
    let limits = limits.filter_map(|it| amount(it.get("request_body_buffer_limit")?));
    let largest = limits.max().unwrap_or_default();
    let least = wanted.settings.audio_body_buffer_bytes;
    if u128::try_from(least).is_ok_and(|least| largest >= least) {
        return 0;
    }
    subject.warning(
        CHECK,
        format!("no route holds bodies of {least} bytes: transcriptions and translations of the size that tollgate lets through get a 413 from Envoy"),
        format!("give their route `request_body_buffer_limit: {least}`, or lower `max_audio_request_bytes`"),
    );
    1
}

/// A route that requests go out on.
fn examine_sent(route: &Value, wanted_host: &Value, host: &str, subject: &mut Subject) -> usize {
    let Some(found) = route.get("route") else {
        return 0;
    };
    let mut broken = 0;
    // What is not set is 15 s; 0 means no limit at all.
    let timeout = found.get("timeout").map(amount);
    if !matches!(timeout, Some(Some(time)) if time == 0 || time >= LONG_NS) {
        broken += 1;
        subject.error(
            CHECK,
            format!("a route of {host} to a backend has no `timeout: 0s`: answers that take longer are cut off"),
            "set `timeout: 0s` and `idle_timeout: 600s` on the routes to backends",
        );
    }
    let wanted = list(wanted_host.get("routes")).iter();
    let mut wanted = wanted.filter_map(|it| it.get("route"));
    let wanted = wanted.rfind(|it| it.get("retry_policy").is_some());
    if let (Some(wanted), Some(_)) = (wanted, found.get("retry_policy")) {
        broken += Compared {
            check: CHECK,
            part: format!("a route of {host}"),
            wanted,
            found,
        }
        .examine(&SENT_RULES, subject);
    }
    broken
}
