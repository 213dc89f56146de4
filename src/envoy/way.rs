//! The order of a request's backends, as the Envoy configuration of `tollgate envoy` reads it: names in headers
//! for the choice of a cluster, path and identity in metadata for the cluster's own filter.

use std::sync::LazyLock;

use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response;
use envoy_types::pb::envoy::service::ext_proc::v3::{CommonResponse, ProcessingResponse};
use tonic::metadata::MetadataMap;

use super::{headers, metadata, reply};
use crate::gateway::{FAILURES, Hop, REFUSALS, Reach, Repeats, Told, Way};

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

/// Says, where it is, that the Envoy takes the whole order from one header, and path and identity of the first attempt
/// from the headers, too.
const ORDER_FROM: &str = "tollgate-order-from";
/// That header: each backend as `NAME=HOST:PORT` between two commas, which a cluster's filter compares with its own; and
/// [`SAME`] at its end where path and identity in the headers are good for all of them.
const ORDER: &str = "x-tollgate-order";
const SAME: char = '*';

/// Which backends Envoy leads to, as its configuration says to each exchange.
pub(super) fn reach(metadata: &MetadataMap) -> Reach {
    let fields = metadata.as_ref();
    let said = |name| fields.get(name).cloned();
    let has_one_header = fields.get(ORDER_FROM).is_some_and(|it| it == ORDER);
    let several = said(BACKENDS).map(match has_one_header {
        true => Reach::SeveralByOneHeader,
        false => Reach::Several,
    });
    let in_order = || said(BACKENDS_IN_ORDER).map(Reach::InOrder);
    let one = || said(BACKEND).map(Reach::One);
    several.or_else(in_order).or_else(one).unwrap_or_default()
}

/// Where there is a choice, the order, and how often to try; Envoy removes its own ones before the request goes
/// out. Elsewhere path and identity themselves.
pub(super) fn headers(way: &Way) -> Vec<reply::Header> {
    match way.told {
        Told::OfOne => first(way).collect(),
        Told::InHeaders | Told::InMetadata | Told::InEveryWay => order(way),
    }
}

/// Path and identity at the first backend.
fn first(way: &Way) -> impl Iterator<Item = reply::Header> {
    let identity = |hop: &Hop| headers::set("authorization", hop.authorization.as_bytes());
    let path = |hop: &Hop| headers::set(":path", hop.path.as_bytes());
    let hop = way.hops.first();
    let with_new_path = hop.filter(|_| way.has_new_path);
    let identity = hop.map(identity).into_iter();
    identity.chain(with_new_path.map(path))
}

