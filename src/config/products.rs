//! Products: what is written, and what it means.

use std::collections::HashMap;
use std::sync::Arc;

use super::file;
use super::problem::Problem;
use super::validate::{Problems, check_id, not_empty, twice};
use crate::access::{Deployment, Product, ProductId};

pub(super) fn products(
    written: &[file::Product],
    problems: &mut Problems,
) -> HashMap<String, Arc<Product>> {
    let mut products = HashMap::new();
    for product in written {
        check_id("product", &product.id, problems);
        not_empty("deployments", &product.deployments, problems);
        not_empty("operations", &product.operations, problems);
        for name in &product.deployments.value {
            if Deployment::parse(&name.value).is_none() {
                let message = format!("`{}` is no name of a deployment", name.value);
                let help = "letters, digits, `-`, `_` and `.`, at most 64 of them";
                problems.push(Problem::at(name.referenced, message).help(help));
            }
        }
        let meaning = Arc::new(Product {
            id: ProductId::new(product.id.value.as_str()),
            deployments: product
                .deployments
                .value
                .iter()
                .map(|name| name.value.clone())
                .collect(),
            operations: product.operations.value.iter().map(|it| it.value).collect(),
            requires: product.requires.meaning(),
        });
        if products.insert(product.id.value.clone(), meaning).is_some() {
            problems.push(twice("product", &product.id));
        }
    }
    products
}
