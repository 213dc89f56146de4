//! Products: what is written, and what it means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::spanned::Spanned;

use super::content_log::sampling;
use super::hours::hours;
use super::limits::{self, Whose};
use super::pins::pins;
use super::problem::Problem;
use super::problems::{Problems, check_id, duplicate, not_empty};
use super::requires::requirements;
use super::uses::uses;
use super::written;
use crate::access::{
    Deployments, Network, NetworkError, Operation, PatternError, Product, ProductId, ProductRules,
    Requirements,
};

pub(super) fn products(
    written: &[written::Product],
    limits: &limits::Reader,
    (backends, log): (&[written::Backend], Option<&written::ContentLog>),
    problems: &mut Problems,
) -> HashMap<String, Arc<Product>> {
    let mut products = HashMap::new();
    let mut places = HashMap::new();
    for product in written {
        check_id("product", &product.id, problems);
        not_empty("deployments", &product.deployments, problems);
        not_empty("operations", &product.operations, problems);
        let operations: HashSet<_> = product.operations.value.iter().map(|it| it.value).collect();
        let meaning = Arc::new(Product {
            id: ProductId::new(product.id.value.as_str()),
            deployments: deployments(&product.deployments.value, problems),
            requires: requirements(&product.requires),
            operation_requires: operation_requires(product, &operations, problems),
            operations,
            networks: product.networks.as_ref().map(|it| networks(it, problems)),
            hours: product.hours.as_ref().map(|it| hours(it, problems)),
            strict_model: product.strict_model,
            uses: uses(product, problems),
            limits: product_rules(product, limits, problems),
            backends: pins(product, backends, problems),
            reveal_backend: product.reveal_backend,
            content: sampling(product.content_log.as_ref(), log, problems),
        });
        let (id, at) = (&product.id, product.id.referenced);
        if let Some(first) = places.insert(&id.value, at) {
            problems.push(duplicate("product", id, first));
        }
        products.insert(id.value.clone(), meaning);
    }
    products
}

fn product_rules(
    product: &written::Product,
    limits: &limits::Reader,
    problems: &mut Problems,
) -> ProductRules {
    let shared = product.limits.as_ref();
    let per_client = shared.and_then(|it| it.per_client.as_ref());
    let per_client = per_client.map(|it| &*it.value);
    ProductRules {
        shared: limits.rules(shared, Whose::Product, problems),
        per_client: limits.rules(per_client, Whose::Other, problems),
        queueing: limits::queueing(product.queue.as_ref(), problems),
    }
}

fn deployments(written: &[Spanned<String>], problems: &mut Problems) -> Deployments {
    let mut deployments = Deployments::default();
    for name in written {
        if let Err(error) = deployments.add(&name.value) {
            let help = match error {
                PatternError::NotAName => {
                    "use letters, digits, `-`, `_` and `.`, at most 64 characters, with a letter or digit first and last; `*` matches any of them"
                }
                PatternError::NoMatch | PatternError::TwoStars => {
                    "a pattern is a name with `*` in it, such as gpt-4o*; `*` is the only wildcard"
                }
            };
            let message = format!("`{}` is {error}", name.value);
            problems.push(Problem::at(name.referenced, message).help(help));
        }
    }
    deployments
}

fn operation_requires(
    product: &written::Product,
    operations: &HashSet<Operation>,
    problems: &mut Problems,
) -> HashMap<Operation, Requirements> {
    let mut meaning = HashMap::new();
    // In the order of the list, so that mistakes are always reported in the same order.
    for operation in Operation::ALL {
        let Some(requires) = product.operation_requires.get(&operation) else {
            continue;
        };
        if !operations.contains(&operation) {
            let message = format!(
                "product `{}` does not have the operation `{operation}`",
                product.id.value
            );
            let help = "add it to `operations`, or remove it here";
            problems.push(Problem::at(requires.referenced, message).help(help));
        }
        if requires.value.is_empty() {
            let message = format!("nothing is required for `{operation}`");
            let help = "name `scopes`, `roles` or `groups`, or remove it";
            problems.push(Problem::at(requires.referenced, message).help(help));
        }
        meaning.insert(operation, requirements(&requires.value));
    }
    meaning
}

fn networks(written: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems) -> Vec<Network> {
    not_empty("networks", written, problems);
    let mut networks = Vec::new();
    for text in &written.value {
        match text.value.parse() {
            Ok(network) => networks.push(network),
            Err(error) => {
                let error: NetworkError = error;
                let message = format!("`{}` is not an IP range", text.value);
                problems.push(Problem::at(text.referenced, message).help(error.to_string()));
            }
        }
    }
    networks
}
