//! What a path stands for.

use super::{Deployment, ObjectKind, Operation, StoredAction};

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST` of an operation; the deployment where the path names it.
    Create {
        /// The operation.
        operation: Operation,
        /// The deployment, where the path and not the body's `model` says it.
        deployment: Option<Deployment>,
    },
    /// Something asked of a stored object.
    Stored {
        /// What it is.
        kind: ObjectKind,
        /// Its id.
        id: String,
        /// What is asked.
        action: StoredAction,
    },
    /// `GET models` and `GET models/{model}`.
    Models,
    /// `GET realtime`: the upgrade to a WebSocket.
    Realtime {
        /// The deployment that the query names; a session with `intent=transcription` may name it in
        /// its messages only.
        deployment: Option<Deployment>,
    },
}

impl Endpoint {
    /// The operation that a product must allow for it.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Create { operation, .. } => *operation,
            Self::Stored { kind, .. } => kind.operation(),
            Self::Models => Operation::Models,
            Self::Realtime { .. } => Operation::Realtime,
        }
    }
}
