//! Why a product does not allow what was asked.

use super::UseNotAllowed;
use crate::access::client::ProductId;

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
    pub(super) const fn rank(&self) -> u8 {
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
