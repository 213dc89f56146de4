//! The routes: which headers never leave, which bodies are held, and that no route goes round tollgate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::finding::Outcome::{Error, Warning};
use super::super::finding::Subject;
use super::dump::{Dump, Manager};
use super::rule::Fit::{AtLeast, IfWanted, Same, Within};
use super::rule::{Compared, Rule};
use super::value::{amount, at, is_a, list, text};
use super::wanted::Wanted;

const CHECK: &str = "routes";
const AUTHZ: &str = "envoy.filters.http.ext_authz";
const PROC: &str = "envoy.filters.http.ext_proc";
/// An answer may have pauses, but no end: this is what `tollgate envoy` gives to a pause.
const LONG_NS: u128 = 600_000_000_000;
const HOST_RULES: [Rule; 3] = [
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
    Rule(
        "typed_per_filter_config/envoy.filters.http.cors/allow_origin_string_match",
        Within,
        Error,
        "pages of these origins may call the gateway, and are not in `allowed_origins`",
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
    broken += examine_bypass(routes, wanted, subject);
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
        broken += examine_known(found, host, subject);
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

/// Whether requests go from a route to a backend.
fn sends(route: &Value, wanted: &Wanted) -> bool {
    let Some(action) = route.get("route") else {
        return false;
    };
    let cluster = text(action, "cluster");
    let weighted = list(at(action, "weighted_clusters/clusters")).iter();
    let mut clusters = weighted.filter_map(|it| text(it, "name")).chain(cluster);
    action.get("cluster_specifier_plugin").is_some() || clusters.any(|it| wanted.is_backend(it))
}

/// The same, but for questions of browsers, which the filter cors answers.
fn sends_a_request(route: &Value, wanted: &Wanted) -> bool {
    let headers = list(at(route, "match/headers")).iter();
    let mut methods = headers.filter(|it| text(it, "name") == Some(":method"));
    let is_options = methods.any(|it| text(it, "string_match/exact") == Some("OPTIONS"));
    !is_options && sends(route, wanted)
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

/// What a filter is told for a part of the routes.
fn overridden<'a>(scope: &'a Value, filter: &str) -> Option<&'a Value> {
    scope.get("typed_per_filter_config")?.get(filter)
}

/// No part of the routes may go round tollgate, or be asked about in another way.
fn examine_bypass(routes: &Value, wanted: &Wanted, subject: &mut Subject) -> usize {
    let of = |host: &'_ Value| list(host.get("routes")).iter().any(|it| sends(it, wanted));
    let hosts = list(routes.get("virtual_hosts")).iter();
    let hosts = hosts.filter(|host| of(host));
    let sent = hosts.clone().flat_map(|host| list(host.get("routes")));
    let sent = sent.filter(|it| sends(it, wanted));
    let weighted = sent
        .clone()
        .flat_map(|it| list(at(it, "route/weighted_clusters/clusters")));
    let scopes = std::iter::once(routes)
        .chain(hosts)
        .chain(sent)
        .chain(weighted);
    let mut wrong = BTreeSet::new();
    for (scope, filter) in scopes.flat_map(|scope| [(scope, AUTHZ), (scope, PROC)]) {
        let Some(told) = overridden(scope, filter) else {
            continue;
        };
        let short = filter.rsplit('.').next().unwrap_or(filter);
        if told.get("disabled") == Some(&Value::Bool(true)) {
            wrong.insert(format!("{short} is disabled for a part of the routes"));
        }
        let mut others = told
            .get("overrides")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let is_other = |name: &str| name != "grpc_initial_metadata";
        if is_a(told, "ExtProcPerRoute") && others.any(|(name, _)| is_other(name)) {
            wrong.insert(format!(
                "{short} has other settings for a part of the routes"
            ));
        }
    }
    for message in &wrong {
        subject.error(
            CHECK,
            format!("{message}: requests there go round tollgate"),
            "remove it from `typed_per_filter_config`",
        );
    }
    wrong.len()
}

/// The backends that Envoy says it leads to: where it says none, tollgate does not ask.
fn examine_known(found: &Value, wanted: &Value, subject: &mut Subject) -> usize {
    let known = |host| {
        let told = list(at(
            overridden(host, PROC)?,
            "overrides/grpc_initial_metadata",
        ));
        let mut told = told.iter();
        let of_backends =
            |it: &&Value| text(it, "key").is_some_and(|key| key.starts_with("tollgate-backend"));
        told.find(of_backends)?.get("value")?.as_str()
    };
    match (known(found), known(wanted)) {
        (Some(its), Some(own)) if its != own => {
            let its: String = its.chars().take(500).collect();
            subject.error(
                CHECK,
                format!("Envoy's configuration is for other backends than tollgate.yaml: it has {its}"),
                "write it again (`tollgate envoy`) and restart Envoy, or let it follow with `tollgate envoy --watch`",
            );
            1
        }
        _ => 0,
    }
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
