//! The two filters that ask tollgate: their order, and their settings.

use serde_json::Value;

use super::super::finding::Outcome::{Error, Warning};
use super::super::finding::Subject;
use super::dump::Manager;
use super::rule::Fit::{Absent, AtLeast, Contains, ContainsIfSet, IfWanted, Same, Within};
use super::rule::{Compared, Rule};
use super::value::is_a;
use super::wanted::Wanted;

/// The type of the filter that asks who is calling.
pub(super) const AUTHZ: &str = "ExtAuthz";
/// The type of the filter that asks about bodies and answers.
pub(super) const PROC: &str = "ExternalProcessor";
const ROUTER: &str = "Router";
/// The type of the filter that answers questions of browsers.
pub(super) const CORS: &str = "Cors";

const AUTHZ_RULES: [Rule; 8] = [
    Rule(
        "failure_mode_allow",
        Same(""),
        Error,
        "while tollgate does not answer, every request would pass",
    ),
    Rule(
        "filter_enabled",
        Absent,
        Error,
        "requests that it is not enabled for pass without a decision",
    ),
    Rule(
        "encode_raw_headers",
        Same(""),
        Error,
        "several headers of one name come as one, and a second credential is not seen",
    ),
    Rule(
        "include_peer_certificate",
        IfWanted,
        Error,
        "without it tollgate believes no certificate",
    ),
    Rule(
        "allowed_headers/patterns",
        ContainsIfSet,
        Error,
        "tollgate decides by headers that it is not shown",
    ),
    Rule(
        "status_on_error/code",
        Same("Forbidden"),
        Warning,
        "an outage looks like a refusal",
    ),
    Rule(
        "grpc_service/initial_metadata",
        Contains,
        Warning,
        "the `networks` of products are compared with the address of whatever is in front",
    ),
    Rule(
        "grpc_service/timeout",
        AtLeast,
        Warning,
        "a token with a new key may wait 0.7 s for its issuer",
    ),
];
const PROC_RULES: [Rule; 18] = [
    Rule(
        "failure_mode_allow",
        Same(""),
        Error,
        "while tollgate does not answer, requests would go on unread, and answers uncounted",
    ),
    Rule(
        "observability_mode",
        Same(""),
        Error,
        "nothing that tollgate says is done",
    ),
    Rule(
        "processing_mode/request_header_mode",
        Same("SEND"),
        Error,
        "without them no identity is put on a request",
    ),
    Rule(
        "processing_mode/request_body_mode",
        Same(""),
        Error,
        "a body is authorised as a whole",
    ),
    Rule(
        "processing_mode/response_header_mode",
        Same("SEND"),
        Warning,
        "tollgate asks for answers itself, and this opens an exchange for each error of Envoy's own",
    ),
    Rule(
        "processing_mode/response_body_mode",
        Same(""),
        Warning,
        "tollgate asks for the bodies that it counts itself",
    ),
    Rule(
        "allow_mode_override",
        Same(""),
        Error,
        "tollgate can't ask for answers, and no tokens are counted",
    ),
    Rule(
        "allowed_override_modes",
        Absent,
        Error,
        "tollgate may not get the answers that it asks for",
    ),
    Rule(
        "message_timeout",
        AtLeast,
        Error,
        "streams would break off at their end",
    ),
    Rule(
        "mutation_rules/allow_envoy",
        Same(""),
        Error,
        "callers can steer Envoy with x-envoy-* headers, which tollgate may not remove",
    ),
    Rule(
        "mutation_rules/disallow_all",
        Absent,
        Error,
        "tollgate can change nothing",
    ),
    Rule(
        "mutation_rules/disallow_expression",
        Absent,
        Error,
        "tollgate may not remove or set headers that it has to",
    ),
    Rule(
        "metadata_options/forwarding_namespaces/untyped",
        Contains,
        Error,
        "without the decision of ext_authz every request is refused, and without the attempts no backend rests",
    ),
    Rule(
        "metadata_options/receiving_namespaces/untyped",
        Contains,
        Error,
        "usage is not in the access log, and of several backends none gets its path and identity",
    ),
    Rule(
        "forward_rules/allowed_headers",
        Absent,
        Error,
        "tollgate can remove only the headers that it is shown",
    ),
    Rule(
        "forward_rules/disallowed_headers/patterns",
        Within,
        Error,
        "tollgate can remove only the headers that it is shown: these would reach Azure",
    ),
    Rule(
        "response_attributes",
        Contains,
        Warning,
        "usage records say one attempt, however many there were",
    ),
    Rule(
        "status_on_error/code",
        Same("InternalServerError"),
        Warning,
        "an outage looks like an error of the service",
    ),
];

