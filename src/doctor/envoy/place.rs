//! Where the endpoints of a cluster are, in which order they are asked, and over which transport socket.

use serde_json::Value;

use super::value::{amount, at, canonical, list, text};

const CRITERIA: &str = "metadata/filter_metadata/envoy.transport_socket_match";

/// One endpoint of a cluster.
pub(super) struct Place<'a> {
    /// As addresses are shown.
    pub(super) address: String,
    /// Those with a higher number are asked where those with a lower one are not.
    priority: u128,
    /// The name that host header and SNI follow from.
    pub(super) hostname: Option<&'a str>,
    /// None is plain TCP.
    pub(super) socket: Option<&'a Value>,
}

/// The endpoints that a cluster has in its own configuration, in the order of their priorities.
pub(super) fn places(cluster: &Value) -> Vec<Place<'_>> {
    let mut all = Vec::new();
    for group in list(at(cluster, "load_assignment/endpoints")) {
        let priority = group.get("priority").and_then(amount).unwrap_or_default();
        for endpoint in list(group.get("lb_endpoints")) {
            let Some(address) = address(endpoint) else {
                continue;
            };
            let own = at(endpoint, CRITERIA).or_else(|| at(group, CRITERIA));
            all.push(Place {
                address,
                priority,
                hostname: text(endpoint, "endpoint/hostname"),
                socket: socket(cluster, own),
            });
        }
    }
    all.sort_by_key(|it| it.priority);
    all
}

fn address(endpoint: &Value) -> Option<String> {
    let address = at(endpoint, "endpoint/address")?;
    if let Some(path) = text(address, "pipe/path") {
        return Some(format!("unix:{path}"));
    }
    let host = text(address, "socket_address/address")?;
    let port = at(address, "socket_address/port_value")?;
    Some(format!("{host}:{port}"))
}

/// The transport socket of an endpoint: that of the first match which asks for nothing that the endpoint does not
/// have, and else that of the cluster.
fn socket<'a>(cluster: &'a Value, criteria: Option<&Value>) -> Option<&'a Value> {
    let has = |(name, wanted): (&String, &Value)| {
        let own = criteria.and_then(|it| it.get(name));
        own.is_some_and(|own| canonical(own) == canonical(wanted))
    };
    let fits = |it: &&Value| {
        let asked = it.get("match").and_then(Value::as_object);
        asked.into_iter().flatten().all(has)
    };
    let mut matches = list(cluster.get("transport_socket_matches")).iter();
    match matches.find(fits) {
        Some(found) => found.get("transport_socket"),
        None => cluster.get("transport_socket"),
    }
}

/// Where a cluster leads, as addresses are shown.
pub(super) fn addresses(cluster: &Value) -> Vec<String> {
    places(cluster).into_iter().map(|it| it.address).collect()
}

/// The same in words: `a and b, then c`.
pub(super) fn in_words(cluster: &Value) -> String {
    let places = places(cluster);
    let groups = places.chunk_by(|one, other| one.priority == other.priority);
    let group = |places: &[Place<'_>]| {
        let all: Vec<_> = places.iter().map(|it| it.address.as_str()).collect();
        all.join(" and ")
    };
    let groups: Vec<_> = groups.map(group).collect();
    match groups.is_empty() {
        true => "nowhere".to_owned(),
        false => groups.join(", then "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn endpoint(host: &str, kind: &str) -> Value {
        json!({
            "endpoint": { "address": { "socket_address": { "address": host, "port_value": 443 } } },
            "metadata": { "filter_metadata": { "envoy.transport_socket_match": { "kind": kind } } },
        })
    }

    #[test]
    fn endpoints_are_in_the_order_of_their_priorities() {
        let cluster = json!({ "load_assignment": { "endpoints": [
            { "priority": 1, "lb_endpoints": [endpoint("c", "")] },
            { "lb_endpoints": [endpoint("a", ""), endpoint("b", "")] },
        ] } });
        assert_eq!(in_words(&cluster), "a:443 and b:443, then c:443");
        assert_eq!(in_words(&json!({})), "nowhere");
    }

    #[test]
    fn an_endpoint_has_the_socket_of_the_first_match() {
        let cluster = json!({
            "load_assignment": { "endpoints": [
                { "lb_endpoints": [endpoint("a", "x"), endpoint("b", "y"), endpoint("c", "z")] },
            ] },
            "transport_socket_matches": [
                { "match": { "kind": "x" }, "transport_socket": 1 },
                { "match": { "kind": "x", "more": "m" }, "transport_socket": 2 },
                { "match": { "kind": "y" }, "transport_socket": 3 },
            ],
            "transport_socket": 4,
        });
        let sockets: Vec<_> = places(&cluster)
            .iter()
            .map(|it| it.socket.cloned())
            .collect();
        assert_eq!(sockets, [Some(json!(1)), Some(json!(3)), Some(json!(4))]);
    }
}
