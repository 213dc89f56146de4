//! The decision that a request belongs to: one of this process, or one of another replica that comes along sealed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, Metadata};
use envoy_types::pb::envoy::service::ext_proc::v3::{HttpHeaders, ProcessingResponse};

use super::{Exchange, Stage};
use crate::envoy::{headers, metadata};
use crate::gateway::{Admitted, Rejected, SealedFor};

/// A decision of another replica, which is looked at here.
pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Admitted, Rejected>> + Send>>;

impl Exchange {
    /// The reply, or none while it waits: for the look at a decision of another replica, or for room.
    pub(super) fn take_up(
        &mut self,
        message: HttpHeaders,
        context: Option<&Metadata>,
    ) -> Option<ProcessingResponse> {
        let taken = metadata::decision(context).and_then(|id| self.gateway.take(id));
        match (taken, metadata::sealed(context)) {
            (None, Some(sealed)) => {
                let bound = sealed_for(message.headers.as_ref());
                let opening = Arc::clone(&self.gateway).open(sealed.to_owned(), bound);
                self.stage = Stage::Opening(Box::pin(opening), message);
                None
            }
            (taken, _) => self.taken(&message, taken),
        }
    }

    /// The reply, or none while it waits for room.
    pub(super) fn opened(
        &mut self,
        opened: Result<Admitted, Rejected>,
    ) -> Option<ProcessingResponse> {
        match std::mem::replace(&mut self.stage, Stage::New) {
            Stage::Opening(_, message) => self.taken(&message, Some(opened)),
            _ => None,
        }
    }

    fn taken(
        &mut self,
        message: &HttpHeaders,
        taken: Option<Result<Admitted, Rejected>>,
    ) -> Option<ProcessingResponse> {
        let fields = message.headers.as_ref();
        match taken {
            Some(Ok(admitted)) => {
                self.lease = Some(Arc::clone(&admitted.lease));
                self.request_headers(message, admitted)
            }
            Some(Err(rejected)) => Some(self.reject(rejected, fields)),
            None => Some(self.no_decision(fields)),
        }
    }

    /// A decision is there, and can't be used.
    fn reject(&mut self, rejected: Rejected, fields: Option<&HeaderMap>) -> ProcessingResponse {
        let mut context = *rejected.context;
        let _entered = self.enter(fields, &mut context);
        self.refuse(&rejected.refusal, context)
    }
}

/// The request that a decision must have been sealed for.
fn sealed_for(fields: Option<&HeaderMap>) -> SealedFor {
    let text = |name| headers::get(fields, name).unwrap_or_default();
    SealedFor {
        method: text(":method").to_owned(),
        path: text(":path").to_owned(),
        request_id: Arc::from(text("x-request-id")),
    }
}
