//! Backends as they are chosen from, and the pools of deployments.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use super::backends::resource;
use super::duration;
use super::identity::identity;
use super::problem::Problem;
use super::problems::{Problems, check_id, duplicate, unknown};
use super::written::{self, BackendTier};
use crate::access::{ApiVersion, Deployment};
use crate::auth::Url;
use crate::upstream::{Backend, Member, Pool, Pools, Tier};

/// Each may be the n-th of any request, so Envoy's choice grows with the square.
pub(crate) const MAX_BACKENDS: usize = 20;
const MIN_PROBE_EVERY: Duration = Duration::from_millis(10);
const MAX_WEIGHT: u32 = 1_000_000;
/// The first dated version of the API that takes `stream_options` with everything.
const FIRST_API_VERSION: &str = "2024-10-01";

pub(super) fn pools(
    backends: &mut Spanned<Vec<written::Backend>>,
    written: &[written::Pool],
    directory: &Path,
    problems: &mut Problems,
) -> Pools {
    if backends.value.is_empty() {
        let message = "there is no backend: requests could go nowhere";
        let help =
            "write `backends: [ { name: NAME, endpoint: \"https://NAME.openai.azure.com\" } ]`";
        problems.push(Problem::at(backends.referenced, message).help(help));
    }
    if backends.value.len() > MAX_BACKENDS {
        let message = format!("there are more than {MAX_BACKENDS} backends");
        problems.push(Problem::at(backends.referenced, message));
    }
    let mut read: Vec<Arc<Backend>> = Vec::new();
    let mut places = HashMap::new();
    for backend in &mut backends.value {
        let (name, at) = (&backend.name, backend.name.referenced);
        check_id("backend", name, problems);
        if let Some(first) = places.insert(name.value.clone(), at) {
            problems.push(duplicate("backend", name, first));
        }
        if let Some(region) = &backend.region {
            check_id("region", region, problems);
        }
        read.push(Arc::new(self::backend(backend, directory, problems)));
    }
    let (mut named, mut places) = (HashMap::new(), HashMap::new());
    for pool in written {
        if pool.backends.value.is_empty() {
            let message = "`backends` is empty: the deployment could be asked for nowhere";
            let help =
                "write the backends that have it, such as `[ { name: NAME } ]`, or remove the pool";
            problems.push(Problem::at(pool.backends.referenced, message).help(help));
        }
        let name = deployment(&pool.deployment, problems);
        let members = members(&pool.backends.value, &read, problems);
        let made = Pool::new(members).repeating_stored(pool.repeat_stored);
        let at = pool.deployment.referenced;
        if let Some(first) = places.insert(Arc::clone(&name), at) {
            problems.push(duplicate("pool of deployment", &pool.deployment, first));
        }
        named.insert(name, made);
    }
    Pools::new(read, named)
}

fn backend(written: &mut written::Backend, directory: &Path, problems: &mut Problems) -> Backend {
    let own = written.identity.take();
    let mut backend = Backend::new(&written.name.value);
    backend.tier = tier(written.tier);
    backend.region = written.region.as_ref().map(|it| it.value.as_str().into());
    backend.probe_every = probe_every(written, problems);
    backend.api_version = api_version(written, problems);
    backend.resource = resource(written, directory, problems);
    let address = host_and_port(written);
    backend.address = address.map(|(host, port)| format!("{host}:{port}"));
    backend.identity = own.and_then(|own| identity(&own, directory, problems));
    backend
}

fn probe_every(written: &written::Backend, problems: &mut Problems) -> Option<Duration> {
    let every = written.probe_every.as_ref()?;
    if written.endpoint.is_none() {
        problems.push(Problem::at(
            every.referenced,
            "`probe_every` needs `endpoint`",
        ));
    }
    let time = duration::parse(&every.value).filter(|it| *it >= MIN_PROBE_EVERY);
    if time.is_none() {
        let message = "must be a duration of at least 10ms";
        problems.push(Problem::at(every.referenced, message).help("such as 30s"));
    }
    time
}

/// What the gateway adds to requests for the versions that their callers name must be known here, too.
fn api_version(written: &written::Backend, problems: &mut Problems) -> Option<Arc<str>> {
    let written = written.api_version.as_ref()?;
    let version = ApiVersion::parse(&written.value);
    if version.is_none_or(|it| !it.is_at_least(FIRST_API_VERSION)) {
        let message = format!(
            "`{}` is not a version from {FIRST_API_VERSION} on",
            written.value
        );
        let help = "write it as `api-version` has it, such as 2024-10-21 or 2025-04-01-preview";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    Some(written.value.as_str().into())
}

/// Where a backend is reached; what is wrong with its endpoint is said where that is read.
pub(super) fn host_and_port(backend: &written::Backend) -> Option<(String, u16)> {
    let url = Url::parse(&backend.endpoint.as_ref()?.value).ok()?;
    // An IPv6 address has its brackets in URLs only.
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

const fn tier(written: BackendTier) -> Tier {
    match written {
        BackendTier::Ptu => Tier::Ptu,
        BackendTier::Payg => Tier::Payg,
    }
}

/// Names go into paths, so they are checked as callers' are.
fn deployment(written: &Spanned<String>, problems: &mut Problems) -> Arc<str> {
    if Deployment::parse(&written.value).is_none() {
        let message = format!("`{}` is not a valid deployment name", written.value);
        problems.push(Problem::at(written.referenced, message));
    }
    written.value.as_str().into()
}

/// A name that no backend has, with those that there are.
pub(super) fn no_backend<'a>(
    name: &Spanned<String>,
    names: impl Iterator<Item = &'a str>,
) -> Problem {
    unknown("backend", "backends", name, names)
}

fn members(
    written: &[written::Member],
    backends: &[Arc<Backend>],
    problems: &mut Problems,
) -> Vec<Member> {
    let mut members = Vec::new();
    let mut seen = HashMap::new();
    for member in written {
        let name = &member.name;
        let Some(backend) = backends.iter().find(|it| *it.name == name.value) else {
            let names = backends.iter().map(|it| &*it.name);
            problems.push(no_backend(name, names));
            continue;
        };
        let own = member.deployment.as_ref();
        let place = (&name.value, own.map(|it| &it.value));
        if let Some(first) = seen.insert(place, name.referenced) {
            problems.push(duplicate("backend", name, first));
        }
        let weight = member.weight.as_ref().map_or(1, |it| it.value);
        if let Some(written) = &member.weight
            && !(1..=MAX_WEIGHT).contains(&weight)
        {
            let message = format!("must be from 1 to {MAX_WEIGHT}");
            problems.push(Problem::at(written.referenced, message));
        }
        members.push(Member::new(
            Arc::clone(backend),
            own.map(|it| deployment(it, problems)),
            member.priority.unwrap_or(backend.tier.priority()),
            weight,
        ));
    }
    members
}

#[cfg(test)]
mod tests;
