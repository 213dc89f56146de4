//! What is known of the things that the service stores for clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::access::client::{ClientId, ProductId};
use crate::access::request::{Deployment, ObjectKind, Operation};

/// What a batch may run: what every line of its input asks for, checked when the file came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInput {
    /// The operation of each line.
    pub operation: Operation,
    /// The deployment of each line.
    pub deployment: Deployment,
    /// The product that allows it.
    pub product: ProductId,
}

/// A response that is made in the background: its usage comes with a later retrieval.
#[derive(Debug)]
pub struct BackgroundResponse {
    /// The deployment that makes it.
    pub deployment: Option<Deployment>,
    /// The product that allowed it.
    pub product: Option<ProductId>,
    is_counted: AtomicBool,
}

impl BackgroundResponse {
    /// One that is not counted yet.
    pub fn new(deployment: Option<Deployment>, product: Option<ProductId>) -> Self {
        Self {
            deployment,
            product,
            is_counted: AtomicBool::new(false),
        }
    }

    /// Whether its usage has been counted.
    pub fn is_counted(&self) -> bool {
        self.is_counted.load(Ordering::Acquire)
    }

    /// Claims the count; true for one caller only.
    pub fn count(&self) -> bool {
        !self.is_counted.swap(true, Ordering::AcqRel)
    }
}

/// What else is known of a stored object.
#[derive(Clone, Debug, Default)]
pub enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// A file: what a batch of it runs.
    Input(Arc<BatchInput>),
    /// A response: it is made in the background.
    Background(Arc<BackgroundResponse>),
}

/// What an object has become: it was made, more is known of it, or it is deleted.
#[derive(Clone, Debug)]
pub struct ObjectChange {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id.
    pub id: String,
    /// The client that made it.
    pub owner: ClientId,
    /// What is known of it; `None` once it is deleted.
    pub known: Option<Known>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_response_is_counted_once() {
        let response = BackgroundResponse::new(None, None);
        assert!(!response.is_counted());
        assert!(response.count(), "the first retrieval that shows its usage");
        assert!(!response.count(), "no later one");
        assert!(response.is_counted());
    }
}
