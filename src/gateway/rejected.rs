//! What is known of a request that does not go out.

use super::refusal::Refusal;
use crate::telemetry::RequestContext;

/// A request that does not go out.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// The answer to the client.
    pub(crate) refusal: Box<Refusal>,
    /// What is known of the request.
    pub(crate) context: Box<RequestContext>,
}

impl Rejected {
    pub(super) fn new(refusal: Refusal, context: RequestContext) -> Self {
        Self {
            refusal: Box::new(refusal),
            context: Box::new(context),
        }
    }
}
