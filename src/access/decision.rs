//! Whether a client's products allow an operation on a deployment. The default is no.

use std::sync::Arc;

use super::{Asked, Client, Deployment, Product, ProductId, Wanted};

/// Proof that a product of the client allows the operation on the deployment.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The first product that allows it.
    pub product: Arc<Product>,
    /// The deployment that it was given for.
    pub deployment: Deployment,
}

/// Why a product does not allow what was asked; the later the nearer to what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum AccessError {
    /// The product does not have the operation.
    #[error("the product does not have this operation")]
    OperationNotAllowed,
    /// It has the operation, but not on this deployment.
    #[error("the product does not have this deployment")]
    DeploymentNotAllowed,
    /// It has both, but asks for scopes, roles or groups that the caller lacks.
    #[error("the caller lacks what the product requires")]
    EntitlementMissing,
    /// The caller has all that, but comes from elsewhere.
    #[error("the caller's address is in none of the product's networks")]
    NetworkNotAllowed,
    /// All is well, but not at this hour.
    #[error("it is outside of the product's hours")]
    OutsideHours,
}

/// A refusal: of all the client's products' reasons the nearest, and the first product that has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denied {
    /// The reason.
    pub reason: AccessError,
    /// The product; `None` for a client that has none.
    pub product: Option<ProductId>,
}

/// Whether any product allows the operation: what can be said before the body names the model.
///
/// # Errors
/// [`Denied`], with the nearest reason.
pub fn authorize_operation(client: &Client, asked: &Asked<'_>) -> Result<(), Denied> {
    first(client, asked, Wanted::NotYetKnown).map(|_| ())
}

/// Whether one product allows the operation on every deployment: for what names its deployment where
/// the gateway does not read.
///
/// # Errors
/// [`Denied`], with the nearest reason.
pub fn authorize_any_deployment(client: &Client, asked: &Asked<'_>) -> Result<(), Denied> {
    first(client, asked, Wanted::Any).map(|_| ())
}

/// Whether one product allows the operation on the deployment.
///
/// # Errors
/// [`Denied`], with the nearest reason.
pub fn authorize_deployment(
    client: &Client,
    asked: &Asked<'_>,
    deployment: Deployment,
) -> Result<Grant, Denied> {
    let product = Arc::clone(first(client, asked, Wanted::Named(&deployment))?);
    Ok(Grant {
        product,
        deployment,
    })
}

/// The first product that allows it.
fn first<'a>(
    client: &'a Client,
    asked: &Asked<'_>,
    deployment: Wanted<'_>,
) -> Result<&'a Arc<Product>, Denied> {
    let mut nearest = None;
    for product in &client.products {
        match product.check(asked, deployment) {
            Ok(()) => return Ok(product),
            Err(reason) if nearest.is_none_or(|(it, _)| it < reason) => {
                nearest = Some((reason, &product.id));
            }
            Err(_) => {}
        }
    }
    Err(match nearest {
        Some((reason, product)) => Denied {
            reason,
            product: Some(product.clone()),
        },
        None => Denied {
            reason: AccessError::OperationNotAllowed,
            product: None,
        },
    })
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
