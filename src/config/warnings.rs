//! What is allowed and may not be meant.

use std::collections::HashSet;

use super::spanned::Spanned;

use super::content_log;
use super::decisions::{unsealed, unshared};
use super::issuer_warnings::{id_tokens, plain_http};
use super::limit_warnings::limits;
use super::pool_warnings;
use super::problem::Problem;
use super::problems::Problems;
use super::unused_warnings::unused;
use super::written::{File, Price, ServiceTier};
use crate::access::{Network, Operation};

/// What `tollgate check` says of a file that is good.
pub(super) fn warnings(file: &File) -> Problems {
    let mut warnings = Problems::new();
    for product in &file.products {
        for operation in &product.operations.value {
            if operation.value == Operation::Realtime {
                let message = format!(
                    "product `{}` allows `realtime`: the tokens of its sessions are not counted",
                    product.id.value
                );
                let help = "reconcile them with Azure's metrics: docs/metering.md, Realtime";
                warnings.push(Problem::at(operation.referenced, message).help(help));
            }
        }
    }
    let help = "add lines with `service_tier: priority`, unless no deployment has it";
    warnings.extend(without_price(&file.prices, ServiceTier::Priority, help));
    let operations = file.products.iter().flat_map(|it| &it.operations.value);
    if operations
        .into_iter()
        .any(|it| it.value == Operation::Batches)
    {
        let help = "add lines with `service_tier: batch`: batches mostly cost less";
        warnings.extend(without_price(&file.prices, ServiceTier::Batch, help));
    }
    warnings.extend(limits(file));
    warnings.extend(file.pools.iter().filter_map(pool_warnings::names));
    warnings.extend(pool_warnings::without_pool(file));
    warnings.extend(pool_warnings::without_endpoint(file));
    warnings.extend(unused(file));
    warnings.extend(content_log::warnings(file));
    warnings.extend(unshared(file));
    warnings.extend(unsealed(file));
    warnings.extend(inexact_ranges(file));
    for issuer in &file.issuers {
        warnings.extend(plain_http(issuer));
        warnings.extend(id_tokens(issuer, &file.clients));
    }
    warnings
}

/// `10.0.0.1/8` is the whole range, which whoever writes one address may not mean.
fn inexact_ranges(file: &File) -> Problems {
    let networks = file.products.iter().filter_map(|it| it.networks.as_ref());
    let networks = networks.flat_map(|it| &it.value);
    let allowed = file.issuers.iter().flat_map(|it| &it.allow_addresses);
    let inexact = |written: &Spanned<String>| {
        let network: Network = written.value.parse().ok()?;
        let range = network.of_its_first_address()?;
        let message = format!("`{}` is the whole range {range}", written.value);
        let help = format!("write `{range}`, or the address alone");
        Some(Problem::at(written.referenced, message).help(help))
    };
    networks.chain(allowed).filter_map(inexact).collect()
}

/// What a service tier answers is charged at the ordinary price where it has none of its own.
fn without_price(prices: &[Spanned<Price>], tier: ServiceTier, help: &str) -> Option<Problem> {
    let subject = |price: &Price| {
        let name = price.model.as_ref().or(price.deployment.as_ref());
        name.map(|it| it.value.clone())
    };
    let is_of_tier = |price: &Price| {
        let written = price.service_tier.as_ref();
        written.is_some_and(|it| it.value == tier)
    };
    let lines = || prices.iter().map(|line| &line.value);
    let priced: HashSet<_> = lines().filter(|it| is_of_tier(it)).map(subject).collect();
    let mut without: Vec<_> = lines()
        .filter(|price| price.output.is_some() && !priced.contains(&subject(price)))
        .filter_map(subject)
        .collect();
    without.sort_unstable();
    without.dedup();
    let first = prices.first().filter(|_| !without.is_empty())?;
    let message = format!(
        "no price for the service tier `{}` of {}: what it answers is charged at the ordinary price",
        tier.as_str(),
        without.join(", ")
    );
    Some(Problem::at(first.referenced, message).help(help.to_owned()))
}
