//! What the gateway asks the backend for itself: what is written, and what it means.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use super::duration;
use super::problem::Problem;
use super::problems::Problems;
use super::written::{self, File};
use crate::access::{Operation, Product};
use crate::auth::Url;
use crate::policy::Background;
use crate::upstream::Resource;

/// How soon a background response is asked for. Clients mostly do before; it doubles with each time.
const DEFAULT_POLL_EVERY: Duration = Duration::from_secs(30);
/// The same of a batch, which has a day.
const DEFAULT_POLL_BATCHES_EVERY: Duration = Duration::from_secs(600);
const MIN_POLL_EVERY: Duration = Duration::from_millis(10);
/// Whoever has more of them open than this has lost sight of them.
const DEFAULT_MAX_PER_CLIENT: usize = 1_000;
const MAX_PER_CLIENT: usize = 50_000;

/// What backends are asked for later: each is asked for what was begun there.
pub(super) fn background(
    file: &File,
    products: &HashMap<String, Arc<Product>>,
    problems: &mut Problems,
) -> Background {
    let (backends, later) = (&file.backends, &file.background);
    check_products(backends, products, problems);
    Background {
        poll_every: pause(&later.poll_every, DEFAULT_POLL_EVERY, problems),
        poll_batches_every: pause(
            &later.poll_batches_every,
            DEFAULT_POLL_BATCHES_EVERY,
            problems,
        ),
        max_per_client: max_per_client(later.max_per_client.as_ref(), problems),
    }
}

/// Nobody would be charged for a batch, or for a response that its client never retrieves.
fn check_products(
    backends: &Spanned<Vec<written::Backend>>,
    products: &HashMap<String, Arc<Product>>,
    problems: &mut Problems,
) {
    let without: Vec<_> = backends
        .value
        .iter()
        .filter(|it| it.endpoint.is_none())
        .map(|it| it.name.value.as_str())
        .collect();
    let goes_on = |product: &Arc<Product>| {
        let what = if product.uses.background {
            "background"
        } else if product.operations.contains(&Operation::Batches) {
            "batches"
        } else {
            return None;
        };
        let pins = product.backends.as_ref();
        let may_use = |it: &&&str| pins.is_none_or(|pins| pins.contains(**it));
        let backend = without.iter().find(may_use)?;
        Some((product.id.to_string(), what, *backend))
    };
    if let Some((name, what, backend)) = products.values().filter_map(goes_on).min() {
        let message = format!(
            "product `{name}` allows `{what}`: the backend `{backend}` needs an `endpoint`"
        );
        let help = "write `endpoint: https://NAME.openai.azure.com`: the gateway asks there what has been used by batches, and by responses that their client does not retrieve";
        problems.push(Problem::at(backends.referenced, message).help(help));
    }
}

/// Where the gateway asks a backend itself.
pub(super) fn resource(
    backend: &written::Backend,
    directory: &Path,
    problems: &mut Problems,
) -> Option<Resource> {
    let Some(written) = &backend.endpoint else {
        if let Some(file) = &backend.ca_file {
            problems.push(Problem::at(file.referenced, "`ca_file` needs `endpoint`"));
        }
        return None;
    };
    let plain = |url: &Url| {
        url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let Some(url) = Url::parse(&written.value).ok().filter(plain) else {
        let message = format!("`{}` is not a valid endpoint", written.value);
        let help = "write `https://NAME.openai.azure.com`, without a path";
        problems.push(Problem::at(written.referenced, message).help(help));
        return None;
    };
    let file = backend.ca_file.as_ref();
    let path = file.map(|file| directory.join(&file.value));
    let at = file.map_or(written.referenced, |file| file.referenced);
    Resource::new(url, path.as_deref())
        .map_err(|error| problems.push(Problem::at(at, error.to_string())))
        .ok()
}

fn pause(
    written: &Option<Spanned<String>>,
    default: Duration,
    problems: &mut Problems,
) -> Duration {
    let Some(written) = written else {
        return default;
    };
    match duration::parse(&written.value) {
        Some(time) if time >= MIN_POLL_EVERY => time,
        _ => {
            let message = "must be a duration of at least 10ms";
            problems.push(Problem::at(written.referenced, message));
            default
        }
    }
}

fn max_per_client(written: Option<&Spanned<usize>>, problems: &mut Problems) -> usize {
    let Some(written) = written else {
        return DEFAULT_MAX_PER_CLIENT;
    };
    if !(1..=MAX_PER_CLIENT).contains(&written.value) {
        let message = format!("must be from 1 to {MAX_PER_CLIENT}");
        problems.push(Problem::at(written.referenced, message));
    }
    written.value
}

#[cfg(test)]
mod tests;
