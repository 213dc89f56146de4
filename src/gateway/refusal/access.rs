//! What no product of the client allows.

use super::Refusal;
use crate::access::{AccessError, Denied, ProductId, UseNotAllowed};

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let (code, reason, message) = match &denied.reason {
            AccessError::UseNotAllowed(what) => return Self::not_allowed(what, denied.product),
            AccessError::OperationNotAllowed => (
                "operation_not_allowed",
                "operation_not_allowed",
                "This client may not use this operation.",
            ),
            AccessError::DeploymentNotAllowed => (
                "deployment_not_allowed",
                "deployment_not_allowed",
                "This client may not use this deployment for this operation.",
            ),
            AccessError::EntitlementMissing => (
                "insufficient_scope",
                "entitlement_missing",
                "The token lacks a scope, role or group that is needed for this.",
            ),
            AccessError::NetworkNotAllowed => (
                "network_not_allowed",
                "network_not_allowed",
                "This client may not use this from your network.",
            ),
            AccessError::OutsideHours => (
                "outside_hours",
                "outside_hours",
                "This client may not use this at this time.",
            ),
        };
        Self {
            product: denied.product.map(|id| id.to_shared()),
            ..Self::new(403, code, reason, message)
        }
    }
}

impl Refusal {
    /// What a body asks for beside the model, by its name.
    fn not_allowed(what: &UseNotAllowed, product: Option<ProductId>) -> Self {
        let reason = match what {
            UseNotAllowed::Tool(_) => "tool_not_allowed",
            UseNotAllowed::DataSource(_) => "data_source_not_allowed",
            UseNotAllowed::Background => "background_not_allowed",
        };
        Self {
            product: product.map(|id| id.to_shared()),
            ..Self::new(
                403,
                reason,
                reason,
                format!("This client may not use {what}."),
            )
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn all() -> impl Iterator<Item = Refusal> {
        let reasons = [
            AccessError::OperationNotAllowed,
            AccessError::DeploymentNotAllowed,
            AccessError::EntitlementMissing,
            AccessError::NetworkNotAllowed,
            AccessError::OutsideHours,
            AccessError::UseNotAllowed(UseNotAllowed::Tool("web_search".to_owned())),
            AccessError::UseNotAllowed(UseNotAllowed::DataSource("x".to_owned())),
            AccessError::UseNotAllowed(UseNotAllowed::Background),
        ];
        let denied = |reason| Denied {
            reason,
            product: None,
        };
        reasons.map(denied).map(Refusal::from).into_iter()
    }
}