fn order(way: &Way) -> Vec<reply::Header> {
    let mut fields = Vec::with_capacity(way.hops.len() + 6);
    fields.extend(first(way));
    fields.push(headers::set(ORDER, all(way).as_bytes()));
    if way.told == Told::InEveryWay {
        for (nth, hop) in way.hops.iter().enumerate() {
            let name = format!("{BACKEND_OF_ATTEMPT}{}", nth + 1);
            fields.push(headers::set(&name, hop.backend.as_bytes()));
        }
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

/// The whole order, as one header has it.
fn all(way: &Way) -> String {
    let mut all = ",".to_owned();
    for hop in &way.hops {
        let address = hop.address.as_deref().unwrap_or_default();
        for part in [&hop.backend, "=", address, ","] {
            all.push_str(part);
        }
    }
    if way.told == Told::InHeaders {
        all.push(SAME);
    }
    all
}

/// With the way in its metadata, if the headers don't say all of it, and the route chosen anew by the headers.
pub(super) fn routed(mut reply: ProcessingResponse, way: &Way) -> ProcessingResponse {
    match way.told {
        Told::OfOne => return reply,
        Told::InHeaders => {}
        Told::InMetadata | Told::InEveryWay => {
            reply.dynamic_metadata = Some(metadata::of_way(way));
        }
    }
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

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::service::ext_proc::v3::BodyResponse;
    use http::HeaderValue;

    use super::*;

    fn hop(name: &str, path: &str) -> Hop {
        Hop {
            backend: name.into(),
            address: Some(format!("{name}.example:443")),
            path: path.to_owned(),
            authorization: HeaderValue::from_static("Bearer token"),
        }
    }

    fn way(hops: Vec<Hop>, told: Told) -> Way {
        Way {
            hops,
            repeats: Repeats::Failed,
            has_new_path: true,
            told,
        }
    }

    fn names_and_values(way: &Way) -> Vec<(String, String)> {
        let fields = headers(way).into_iter().filter_map(|it| it.header);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        fields.map(|it| (it.key, text(it.raw_value))).collect()
    }

    fn has_metadata(way: &Way) -> bool {
        let reply = ProcessingResponse {
            response: Some(Response::RequestBody(BodyResponse {
                response: Some(CommonResponse::default()),
            })),
            ..ProcessingResponse::default()
        };
        let reply = routed(reply, way);
        let chosen_anew = match &reply.response {
            Some(Response::RequestBody(it)) => it.response.as_ref().map(|it| it.clear_route_cache),
            _ => None,
        };
        assert_eq!(chosen_anew, Some(true));
        reply.dynamic_metadata.is_some()
    }

    #[test]
    fn one_header_has_the_order_and_the_others_what_is_the_same_everywhere() {
        let same = way(
            vec![hop("sweden", "/p"), hop("east", "/p")],
            Told::InHeaders,
        );
        let fields = names_and_values(&same);
        let is_there = |name: &str, value: &str| {
            let field = (name.to_owned(), value.to_owned());
            assert!(fields.contains(&field), "{name}: {fields:?}");
        };
        is_there(
            "x-tollgate-order",
            ",sweden=sweden.example:443,east=east.example:443,*",
        );
        is_there("authorization", "Bearer token");
        is_there(":path", "/p");
        is_there("x-envoy-max-retries", "1");
        assert!(!fields.iter().any(|(name, _)| name == "x-tollgate-1"));
        assert!(!has_metadata(&same));
    }

    #[test]
    fn what_differs_is_in_the_metadata() {
        let paths = way(
            vec![hop("sweden", "/p"), hop("east", "/q")],
            Told::InMetadata,
        );
        assert!(has_metadata(&paths));
        let says_so = |it: &(String, String)| it.0 == ORDER && it.1.ends_with(',');
        assert!(names_and_values(&paths).iter().any(says_so));
    }

    #[test]
    fn an_envoy_that_does_not_say_where_it_looks_gets_all_of_it() {
        let way = way(
            vec![hop("sweden", "/p"), hop("east", "/p")],
            Told::InEveryWay,
        );
        let fields = names_and_values(&way);
        for name in [
            "x-tollgate-order",
            "x-tollgate-1",
            "x-tollgate-2",
            "authorization",
        ] {
            let is_it = |it: &(String, String)| it.0 == name && !it.1.contains(SAME);
            assert!(fields.iter().any(is_it), "{name}: {fields:?}");
        }
        assert!(has_metadata(&way));
    }

    #[test]
    fn an_envoy_says_what_it_leads_to_and_where_it_looks() {
        let list = "sweden=sweden.example:443";
        let said = |fields: &[(&'static str, &str)]| {
            let mut metadata = MetadataMap::new();
            for (name, value) in fields {
                metadata.insert(*name, value.parse().expect("a value"));
            }
            reach(&metadata)
        };
        let value = HeaderValue::from_static(list);
        for (fields, expected) in [
            (&[][..], Reach::Unsaid),
            (&[(ORDER_FROM, ORDER)][..], Reach::Unsaid),
            (&[(BACKENDS, list)][..], Reach::Several(value.clone())),
            (
                &[(BACKENDS, list), (ORDER_FROM, "x-another")][..],
                Reach::Several(value.clone()),
            ),
            (
                &[(BACKENDS, list), (ORDER_FROM, ORDER)][..],
                Reach::SeveralByOneHeader(value.clone()),
            ),
            (
                &[(BACKENDS_IN_ORDER, list), (ORDER_FROM, ORDER)][..],
                Reach::InOrder(value.clone()),
            ),
            (&[(BACKEND, list)][..], Reach::One(value.clone())),
        ] {
            assert_eq!(said(fields), expected, "{fields:?}");
        }
    }
}
