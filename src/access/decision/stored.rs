//! What is known of the things that the service stores for clients.

use std::sync::Arc;

use super::Unsettled;
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
    /// How many bytes the file has.
    pub bytes: u64,
    /// How many lines.
    pub lines: u64,
}

/// What else is known of a stored object.
#[derive(Clone, Debug, Default)]
pub enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// A file: what a batch of it runs.
    Input(Arc<BatchInput>),
    /// A response that is made in the background: what it used comes later.
    Background(Arc<Unsettled>),
    /// A batch: what its lines used comes later.
    Batch(Arc<Unsettled>),
    /// A file that a batch has written: its output or its errors. The batch's id.
    Output(Arc<str>),
}

impl Known {
    /// What is charged later, or has been.
    pub fn unsettled(&self) -> Option<&Arc<Unsettled>> {
        match self {
            Self::Background(work) | Self::Batch(work) => Some(work),
            Self::Nothing | Self::Input(_) | Self::Output(_) => None,
        }
    }
}

/// What is remembered of a stored object besides its client.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// What it is for the gateway.
    pub known: Known,
    /// The backend that has it; not known of one from before that was kept.
    pub backend: Option<Arc<str>>,
}

impl Stored {
    /// Something of which nothing is known but the backend that has it.
    pub fn at(backend: Option<Arc<str>>) -> Self {
        Self {
            known: Known::Nothing,
            backend,
        }
    }
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
    /// The backend that has it.
    pub backend: Option<Arc<str>>,
}
