//! The routes, and what they do to headers.

use serde_json::{Value, json};

use super::{GATEWAY_API, GATEWAY_GROUP, GROUP, Input, NAME, backend_ref, meta, object};
use crate::envoy_config::mesh::Document;
use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::mesh::own::{Path, Route};

/// A filter of HTTPRoute takes no more names; the rest is patched.
const MAX_REMOVED: usize = 16;
const HOST: &str = "tollgate-host";
const NOTHING: &str = "tollgate-nothing";

pub(super) fn documents(input: &Input<'_>) -> Vec<Document> {
    // Azure need not know by which name callers know the gateway.
    let rewrite = json!({
        "urlRewrite": { "hostname": { "type": "Backend" }, "appendXForwardedHost": false },
    });
    let nothing = json!({ "directResponse": { "statusCode": input.own.nothing } });
    vec![
        Document::new(
            "The host header is that of the backend.",
            object("HTTPRouteFilter", input, HOST, rewrite),
        ),
        Document::new(
            "There is nothing at other paths, and tollgate is asked before that is said.",
            object("HTTPRouteFilter", input, NOTHING, nothing),
        ),
        Document::new(
            "What leads to Azure OpenAI. The policies above hold for these routes, all of them.",
            route(input),
        ),
    ]
}

fn route(input: &Input<'_>) -> Value {
    let mut rules: Vec<_> = input.own.routes.iter().map(|it| rule(input, it)).collect();
    if !input.settings.allowed_origins.is_empty() {
        rules.push(preflight(input));
    }
    rules.push(json!({
        "name": "rest",
        "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
        "filters": [extension(NOTHING)],
    }));
    let gateway = input.gateway;
    let mut spec = json!({
        "parentRefs": [{
            "group": GATEWAY_GROUP,
            "kind": "Gateway",
            "name": gateway.name,
            "namespace": gateway.namespace,
            "sectionName": gateway.listener,
        }],
        "rules": rules,
    });
    if !input.kubernetes.hostnames.is_empty() {
        spec.put("hostnames", json!(input.kubernetes.hostnames));
    }
    json!({
        "apiVersion": GATEWAY_API,
        "kind": "HTTPRoute",
        "metadata": meta(NAME, &input.kubernetes.namespace),
        "spec": spec,
    })
}

fn rule(input: &Input<'_>, route: &Route) -> Value {
    let path = match &route.path {
        Path::Regex(regex) => json!({ "type": "RegularExpression", "value": regex }),
        // Whole parts of a path, there.
        Path::Prefix(prefix) => {
            json!({ "type": "PathPrefix", "value": prefix.trim_end_matches('/') })
        }
    };
    let methods = route.methods.iter();
    let matches: Vec<_> = methods
        .map(|method| json!({ "method": method, "path": path }))
        .collect();
    json!({
        "name": route.name,
        "matches": matches,
        "filters": filters(input),
        "backendRefs": backend_refs(input),
    })
}

/// What a browser asks before a request, without a credential: answered by Envoy.
fn preflight(input: &Input<'_>) -> Value {
    let asks = |name: &str| json!({ "name": name, "type": "RegularExpression", "value": ".+" });
    json!({
        "name": "preflight",
        "matches": [{
            "method": "OPTIONS",
            "path": { "type": "PathPrefix", "value": "/" },
            "headers": [asks("origin"), asks("access-control-request-method")],
        }],
        "backendRefs": backend_refs(input),
    })
}

fn backend_refs(input: &Input<'_>) -> Value {
    input.backends.iter().map(|it| backend_ref(it)).collect()
}

fn filters(input: &Input<'_>) -> Value {
    let removed = |name: &str| {
        let names = input.own.host.at(name).as_array().into_iter().flatten();
        names.take(MAX_REMOVED).cloned().collect::<Value>()
    };
    json!([
        {
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": { "remove": removed("request_headers_to_remove") },
        },
        {
            "type": "ResponseHeaderModifier",
            "responseHeaderModifier": { "remove": removed("response_headers_to_remove") },
        },
        extension(HOST),
    ])
}

fn extension(name: &str) -> Value {
    json!({
        "type": "ExtensionRef",
        "extensionRef": { "group": GROUP, "kind": "HTTPRouteFilter", "name": name },
    })
}
