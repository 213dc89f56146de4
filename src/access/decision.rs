//! Whether a client's products allow an operation on a deployment. The default is no.

use std::sync::Arc;

use super::{Client, Deployment, Entitlements, Operation, Product};

/// Proof that a product of the client allows the operation on the deployment.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The first product that allows it.
    pub product: Arc<Product>,
    /// The deployment that it was given for.
    pub deployment: Deployment,
}

/// Why a client may not do what it asked for; the later the nearer to what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum AccessError {
    /// No product of the client has the operation.
    #[error("no product of the client allows this operation")]
    OperationNotAllowed,
    /// Products have the operation, but not on this deployment.
    #[error("no product of the client allows this operation on this deployment")]
    DeploymentNotAllowed,
    /// A product has both, but asks for scopes, roles or groups that the caller lacks.
    #[error("the caller lacks what the product requires")]
    EntitlementMissing,
}

/// Whether any product has the operation: what can be said before the body names the model.
///
/// # Errors
/// [`AccessError::OperationNotAllowed`] when none has; [`AccessError::EntitlementMissing`] when all
/// that have it ask for more than the caller was granted.
pub fn authorize_operation(
    client: &Client,
    has: &Entitlements,
    operation: Operation,
) -> Result<(), AccessError> {
    let with_operation = |product: &&Arc<Product>| product.operations.contains(&operation);
    let mut products = client.products.iter().filter(with_operation).peekable();
    if products.peek().is_none() {
        return Err(AccessError::OperationNotAllowed);
    }
    match products.any(|product| product.requires.are_met(has)) {
        true => Ok(()),
        false => Err(AccessError::EntitlementMissing),
    }
}

/// Whether one product has both the operation and the deployment.
///
/// # Errors
/// [`AccessError`], with the nearest reason.
pub fn authorize_deployment(
    client: &Client,
    has: &Entitlements,
    operation: Operation,
    deployment: Deployment,
) -> Result<Grant, AccessError> {
    let mut nearest = AccessError::OperationNotAllowed;
    for product in &client.products {
        if !product.operations.contains(&operation) {
            continue;
        }
        if !product.deployments.contains(deployment.as_str()) {
            nearest = nearest.max(AccessError::DeploymentNotAllowed);
        } else if !product.requires.are_met(has) {
            nearest = AccessError::EntitlementMissing;
        } else {
            return Ok(Grant {
                product: Arc::clone(product),
                deployment,
            });
        }
    }
    Err(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{ClientId, ProductId, Requirements};

    fn product(id: &str, deployments: &[&str], operations: &[Operation]) -> Arc<Product> {
        Arc::new(Product {
            id: ProductId::new(id),
            deployments: deployments.iter().map(|&name| name.to_owned()).collect(),
            operations: operations.iter().copied().collect(),
            requires: Requirements::default(),
        })
    }

    fn client() -> Client {
        Client::new(
            ClientId::new("mobile-app"),
            vec![
                product("chat", &["gpt-4o"], &[Operation::ChatCompletions]),
                product("vectors", &["embed"], &[Operation::Embeddings]),
            ],
        )
    }

    fn deployment(name: &str) -> Deployment {
        Deployment::parse(name).expect("a valid name")
    }

    #[test]
    fn the_product_that_allows_a_request_is_named() {
        let grant = authorize_deployment(
            &client(),
            Entitlements::NONE,
            Operation::Embeddings,
            deployment("embed"),
        );
        let grant = grant.expect("the second product has both");
        assert_eq!(grant.product.id.as_str(), "vectors");
    }

    #[test]
    fn an_operation_of_one_product_does_not_reach_the_deployments_of_another() {
        let refused = authorize_deployment(
            &client(),
            Entitlements::NONE,
            Operation::Embeddings,
            deployment("gpt-4o"),
        );
        assert_eq!(
            refused.expect_err("crossing products must be refused"),
            AccessError::DeploymentNotAllowed
        );
    }

    #[test]
    fn an_operation_of_no_product_is_refused_for_any_deployment() {
        let client = client();
        let refused = authorize_deployment(
            &client,
            Entitlements::NONE,
            Operation::Responses,
            deployment("gpt-4o"),
        );
        assert_eq!(
            refused.expect_err("no product has responses"),
            AccessError::OperationNotAllowed
        );
        assert_eq!(
            authorize_operation(&client, Entitlements::NONE, Operation::Responses),
            Err(AccessError::OperationNotAllowed)
        );
        assert_eq!(
            authorize_operation(&client, Entitlements::NONE, Operation::Embeddings),
            Ok(())
        );
    }

    #[test]
    fn a_client_without_products_may_do_nothing() {
        let client = Client::new(ClientId::new("nobody"), Vec::new());
        for operation in Operation::ALL {
            assert!(authorize_operation(&client, Entitlements::NONE, operation).is_err());
        }
    }

    #[test]
    fn deployments_are_compared_exactly() {
        for name in ["GPT-4o", "gpt-4o-mini", "gpt-4"] {
            assert!(
                authorize_deployment(
                    &client(),
                    Entitlements::NONE,
                    Operation::ChatCompletions,
                    deployment(name)
                )
                .is_err(),
                "{name} is another deployment"
            );
        }
    }

    #[test]
    fn a_product_that_asks_for_a_scope_is_only_for_callers_that_have_it() {
        let asks = Product {
            id: ProductId::new("chat"),
            deployments: ["gpt-4o".to_owned()].into(),
            operations: [Operation::ChatCompletions].into(),
            requires: Requirements {
                scopes: vec!["llm.invoke".to_owned()],
                ..Requirements::default()
            },
        };
        let client = Client::new(ClientId::new("mobile-app"), vec![Arc::new(asks)]);
        let has = Entitlements {
            scopes: vec!["llm.invoke".to_owned()],
            ..Entitlements::default()
        };
        let chat = Operation::ChatCompletions;
        let decide =
            |has| authorize_deployment(&client, has, chat, deployment("gpt-4o")).map(|_| ());
        assert_eq!(decide(&has), Ok(()));
        assert_eq!(
            decide(Entitlements::NONE),
            Err(AccessError::EntitlementMissing)
        );
        assert_eq!(authorize_operation(&client, &has, chat), Ok(()));
        assert_eq!(
            authorize_operation(&client, Entitlements::NONE, chat),
            Err(AccessError::EntitlementMissing)
        );
    }
}
