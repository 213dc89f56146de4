//! What a body names that the service has stored: responses and their items, files, containers.
//!
//! All clients share one identity at the backend, which would give anything stored to any of them.

use super::uses::Uses;

/// What a body names that the service has stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// `previous_response_id` of the responses API.
    pub previous_response_id: Option<String>,
    /// Whether the body refers to a `conversation` kept by the service.
    pub has_conversation: bool,
    /// Ids of items that earlier responses have made: those that are referred to, and those that are sent again.
    pub items: Vec<String>,
    /// Ids of files.
    pub files: Vec<String>,
    /// Ids of containers that code runs in.
    pub containers: Vec<String>,
    /// The member that names something whose owner can't be checked.
    pub unsupported: Option<String>,
    /// Whether a message of a chat has an image.
    pub(super) has_images: bool,
    /// What is asked for besides the model.
    pub(super) uses: Uses,
    pub(super) walked: usize,
}
