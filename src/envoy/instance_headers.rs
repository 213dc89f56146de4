//! Headers of an answer that tell of the instance behind the gateway, which all callers share: where it is, which
//! deployment served, how busy it is and how much of its limits is left.

use envoy_types::pb::envoy::config::core::v3::HeaderMap;

use super::{headers, rate_limits, reply};

/// The backend that answers, for callers that may know it.
const BACKEND: &str = "x-tollgate-backend";
/// How names begin that only the gateway gives.
const OWN: &str = "x-tollgate-";
const SPILLOVER: &str = "x-ms-spillover-";
const OF_INSTANCE: [&str; 4] = [
    "x-ms-region",
    "x-ms-deployment-name",
    "azureml-model-session",
    "azure-openai-deployment-utilization",
];

/// The names in an answer that its caller does not see.
pub(super) fn hidden(map: Option<&HeaderMap>, keeps: bool) -> Vec<String> {
    let names = map.into_iter().flat_map(headers::of_map).map(|it| it.0);
    let hidden = names.filter(|name| name.starts_with(OWN) || (!keeps && is_of_instance(name)));
    hidden.map(str::to_owned).collect()
}

fn is_of_instance(name: &str) -> bool {
    OF_INSTANCE.contains(&name) || name.starts_with(SPILLOVER) || rate_limits::is_one(name)
}

/// The header that names the backend.
pub(super) fn backend(name: &str) -> reply::Header {
    headers::set(BACKEND, name.as_bytes())
}
