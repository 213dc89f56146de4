//! Parts of the routes for which a filter is set in another way: none may go round tollgate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::finding::Outcome::Error;
use super::super::finding::Subject;
use super::dump::Manager;
use super::filter::{AUTHZ, CORS, PROC};
use super::rule::Fit::Within;
use super::rule::{Compared, Rule};
use super::sending::sends;
use super::value::{at, is_a, list};
use super::wanted::Wanted;

const CHECK: &str = "routes";
/// The name of the filter in what `tollgate envoy` writes.
const OWN_CORS: &str = "envoy.filters.http.cors";
const CORS_RULES: [Rule; 1] = [Rule(
    "allow_origin_string_match",
    Within,
    Error,
    "pages of these origins may call the gateway, and are not in `allowed_origins`",
)];

/// What a filter is told for a part of the routes, by the filter's name, and whether it is disabled there. It may be
/// wrapped
/// (<https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-filterconfig>).
pub(super) fn overridden<'a>(scope: &'a Value, filter: &str) -> Option<(&'a Value, bool)> {
    let told = scope.get("typed_per_filter_config")?.get(filter)?;
    let is_disabled = |it: &Value| it.get("disabled") == Some(&Value::Bool(true));
    let inner = match is_a(told, "FilterConfig") {
        true => told.get("config").unwrap_or(&Value::Null),
        false => told,
    };
    Some((inner, is_disabled(told) || is_disabled(inner)))
}

/// Whether a filter asks about requests in another way than it does elsewhere.
fn is_other(told: &Value) -> bool {
    let names = |path| {
        let members = at(told, path).and_then(Value::as_object);
        members.into_iter().flatten().map(|it| it.0.as_str())
    };
    (is_a(told, "ExtProcPerRoute") && names("overrides").any(|it| it != "grpc_initial_metadata"))
        || (is_a(told, "ExtAuthzPerRoute")
            && names("check_settings").any(|it| matches!(it, "grpc_service" | "http_service")))
}

/// The parts from which requests go to backends: all routes, virtual hosts, routes, and clusters by weight.
fn scopes<'a>(routes: &'a Value, wanted: &Wanted) -> Vec<&'a Value> {
    let mut scopes = vec![routes];
    for host in list(routes.get("virtual_hosts")) {
        let all = list(host.get("routes")).iter();
        let sent: Vec<_> = all.filter(|it| sends(it, wanted)).collect();
        if sent.is_empty() {
            continue;
        }
        scopes.push(host);
        for route in sent {
            scopes.push(route);
            scopes.extend(list(at(route, "route/weighted_clusters/clusters")));
        }
    }
    scopes
}

/// Looks at all of them; gives how many things are wrong.
pub(super) fn examine(
    manager: &Manager<'_>,
    routes: &Value,
    wanted: &Wanted,
    subject: &mut Subject,
) -> usize {
    let scopes = scopes(routes, wanted);
    let mut wrong = BTreeSet::new();
    for (kind, short) in [(AUTHZ, "ext_authz"), (PROC, "ext_proc")] {
        let Some(name) = manager.filter_name(kind) else {
            continue;
        };
        let told = scopes.iter().filter_map(|it| overridden(it, name));
        for (told, is_disabled) in told {
            if is_disabled {
                wrong.insert(format!("{short} is disabled for a part of the routes"));
            }
            if is_other(told) {
                wrong.insert(format!(
                    "{short} has other settings for a part of the routes"
                ));
            }
        }
    }
    for message in &wrong {
        subject.error(
            CHECK,
            format!("{message}: requests there go round tollgate"),
            "remove it from `typed_per_filter_config`",
        );
    }
    wrong.len() + examine_origins(manager, &scopes, wanted, subject)
}

/// Whose pages may call the gateway.
fn examine_origins(
    manager: &Manager<'_>,
    scopes: &[&Value],
    wanted: &Wanted,
    subject: &mut Subject,
) -> usize {
    let own = wanted
        .virtual_host()
        .and_then(|it| overridden(it, OWN_CORS));
    let (Some(name), Some((own, _))) = (manager.filter_name(CORS), own) else {
        return 0;
    };
    let policies = scopes.iter().filter_map(|it| overridden(it, name));
    let examined = policies.map(|(found, _)| {
        let compared = Compared {
            check: CHECK,
            part: format!("the filter {name} in the routes"),
            wanted: own,
            found,
        };
        compared.examine(&CORS_RULES, subject)
    });
    examined.sum()
}
