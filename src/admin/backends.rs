//! The state of the backends, for people and for programs.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::upstream::{Availability, Pools, Rest};

const HEALTHY: &str = "healthy";
/// It has no more room, which is no illness.
const FULL: &str = "full";

/// The state of one backend, as `/backends` gives it.
#[derive(Debug, Deserialize, Serialize)]
pub struct BackendState {
    /// Its name.
    pub name: String,
    /// `ptu` or `payg`
    pub tier: String,
    /// Where it is.
    pub region: Option<String>,
    /// `healthy`, `failing` (it has not answered since its last failure, and does not rest), `trial` (it has rested,
    /// and the next request tries it), `no_token` (of its own identity) or why it rests.
    pub state: String,
    /// For how many more milliseconds it rests.
    pub rests_ms: Option<u64>,
    /// Its deployments that are not healthy, by their names there.
    pub deployments: Vec<DeploymentState>,
    /// Requests that it has answered since the service started.
    pub served: u64,
    /// Attempts that it has failed.
    pub failed: u64,
    /// Those since its last answer, without 429.
    #[serde(default)]
    pub failures_in_a_row: u64,
    /// What it last said of its provisioned throughput.
    pub utilization: Option<String>,
}

/// A deployment that is not healthy.
#[derive(Debug, Deserialize, Serialize)]
pub struct DeploymentState {
    /// Its name at the backend.
    pub name: String,
    /// As of a backend, or `full`: it has no more room by its own account, and its equals come first.
    pub state: String,
    /// For how many more milliseconds it rests.
    pub rests_ms: Option<u64>,
}

fn state(availability: Availability, now: Instant) -> (String, Option<u64>) {
    match availability {
        Availability::Ready => (HEALTHY.to_owned(), None),
        Availability::Full => (FULL.to_owned(), None),
        Availability::Trial => ("trial".to_owned(), None),
        Availability::NoToken => ("no_token".to_owned(), None),
        Availability::Resting(until, why) => {
            let left = until.saturating_duration_since(now).as_millis();
            (why.as_str().to_owned(), u64::try_from(left).ok())
        }
    }
}

/// Every backend, in the order of the configuration.
pub(super) fn states(pools: &Pools) -> Vec<BackendState> {
    let now = Instant::now();
    let of_one = |backend: &std::sync::Arc<crate::upstream::Backend>| {
        let report = backend.report(now);
        let (state, rests_ms) = match report.availability {
            Availability::Ready if report.failures_in_a_row > 0 => {
                (Rest::Failing.as_str().to_owned(), None)
            }
            other => state(other, now),
        };
        let deployments = report.resting.iter().map(|(name, availability)| {
            let (state, rests_ms) = self::state(*availability, now);
            DeploymentState {
                name: name.to_string(),
                state,
                rests_ms,
            }
        });
        BackendState {
            name: report.name.to_string(),
            tier: report.tier.as_str().to_owned(),
            region: report.region.as_deref().map(str::to_owned),
            state,
            rests_ms,
            deployments: deployments.collect(),
            served: report.served,
            failed: report.failed,
            failures_in_a_row: report.failures_in_a_row,
            utilization: report.utilization.as_deref().map(str::to_owned),
        }
    };
    pools.backends().iter().map(of_one).collect()
}

/// Backends that do not accept the identity, a line each.
pub(super) fn rejecting(pools: &Pools) -> Vec<String> {
    let concerns = pools.backends().iter().filter_map(|it| it.concern());
    concerns.map(|it| format!("identity: {it}")).collect()
}

/// Whether a state needs attention.
pub(super) fn is_ill(state: &str) -> bool {
    state != HEALTHY && state != FULL
}

/// Backends that are not healthy, a line each.
pub(super) fn ailing(pools: &Pools) -> Vec<String> {
    let line = |name: &str, state: &str, rests_ms: Option<u64>| {
        let rests = rests_ms.map_or(String::new(), |it| format!(", rests for {it} ms"));
        format!("backend {name}: {state}{rests}")
    };
    let lines = states(pools).into_iter().flat_map(|backend| {
        let whole =
            is_ill(&backend.state).then(|| line(&backend.name, &backend.state, backend.rests_ms));
        let name = backend.name;
        let of_deployment =
            move |it: DeploymentState| line(&format!("{name}/{}", it.name), &it.state, it.rests_ms);
        let ill = backend.deployments.into_iter();
        let ill = ill.filter(move |it| is_ill(&it.state));
        whole.into_iter().chain(ill.map(of_deployment))
    });
    lines.collect()
}
