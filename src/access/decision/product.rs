//! What a product allows, and the verdict of one product on one request.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::{AccessError, AllowedUses, Deployments, Hours, Sampling};
use crate::access::client::{Entitlements, Network, ProductId, ProductRules, Requirements};
use crate::access::request::{Deployment, Operation, Uses};

/// What a client may use: deployments × operations, and on which conditions.
#[derive(Debug)]
pub struct Product {
    /// Its name.
    pub id: ProductId,
    /// Deployments by name or pattern.
    pub deployments: Deployments,
    /// Operations on each of these deployments.
    pub operations: HashSet<Operation>,
    /// What a caller must have been granted for any operation.
    pub requires: Requirements,
    /// What it must have been granted for one of the operations, in addition.
    pub operation_requires: HashMap<Operation, Requirements>,
    /// Where callers must come from; `None` is anywhere.
    pub networks: Option<Vec<Network>>,
    /// When it may be used; `None` is always.
    pub hours: Option<Hours>,
    /// Whether a body's `model` must be the deployment in the path.
    pub strict_model: bool,
    /// What a body may ask for besides the model.
    pub uses: AllowedUses,
    /// How much may be used through it.
    pub limits: ProductRules,
    /// The backends that requests may go to, by name; `None` is every one.
    pub backends: Option<HashSet<Arc<str>>>,
    /// Its callers are told the name of the backend that answers.
    pub reveal_backend: bool,
    /// Which of its requests are in the content log; `None` is none.
    pub content: Option<Sampling>,
}

/// What is asked, by whom, from where and when.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// The operation.
    pub operation: Operation,
    /// What the caller has been granted.
    pub has: &'a Entitlements,
    /// Where the request comes from, as Envoy says; `None` where it does not.
    pub address: Option<IpAddr>,
    /// When it came.
    pub at: SystemTime,
}

/// Which deployment a request wants, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Its body will name it.
    NotYetKnown,
    /// This one.
    Named(&'a Deployment),
    /// One that it names where the gateway does not read: the product must have all of them.
    Any,
}

impl Product {
    /// A product without conditions.
    pub fn new(id: ProductId, deployments: Deployments, operations: HashSet<Operation>) -> Self {
        Self {
            id,
            deployments,
            operations,
            requires: Requirements::default(),
            operation_requires: HashMap::new(),
            networks: None,
            hours: None,
            strict_model: false,
            uses: AllowedUses::default(),
            limits: ProductRules::default(),
            backends: None,
            reveal_backend: false,
            content: None,
        }
    }

    /// Whether this product allows what a body asks for besides the model.
    ///
    /// # Errors
    /// [`AccessError::UseNotAllowed`], with what it does not allow.
    pub fn check_uses(&self, uses: Option<&Uses>) -> Result<(), AccessError> {
        match uses.filter(|uses| !uses.is_empty()) {
            Some(uses) => self
                .uses
                .check(uses, &self.deployments)
                .map_err(AccessError::UseNotAllowed),
            None => Ok(()),
        }
    }

    /// Whether this product allows a request on the deployment that it wants.
    ///
    /// # Errors
    /// The first condition that is not met, in the order of [`AccessError`].
    pub fn check(
        &self,
        asked: &AccessRequest<'_>,
        deployment: Wanted<'_>,
    ) -> Result<(), AccessError> {
        let has_deployment = match deployment {
            Wanted::NotYetKnown => true,
            Wanted::Named(deployment) => self.deployments.contains(deployment),
            Wanted::Any => self.deployments.has_all(),
        };
        let names = [asked.operation, asked.operation.allowed_by()];
        let mut own = names
            .iter()
            .filter_map(|name| self.operation_requires.get(name));
        let is_entitled =
            self.requires.are_met(asked.has) && own.all(|requires| requires.are_met(asked.has));
        // Envoy names no address for a peer that has none: that is from nowhere.
        let comes_from = |network: &Network| asked.address.is_some_and(|it| network.contains(it));
        let networks = self.networks.as_ref();
        if !names.iter().any(|name| self.operations.contains(name)) {
            Err(AccessError::OperationNotAllowed)
        } else if !has_deployment {
            Err(AccessError::DeploymentNotAllowed)
        } else if !is_entitled {
            Err(AccessError::EntitlementMissing)
        } else if !networks.is_none_or(|list| list.iter().any(comes_from)) {
            Err(AccessError::NetworkNotAllowed)
        } else if !self.hours.as_ref().is_none_or(|it| it.is_open(asked.at)) {
            Err(AccessError::OutsideHours)
        } else {
            Ok(())
        }
    }
}
