//! The filters that lead to tollgate.

use serde_json::json;

use super::{Fault, authz, proc, without};

pub(super) const FAULTS: [Fault; 10] = [
    (
        "ext_authz lets requests pass while tollgate is away",
        |config| authz(config)["failure_mode_allow"] = json!(true),
        "ext_authz",
        "`failure_mode_allow` of ext_authz on the listener callers is true, and not false",
        "set it to false",
    ),
    (
        "ext_proc lets requests pass while tollgate is away",
        |config| proc(config)["failure_mode_allow"] = json!(true),
        "ext_proc",
        "`failure_mode_allow` of ext_proc",
        "set it to false",
    ),
    (
        "a header that decides is not shown",
        |config| {
            without(
                &mut authz(config)["allowed_headers"]["patterns"],
                "x-api-key",
            )
        },
        "ext_authz",
        "lacks exact x-api-key",
        "add exact x-api-key",
    ),
    (
        "headers are merged",
        |config| authz(config)["encode_raw_headers"] = json!(false),
        "ext_authz",
        "`encode_raw_headers`",
        "set it to true",
    ),
    (
        "the filters are in another order",
        |config| {
            let filters = &mut config.connection_manager()["http_filters"];
            filters.as_array_mut().expect("filters").swap(1, 2);
        },
        "filters",
        "ext_proc comes before ext_authz",
        "in this order",
    ),
    (
        "ext_authz is missing",
        |config| config.remove_http_filter("envoy.filters.http.ext_authz"),
        "filters",
        "there is no ext_authz",
        "in this order",
    ),
    (
        "tollgate can't ask for answers",
        |config| proc(config)["allow_mode_override"] = json!(false),
        "ext_proc",
        "`allow_mode_override`",
        "set it to true",
    ),
    (
        "Envoy does not wait for the end of a stream",
        |config| proc(config)["message_timeout"] = json!("0.2s"),
        "ext_proc",
        "`message_timeout` of ext_proc on the listener callers is 0.200s, and not 5s",
        "set it to 5s",
    ),
    (
        "the decision does not reach ext_proc",
        |config| proc(config)["metadata_options"]["forwarding_namespaces"] = json!({}),
        "ext_proc",
        "lacks envoy.filters.http.ext_authz",
        "add envoy.filters.http.ext_authz",
    ),
    (
        "a header of the caller's is hidden from tollgate",
        |config| {
            let hidden = &mut proc(config)["forward_rules"]["disallowed_headers"]["patterns"];
            let hidden = hidden.as_array_mut().expect("a list");
            hidden.push(json!({ "prefix": "x-" }));
        },
        "ext_proc",
        "has prefix x-",
        "take prefix x- out of it",
    ),
];
