//! Connections and routes.

use serde_json::json;

use super::{Fault, host, named, without};

pub(super) const FAULTS: [Fault; 10] = [
    (
        "a credential is not removed",
        |config| {
            without(
                &mut host(config)["request_headers_to_remove"],
                "ocp-apim-subscription-key",
            )
        },
        "routes",
        "`request_headers_to_remove` lacks ocp-apim-subscription-key",
        "add ocp-apim-subscription-key",
    ),
    (
        "bodies are refused by Envoy",
        |config| host(config)["request_body_buffer_limit"] = json!(1_048_576),
        "routes",
        "`request_body_buffer_limit` of the virtual host openai is 1048576, and not 17825792",
        "set it to 17825792",
    ),
    (
        "a route goes round ext_authz",
        |config| {
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_authz": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                    "disabled": true,
                },
            });
        },
        "routes",
        "ext_authz is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "a route goes round an ext_authz of another name",
        |config| {
            named(config, "envoy.filters.http.ext_authz", "who-may-call");
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "who-may-call": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                    "disabled": true,
                },
            });
        },
        "routes",
        "ext_authz is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "a route goes round ext_proc, in Envoy's other way of writing it",
        |config| {
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_proc": {
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                    "config": {},
                    "disabled": true,
                },
            });
        },
        "routes",
        "ext_proc is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "a route to a cluster that a header names goes round ext_authz",
        |config| {
            let routes = host(config)["routes"].as_array_mut().expect("routes");
            let mut by_header = routes[3].clone();
            let route = by_header["route"].as_object_mut().expect("a route");
            route.remove("cluster");
            route.insert("cluster_header".to_owned(), json!("x-where"));
            by_header["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_authz": {
                    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                    "config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                        "disabled": true,
                    },
                },
            });
            routes.insert(3, by_header);
        },
        "routes",
        "ext_authz is disabled for a part of the routes",
        "typed_per_filter_config",
    ),
    (
        "pages of any origin may call on one route",
        |config| {
            host(config)["routes"][3]["typed_per_filter_config"] = json!({
                "envoy.filters.http.cors": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
                    "allow_origin_string_match": [{ "prefix": "https://" }],
                },
            });
        },
        "routes",
        "has prefix https://",
        "take prefix https:// out of it",
    ),
    (
        "answers are cut off",
        |config| host(config)["routes"][3]["route"]["timeout"] = json!("15s"),
        "routes",
        "no `timeout: 0s`",
        "set `timeout: 0s`",
    ),
    (
        "a WebSocket may be on every route",
        |config| {
            config.connection_manager()["upgrade_configs"] =
                json!([{ "upgrade_type": "websocket" }])
        },
        "connections",
        "`upgrade_configs`",
        "on the route of realtime only",
    ),
    (
        "paths are not normalised",
        |config| config.connection_manager()["merge_slashes"] = json!(false),
        "connections",
        "`merge_slashes`",
        "set it to true",
    ),
];
