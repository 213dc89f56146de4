//! Prompts and answers that a product has logged: which requests these are.

use std::sync::Arc;

use super::body::BodyDecision;
use super::outgoing::Outgoing;
use super::pending::Admitted;
use super::state::Gateway;
use crate::access::{BodyKind, Operation};
use crate::content::Capture;
use crate::usage::{BodyFormat, UsageRecord};

impl Gateway {
    /// Begins to keep a request, if its product has it logged and it is one of the sample.
    pub(super) fn capture(
        &self,
        admitted: &Admitted,
        asked: &BodyDecision,
        body: &[u8],
    ) -> Option<Box<Capture>> {
        let log = self.content.as_ref()?;
        let id = asked.product.as_ref()?;
        let mut products = admitted.decision.caller.client.products.iter();
        let sampling = products.find(|it| it.id == *id)?.content?;
        let operation = admitted.decision.target.endpoint.operation();
        if !has_content(operation) || !sampling.takes(admitted.record.random()) {
            return None;
        }
        let is_json = operation.body_kind() == BodyKind::Json;
        log.begin(&self.policy.load().content, is_json.then_some(body))
    }

    /// Logs what was kept of a request that has ended.
    pub(super) fn log_content(&self, capture: Option<Box<Capture>>, record: &Arc<UsageRecord>) {
        if let (Some(log), Some(capture)) = (&self.content, capture) {
            log.write(capture, Arc::clone(record));
        }
    }
}

impl Outgoing {
    /// Its answer begins.
    pub(super) fn capture_answer(&mut self, format: Option<BodyFormat>) {
        let operation = self.admitted.decision.target.endpoint.operation();
        if let Some(capture) = &mut self.capture {
            // Vectors say nothing to anybody.
            capture.answered(format.filter(|_| operation != Operation::Embeddings));
        }
    }
}

/// Whether a model reads or writes something that a person could read.
const fn has_content(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::Files
            | Operation::Batches
            | Operation::Models
            | Operation::Realtime
            | Operation::ResponsesInputTokens
    )
}
