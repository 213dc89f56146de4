//! Whether a client's products allow an operation on a deployment. The default is no.

use std::sync::Arc;

use super::{AccessError, AccessRequest, Client, Denied, Product, Wanted};
use crate::access::client::ProductId;
use crate::access::request::{Deployment, Uses};

/// Proof that a product of the client allows the operation on the deployment.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The first product that allows it.
    pub product: Arc<Product>,
    /// The deployment that it was given for.
    pub deployment: Deployment,
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
