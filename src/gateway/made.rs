//! What an answer makes that the service stores, and what is deleted: remembered before the client can
//! see the id and ask for it, and kept with the request's record.

use std::sync::Arc;

use super::outgoing::Outgoing;
use crate::access::{
    ClientId, Endpoint, Known, ObjectChange, ObjectKind, ObjectOwners, Operation, Remembered,
    Stored, StoredAction,
};
use crate::usage::Meter;

/// What has become known of one request's objects.
#[derive(Default)]
pub(super) struct Made {
    changes: Vec<ObjectChange>,
    /// The id of the answer itself has come.
    has_own_id: bool,
    /// The backend that answers.
    backend: Option<Arc<str>>,
    /// It was said that an id is another client's.
    has_warned: bool,
}

impl Made {
    /// Whether an answer may show ids that its client can refer to from then on.
    pub(super) fn is_shown_by(endpoint: &Endpoint) -> bool {
        ObjectKind::ALL.iter().any(|kind| shows(endpoint, *kind))
    }

    /// Remembers what the last piece of the answer has shown.
    pub(super) fn note(
        &mut self,
        owners: &ObjectOwners,
        outgoing: &Outgoing,
        backend: Option<&Arc<str>>,
        meter: &mut Meter,
    ) {
        if self.backend.is_none() {
            self.backend = backend.cloned();
        }
        let stored = |known| Stored {
            known,
            backend: backend.cloned(),
        };
        let endpoint = &outgoing.admitted.decision.target.endpoint;
        let client = &outgoing.admitted.decision.caller.client.id;
        if !self.has_own_id
            && let (Some(kind), Some(id)) = (makes(endpoint), meter.id())
        {
            self.has_own_id = true;
            let stored = stored(outgoing.known.clone());
            self.remember(owners, client, kind, id.to_owned(), stored);
        }
        for (kind, id) in meter.take_shown() {
            if shows(endpoint, kind) && !owners.owns(kind, client, &id) {
                // Only a batch shows files: its id is that of the answer.
                let known = match (kind, meter.id()) {
                    (ObjectKind::File, Some(batch)) => Known::Output(batch.into()),
                    _ => Known::Nothing,
                };
                self.remember(owners, client, kind, id, stored(known));
            }
        }
    }

    /// More is known of a response: that it is made in the background, or that it is counted.
    pub(super) fn learn(
        &mut self,
        owners: &ObjectOwners,
        client: &ClientId,
        id: &str,
        known: Known,
    ) {
        let kind = ObjectKind::Response;
        // It may have been given up for others meanwhile.
        let before = owners.stored(kind, client, id).unwrap_or_default();
        let stored = Stored {
            known,
            backend: before.backend.or_else(|| self.backend.clone()),
        };
        match owners.remember(kind, id, client, stored.clone()) {
            Remembered::Foreign => {}
            Remembered::New | Remembered::Again => {
                self.note_change(client, kind, id, Some(stored));
            }
        }
    }

    /// The answer has ended with this status: what was asked to be deleted is.
    pub(super) fn end(
        mut self,
        owners: &ObjectOwners,
        outgoing: &Outgoing,
        status: Option<u16>,
    ) -> Vec<ObjectChange> {
        let client = &outgoing.admitted.decision.caller.client.id;
        if let Endpoint::Stored {
            kind,
            id,
            action: StoredAction::Delete,
        } = &outgoing.admitted.decision.target.endpoint
            && matches!(status, Some(200..=299))
        {
            owners.forget(*kind, client, id);
            self.note_change(client, *kind, id, None);
        }
        self.changes
    }

    fn remember(
        &mut self,
        owners: &ObjectOwners,
        client: &ClientId,
        kind: ObjectKind,
        id: String,
        stored: Stored,
    ) {
        match owners.remember(kind, &id, client, stored.clone()) {
            Remembered::Foreign => {
                if !std::mem::replace(&mut self.has_warned, true) {
                    let kind = kind.as_str();
                    tracing::warn!(kind, %client, "an answer shows an id of another client");
                }
            }
            Remembered::New | Remembered::Again => {
                self.changes.push(ObjectChange {
                    kind,
                    id,
                    owner: client.clone(),
                    known: Some(stored.known),
                    backend: stored.backend,
                });
            }
        }
    }

    /// What is known last is what is kept.
    fn note_change(
        &mut self,
        client: &ClientId,
        kind: ObjectKind,
        id: &str,
        stored: Option<Stored>,
    ) {
        let (known, backend) = match stored {
            Some(stored) => (Some(stored.known), stored.backend),
            None => (None, None),
        };
        self.changes
            .retain(|change| change.kind != kind || change.id != id);
        self.changes.push(ObjectChange {
            kind,
            id: id.to_owned(),
            owner: client.clone(),
            known,
            backend,
        });
    }
}

/// The kind of thing whose id is that of the answer.
const fn makes(endpoint: &Endpoint) -> Option<ObjectKind> {
    match endpoint {
        Endpoint::Create { operation, .. } => ObjectKind::made_by(*operation),
        Endpoint::Stored { .. } | Endpoint::Models | Endpoint::Realtime { .. } => None,
    }
}

/// Whether ids of a kind that are in an answer were made for the client. In a list of a response's
/// input they were, or the request had named things of the client's own.
const fn shows(endpoint: &Endpoint, kind: ObjectKind) -> bool {
    let asked = match endpoint {
        Endpoint::Create {
            operation: Operation::Responses | Operation::ResponsesCompact,
            ..
        } => ObjectKind::Response,
        Endpoint::Create {
            operation: Operation::Batches,
            ..
        } => ObjectKind::Batch,
        Endpoint::Stored {
            kind: asked,
            action: StoredAction::Retrieve | StoredAction::Cancel | StoredAction::InputItems,
            ..
        } => *asked,
        _ => return false,
    };
    matches!(
        (asked, kind),
        (
            ObjectKind::Response,
            ObjectKind::Item | ObjectKind::Container
        ) | (ObjectKind::Batch, ObjectKind::File)
    )
}

#[cfg(test)]
mod tests;
