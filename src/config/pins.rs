//! Which backends a product may use.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::spanned::Spanned;

use super::pools::no_backend;
use super::problem::Problem;
use super::problems::{Problems, not_empty};
use super::wording::instead;
use super::written::{Backend, Product};

/// The names of the backends that fit; `None` where the product says nothing of them.
pub(super) fn pins(
    product: &Product,
    backends: &[Backend],
    problems: &mut Problems,
) -> Option<HashSet<Arc<str>>> {
    let written = product.backends.as_ref()?;
    let pins = &written.value;
    if let Some(regions) = &pins.regions {
        not_empty("regions", regions, problems);
        for region in &regions.value {
            let is_one = |it: &Backend| {
                it.region
                    .as_ref()
                    .is_some_and(|it| it.value == region.value)
            };
            if !backends.iter().any(is_one) {
                problems.push(no_region(region, backends));
            }
        }
    }
    if let Some(names) = &pins.names {
        not_empty("names", names, problems);
        for name in &names.value {
            if !backends.iter().any(|it| it.name.value == name.value) {
                let names = backends.iter().map(|it| &*it.name.value);
                problems.push(no_backend(name, names));
            }
        }
    }
    if let Some(tiers) = &pins.tiers {
        not_empty("tiers", tiers, problems);
    }
    let fits = |backend: &&Backend| {
        let region = backend.region.as_ref().map(|it| &it.value);
        let regions = pins.regions.as_ref().map(|it| &it.value);
        let names = pins.names.as_ref().map(|it| &it.value);
        let tiers = pins.tiers.as_ref().map(|it| &it.value);
        regions.is_none_or(|it| it.iter().any(|it| Some(&it.value) == region))
            && names.is_none_or(|it| it.iter().any(|it| it.value == backend.name.value))
            && tiers.is_none_or(|it| it.contains(&backend.tier))
    };
    let allowed: HashSet<Arc<str>> = backends
        .iter()
        .filter(fits)
        .map(|it| it.name.value.as_str().into())
        .collect();
    if allowed.is_empty() {
        let message = "no backend fits: the product could not be used";
        problems.push(Problem::at(written.referenced, message));
    }
    Some(allowed)
}

fn no_region(region: &Spanned<String>, backends: &[Backend]) -> Problem {
    let message = format!("no backend is in the region `{}`", region.value);
    let regions: BTreeSet<&str> = backends
        .iter()
        .filter_map(|it| Some(it.region.as_ref()?.value.as_str()))
        .collect();
    let regions: Vec<_> = regions.into_iter().collect();
    let help = match &*regions {
        [] => "write the `region` of each backend".to_owned(),
        _ => instead(&region.value, &regions),
    };
    Problem::at(region.referenced, message).help(help)
}