/// Compares the filters with the wanted ones.
pub(super) fn examine(manager: &Manager<'_>, wanted: &Wanted, subject: &mut Subject) {
    examine_order(manager, wanted, subject);
    for (kind, check, name, rules) in [
        (
            AUTHZ,
            "ext_authz",
            "envoy.filters.http.ext_authz",
            &AUTHZ_RULES[..],
        ),
        (
            PROC,
            "ext_proc",
            "envoy.filters.http.ext_proc",
            &PROC_RULES[..],
        ),
    ] {
        let (Some(found), Some(wanted)) = (manager.filter(kind), wanted.filter(name)) else {
            continue;
        };
        let compared = Compared {
            check,
            part: format!("{check} on the listener {}", manager.listener),
            wanted,
            found,
        };
        if compared.examine(rules, subject) == 0 {
            subject.ok(check, format!("{} is as tollgate needs it", compared.part));
        }
    }
}

fn examine_order(manager: &Manager<'_>, wanted: &Wanted, subject: &mut Subject) {
    let advice = "put the filters in this order: cors, ext_authz, ext_proc, router; each once, and none of them disabled";
    let wrong = wrong_order(
        manager.filters(),
        !wanted.settings.allowed_origins.is_empty(),
    );
    let at = format!("on the listener {}", manager.listener);
    match wrong {
        Some(wrong) => subject.error("filters", format!("{wrong} {at}"), advice),
        None => subject.ok("filters", format!("the filters {at} are in order")),
    }
}

/// What is wrong with the order of filters.
fn wrong_order(filters: &[Value], has_origins: bool) -> Option<&'static str> {
    let places = |kind: &str| -> Vec<usize> {
        let is_it = |it: &Value| it.get("typed_config").is_some_and(|it| is_a(it, kind));
        let places = filters.iter().enumerate().filter(|(_, it)| is_it(it));
        places.map(|(at, _)| at).collect()
    };
    let is_disabled = |at: usize| {
        let filter = filters.get(at).and_then(|it| it.get("disabled"));
        filter == Some(&Value::Bool(true))
    };
    let (authz, proc, router) = (places(AUTHZ), places(PROC), places(ROUTER));
    let (&[authz], &[proc]) = (authz.as_slice(), proc.as_slice()) else {
        return Some(match (authz.len(), proc.len()) {
            (0, _) => "there is no ext_authz: nobody decides who may call",
            (_, 0) => {
                "there is no ext_proc: no identity is put on a request, and nothing is counted"
            }
            _ => "a filter that asks tollgate is there more than once",
        });
    };
    if is_disabled(authz) || is_disabled(proc) {
        return Some("a filter that asks tollgate is disabled");
    }
    if proc < authz {
        return Some("ext_proc comes before ext_authz: it has no decision to go by");
    }
    if router.first().is_some_and(|router| *router < proc) {
        return Some("the router comes before ext_proc: requests go out without it");
    }
    let cors = places(CORS).into_iter().next();
    if has_origins && cors.is_none_or(|cors| cors > authz) {
        return Some("cors does not come before ext_authz: pages of `allowed_origins` can't call");
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filters(kinds: &[&str]) -> Vec<Value> {
        let filter = |kind: &&str| {
            let (kind, is_disabled) = match kind.strip_prefix('-') {
                Some(kind) => (kind, true),
                None => (*kind, false),
            };
            json!({ "disabled": is_disabled, "typed_config": { "@type": format!("a/b.v3.{kind}") } })
        };
        kinds.iter().map(filter).collect()
    }

    #[test]
    fn one_order_is_right() {
        let good = [CORS, AUTHZ, "Lua", PROC, ROUTER];
        assert_eq!(wrong_order(&filters(&good), true), None);
        assert_eq!(wrong_order(&filters(&good[1..]), false), None);
        for (kinds, part) in [
            (&[AUTHZ, PROC, ROUTER][..], "cors"),
            (&[AUTHZ, CORS, PROC, ROUTER], "cors"),
            (&[CORS, PROC, AUTHZ, ROUTER], "before ext_authz"),
            (&[CORS, AUTHZ, ROUTER, PROC], "router"),
            (&[CORS, AUTHZ, ROUTER], "no ext_proc"),
            (&[CORS, PROC, ROUTER], "no ext_authz"),
            (&[CORS, AUTHZ, AUTHZ, PROC, ROUTER], "more than once"),
            (&[CORS, "-ExtAuthz", PROC, ROUTER], "disabled"),
            (&[CORS, AUTHZ, "-ExternalProcessor", ROUTER], "disabled"),
        ] {
            let wrong = wrong_order(&filters(kinds), true).unwrap_or_default();
            assert!(wrong.contains(part), "{kinds:?}: {wrong}");
        }
    }
}
