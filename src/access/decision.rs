//! Whether a client's products allow an operation on a deployment. The default is no.

use std::sync::Arc;

use super::{AccessRequest, Client, Deployment, Product, ProductId, UseNotAllowed, Uses, Wanted};

/// Proof that a product of the client allows the operation on the deployment.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The first product that allows it.
    pub product: Arc<Product>,
    /// The deployment that it was given for.
    pub deployment: Deployment,
}

/// Why a product does not allow what was asked; the later the nearer to what it allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// It is outside of the hours.
    #[error("it is outside of the product's hours")]
    OutsideHours,
    /// The product has the deployment, but not what the body asks for besides it.
    #[error("the product does not allow {0}")]
    UseNotAllowed(UseNotAllowed),
}

impl AccessError {
    /// How close it is to being allowed.
    const fn rank(&self) -> u8 {
        match self {
            Self::OperationNotAllowed => 0,
            Self::DeploymentNotAllowed => 1,
            Self::EntitlementMissing => 2,
            Self::NetworkNotAllowed => 3,
            Self::OutsideHours => 4,
            Self::UseNotAllowed(_) => 5,
        }
    }
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
pub fn authorize_operation(client: &Client, asked: &AccessRequest<'_>) -> Result<(), Denied> {
    first(client, asked, Wanted::NotYetKnown, None).map(|_| ())
}

/// Whether one product allows the operation on every deployment: for what names its deployment where
/// the gateway does not read.
///
/// # Errors
/// [`Denied`], with the nearest reason.
pub fn authorize_any_deployment(client: &Client, asked: &AccessRequest<'_>) -> Result<(), Denied> {
    first(client, asked, Wanted::Any, None).map(|_| ())
}

/// Whether one product allows the operation on the deployment, and all that the body asks for besides it,
/// as far as that is known.
///
/// # Errors
/// [`Denied`], with the nearest reason.
pub fn authorize_deployment(
    client: &Client,
    asked: &AccessRequest<'_>,
    deployment: Deployment,
    uses: Option<&Uses>,
) -> Result<Grant, Denied> {
    let product = Arc::clone(first(client, asked, Wanted::Named(&deployment), uses)?);
    Ok(Grant {
        product,
        deployment,
    })
}

/// The first product that allows it.
fn first<'a>(
    client: &'a Client,
    asked: &AccessRequest<'_>,
    deployment: Wanted<'_>,
    uses: Option<&Uses>,
) -> Result<&'a Arc<Product>, Denied> {
    let mut nearest: Option<(AccessError, &ProductId)> = None;
    for product in &client.products {
        let checked = product.check(asked, deployment);
        let reason = match checked.and_then(|()| product.check_uses(uses)) {
            Ok(()) => return Ok(product),
            Err(reason) => reason,
        };
        if nearest
            .as_ref()
            .is_none_or(|(it, _)| it.rank() < reason.rank())
        {
            nearest = Some((reason, &product.id));
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
mod tests;
