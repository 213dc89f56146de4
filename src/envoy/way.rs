//! The order of a request's backends, as the Envoy configuration of `tollgate envoy` reads it: names in headers
//! for the choice of a cluster, path and identity in metadata for the cluster's own filter.

use std::sync::LazyLock;

use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response;
use envoy_types::pb::envoy::service::ext_proc::v3::{CommonResponse, ProcessingResponse};
use tonic::metadata::MetadataMap;

use super::{headers, metadata, reply};
use crate::gateway::{FAILURES, REFUSALS, Reach, Repeats, Way};

/// Before the number of an attempt: which backend it goes to.
const BACKEND_OF_ATTEMPT: &str = "x-tollgate-";
/// After what a request may be made again at the next backend, if it may be repeated
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter>).
const RETRY_ON_FAILURES: &[u8] = b"connect-failure,refused-stream,reset,retriable-status-codes";
static RETRIABLE_FAILURES: LazyLock<String> =
    LazyLock::new(|| FAILURES.map(|it| it.to_string()).join(","));
/// The same of a request that may have made something before it was broken off.
const RETRY_ON_REFUSALS: &[u8] = b"connect-failure,refused-stream,retriable-status-codes";
static RETRIABLE_REFUSALS: LazyLock<String> =
    LazyLock::new(|| REFUSALS.map(|it| it.to_string()).join(","));

/// Which backends Envoy leads to, where there is a choice.
const BACKENDS: &str = "tollgate-backends";
/// The same where those after the first are asked in a fixed order.
const BACKENDS_IN_ORDER: &str = "tollgate-backends-in-order";
/// The same where there is one.
const BACKEND: &str = "tollgate-backend";

/// Which backends Envoy leads to, as its configuration says to each exchange.
pub(super) fn reach(metadata: &MetadataMap) -> Reach {
    let fields = metadata.as_ref();
    let said = |name| fields.get(name).cloned();
    let several = said(BACKENDS).map(Reach::Several);
    let in_order = || said(BACKENDS_IN_ORDER).map(Reach::InOrder);
    let one = || said(BACKEND).map(Reach::One);
    several.or_else(in_order).or_else(one).unwrap_or_default()
}

/// Where there is a choice, the order, and how often to try; Envoy removes its own ones before the request goes
/// out. Elsewhere path and identity themselves.
pub(super) fn headers(way: &Way) -> Vec<reply::Header> {
    match way.is_pooled {
        true => order(way),
        false => way.hops.first().map_or_else(Vec::new, |hop| {
            let path = headers::set(":path", hop.path.as_bytes());
            let identity = headers::set("authorization", hop.authorization.as_bytes());
            let path = Some(path).filter(|_| way.has_new_path);
            std::iter::once(identity).chain(path).collect()
        }),
    }
}

fn order(way: &Way) -> Vec<reply::Header> {
    let mut fields = Vec::with_capacity(way.hops.len() + 3);
    for (nth, hop) in way.hops.iter().enumerate() {
        let name = format!("{BACKEND_OF_ATTEMPT}{}", nth + 1);
        fields.push(headers::set(&name, hop.backend.as_bytes()));
    }
    let retries = way.hops.len().saturating_sub(1);
    if retries > 0 {
        let retries = retries.to_string();
        fields.push(headers::set("x-envoy-max-retries", retries.as_bytes()));
        let after: Option<(&[u8], &str)> = match way.repeats {
            Repeats::Unsent => None,
            Repeats::Refused => Some((RETRY_ON_REFUSALS, &RETRIABLE_REFUSALS)),
            Repeats::Failed => Some((RETRY_ON_FAILURES, &RETRIABLE_FAILURES)),
        };
        if let Some((on, statuses)) = after {
            fields.push(headers::set("x-envoy-retry-on", on));
            fields.push(headers::set(
                "x-envoy-retriable-status-codes",
                statuses.as_bytes(),
            ));
        }
    }
    fields
}

/// With the way in its metadata, and the route chosen anew by the headers.
pub(super) fn routed(mut reply: ProcessingResponse, way: &Way) -> ProcessingResponse {
    if !way.is_pooled {
        return reply;
    }
    reply.dynamic_metadata = Some(metadata::of_way(way));
    let common = match &mut reply.response {
        Some(Response::RequestHeaders(it)) => it.response.as_mut(),
        Some(Response::RequestBody(it)) => it.response.as_mut(),
        _ => None,
    };
    if let Some(CommonResponse {
        clear_route_cache, ..
    }) = common
    {
        *clear_route_cache = true;
    }
    reply
}
