//! Which routes send to backends, as far as can be seen.

use serde_json::Value;

use super::value::{at, list, text};
use super::wanted::Wanted;

/// The cluster is chosen for each request: it may be any one.
const CHOICES: [&str; 3] = [
    "cluster_header",
    "cluster_specifier_plugin",
    "inline_cluster_specifier_plugin",
];

/// Whether requests go from a route to a backend.
pub(super) fn sends(route: &Value, wanted: &Wanted) -> bool {
    let Some(action) = route.get("route") else {
        return false;
    };
    let cluster = text(action, "cluster");
    let weighted = list(at(action, "weighted_clusters/clusters")).iter();
    let mut clusters = weighted.filter_map(|it| text(it, "name")).chain(cluster);
    let is_chosen = |name: &str| action.get(name).is_some();
    CHOICES.into_iter().any(is_chosen) || clusters.any(|it| wanted.is_backend(it))
}

/// The same, but for questions of browsers, which the filter cors answers.
pub(super) fn sends_a_request(route: &Value, wanted: &Wanted) -> bool {
    let headers = list(at(route, "match/headers")).iter();
    let mut methods = headers.filter(|it| text(it, "name") == Some(":method"));
    let is_options = methods.any(|it| text(it, "string_match/exact") == Some("OPTIONS"));
    !is_options && sends(route, wanted)
}
