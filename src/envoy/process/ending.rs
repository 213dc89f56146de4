//! The end of an answer: it waits until its tokens are counted and its record is on the disk.

use std::time::Instant;

use envoy_types::pb::envoy::service::ext_proc::v3::ProcessingResponse;
use tonic::Status;

use super::{Exchange, Stage};
use crate::envoy::metadata;
use crate::gateway::{End, Recorded, Settlement};
use crate::usage::Unwritable;

impl Exchange {
    /// The answer is complete: the usage goes with the last reply.
    pub(super) fn ended(&mut self, reply: ProcessingResponse) -> Option<ProcessingResponse> {
        self.held.release();
        let settlement = match &mut self.stage {
            Stage::Forwarded(transaction) => transaction.settle(End::Complete),
            _ => None,
        };
        match settlement {
            Some(Settlement::Done(recorded)) => self.recorded(recorded, reply),
            Some(Settlement::Counting(counting)) => {
                self.stage = Stage::Counting(counting, Box::new(reply));
                None
            }
            None => self.held.after(reply),
        }
    }

    pub(super) fn counted(&mut self, recorded: Recorded) -> Option<ProcessingResponse> {
        match std::mem::replace(&mut self.stage, Stage::New) {
            Stage::Counting(_, reply) => self.recorded(recorded, *reply),
            _ => None,
        }
    }

    /// The count has failed, and with it the record: the client does not get a whole answer.
    pub(super) fn uncounted(&mut self) -> Status {
        tracing::error!("a request could not be counted, and has no record");
        self.stage = Stage::New;
        Status::internal("the request could not be counted")
    }

    /// The reply, or none while it waits for the disk.
    fn recorded(
        &mut self,
        recorded: Recorded,
        mut reply: ProcessingResponse,
    ) -> Option<ProcessingResponse> {
        reply.dynamic_metadata = Some(metadata::of_usage(&recorded.record));
        match recorded.receipt {
            Some(receipt) => {
                self.stage = Stage::Writing(receipt, Instant::now(), Box::new(reply));
                None
            }
            None => self.held.after(reply),
        }
    }

    /// A record that is lost ends the stream: Envoy ends the answer, and the client sees that it is not
    /// whole.
    pub(super) fn written(
        &mut self,
        written: Result<(), Unwritable>,
    ) -> Option<Result<ProcessingResponse, Status>> {
        match (std::mem::replace(&mut self.stage, Stage::New), written) {
            (Stage::Writing(_, ended, reply), Ok(())) => {
                self.gateway.note_record(ended.elapsed());
                Some(Ok(*reply))
            }
            (Stage::Writing(..), Err(Unwritable)) => Some(Err(Status::unavailable(
                "the usage record could not be written",
            ))),
            _ => None,
        }
    }
}
