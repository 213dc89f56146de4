//! Replies that wait for the usage of an answer that has ended.
//!
//! Envoy sends on while a reply waits, and takes the replies in their order: so the client gets the end of
//! its answer together with what it is charged, or not at all.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use envoy_types::pb::envoy::service::ext_proc::v3::ProcessingResponse;
use tokio::time::{Sleep, sleep};

/// How long the usage is waited for. The service writes it right behind the end; Envoy's
/// `message_timeout` must be longer.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// How much of an answer is held back, in bytes: as much as Envoy keeps of a stream over HTTP/2
/// (`initial_stream_window_size` in the Envoy files).
const MAX_HELD_BYTES: usize = 256 * 1024;
/// How often the usage is waited for in one stream, which may go on after what looked like its end.
const MAX_WAITS: u32 = 4;

/// The replies of one stream that wait.
#[derive(Default)]
pub(super) struct Held {
    replies: VecDeque<ProcessingResponse>,
    bytes: usize,
    /// Runs while replies are held back.
    timer: Option<Pin<Box<Sleep>>>,
    /// This end was waited for as long as it may be: it is passed on.
    is_over: bool,
    /// How often that was so.
    waits: u32,
}

impl Held {
    /// Takes the reply to a piece of so many bytes, and says whether it is to be held back; gives the reply
    /// that is to be sent now.
    pub(super) fn pass(
        &mut self,
        reply: ProcessingResponse,
        bytes: usize,
        is_held_back: bool,
    ) -> Option<ProcessingResponse> {
        self.is_over &= is_held_back;
        if !is_held_back || self.is_over || self.waits >= MAX_WAITS {
            self.release();
            return self.after(reply);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.replies.push_back(reply);
        self.timer.get_or_insert_with(|| Box::pin(sleep(MAX_WAIT)));
        if self.bytes > MAX_HELD_BYTES {
            self.give_up();
        }
        self.next()
    }

    /// The reply that is to be sent now, where this one comes after those that wait.
    pub(super) fn after(&mut self, reply: ProcessingResponse) -> Option<ProcessingResponse> {
        if self.replies.is_empty() {
            return Some(reply);
        }
        self.replies.push_back(reply);
        self.next()
    }

    /// The next reply; none where there is none, or it is held back.
    pub(super) fn next(&mut self) -> Option<ProcessingResponse> {
        match self.timer {
            None => self.replies.pop_front(),
            Some(_) => None,
        }
    }

    /// The usage has come, or will not come.
    pub(super) fn release(&mut self) {
        self.timer = None;
        self.bytes = 0;
    }

    /// Ready when the usage has been waited for as long as it may be, with what was held back.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        ready!(timer.as_mut().poll(context));
        self.give_up();
        Poll::Ready(())
    }

    /// The usage does not come behind this end.
    fn give_up(&mut self) {
        self.is_over = true;
        self.waits += 1;
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{Instant, timeout};

    use super::*;

    /// A reply that can be told apart.
    fn reply(number: usize) -> ProcessingResponse {
        ProcessingResponse {
            override_message_timeout: Some(envoy_types::pb::google::protobuf::Duration {
                seconds: 0,
                nanos: i32::try_from(number).expect("a small number"),
            }),
            ..ProcessingResponse::default()
        }
    }

    fn rest(held: &mut Held) -> Vec<ProcessingResponse> {
        std::iter::from_fn(|| held.next()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_back_goes_out_in_order_with_the_usage() {
        let mut held = Held::default();
        assert_eq!(held.pass(reply(1), 10, false), Some(reply(1)));
        assert_eq!(held.pass(reply(2), 10, true), None);
        assert_eq!(held.pass(reply(3), 10, true), None);
        assert_eq!(held.next(), None, "the usage has not come");
        assert_eq!(held.pass(reply(4), 10, false), Some(reply(2)));
        assert_eq!(rest(&mut held), [reply(3), reply(4)]);
        let over = timeout(MAX_WAIT * 2, poll_fn(|context| held.poll_over(context)));
        assert!(over.await.is_err(), "no timer is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_usage_that_does_not_come_is_waited_for_once() {
        let mut held = Held::default();
        let began = Instant::now();
        assert_eq!(held.pass(reply(1), 10, true), None);
        tokio::time::advance(MAX_WAIT / 2).await;
        assert_eq!(held.pass(reply(2), 10, true), None);
        poll_fn(|context| held.poll_over(context)).await;
        assert!(began.elapsed() >= MAX_WAIT && began.elapsed() < MAX_WAIT * 11 / 10);
        assert_eq!(rest(&mut held), [reply(1), reply(2)]);
        assert_eq!(held.pass(reply(3), 10, true), Some(reply(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_goes_on_is_held_back_at_its_next_end_but_not_for_ever() {
        let mut held = Held::default();
        for wait in 0..MAX_WAITS {
            assert_eq!(held.pass(reply(1), 10, true), None, "wait {wait}");
            poll_fn(|context| held.poll_over(context)).await;
            assert_eq!(rest(&mut held), [reply(1)]);
            assert_eq!(held.pass(reply(2), 10, false), Some(reply(2)));
        }
        assert_eq!(held.pass(reply(3), 10, true), Some(reply(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn not_more_is_held_back_than_there_is_room_for() {
        let mut held = Held::default();
        assert_eq!(held.pass(reply(1), MAX_HELD_BYTES, true), None);
        assert_eq!(held.pass(reply(2), 1, true), Some(reply(1)));
        assert_eq!(rest(&mut held), [reply(2)]);
        assert_eq!(held.pass(reply(3), 1, true), Some(reply(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_reply_comes_after_those_that_waited() {
        let mut held = Held::default();
        assert_eq!(held.pass(reply(1), 10, true), None);
        held.release();
        assert_eq!(held.after(reply(2)), Some(reply(1)));
        assert_eq!(rest(&mut held), [reply(2)]);
    }
}
