//! What the service stores, and what can be asked of it.

use super::Operation;

/// A kind of thing that the service stores, each owned by the client that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A response.
    Response,
    /// A file: a batch's input, output or errors.
    File,
    /// A batch.
    Batch,
    /// An item of a response's output: a message, reasoning, the call of a tool. No path names it;
    /// a later request's `input` may.
    Item,
    /// A container that the code interpreter runs in. No path names it; a tool or an item may.
    Container,
}

impl ObjectKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Response,
        Self::File,
        Self::Batch,
        Self::Item,
        Self::Container,
    ];

    /// The operation that a product must allow for it.
    pub const fn operation(self) -> Operation {
        match self {
            Self::Response | Self::Item | Self::Container => Operation::Responses,
            Self::File => Operation::Files,
            Self::Batch => Operation::Batches,
        }
    }

    /// What an operation's `POST` makes that stays.
    pub const fn made_by(operation: Operation) -> Option<Self> {
        match operation {
            Operation::Responses => Some(Self::Response),
            Operation::Files => Some(Self::File),
            Operation::Batches => Some(Self::Batch),
            _ => None,
        }
    }

    /// Azure's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Response => "Response",
            Self::File => "File",
            Self::Batch => "Batch",
            Self::Item => "Item",
            Self::Container => "Container",
        }
    }
}

/// What is asked of something that the service has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAction {
    /// `GET {kind}/{id}`
    Retrieve,
    /// `DELETE {kind}/{id}`, of responses and files
    Delete,
    /// `POST {kind}/{id}/cancel`, of responses and batches
    Cancel,
    /// `GET responses/{id}/input_items`
    InputItems,
    /// `GET files/{id}/content`
    Content,
}
