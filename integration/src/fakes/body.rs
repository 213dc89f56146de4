//! A response body that follows a script: write, flush, wait, break off.
//!
//! It is pulled by the server, not pushed by a task: a step is taken only when the connection can
//! take its bytes, and when the client goes the body is dropped with everything it owns. The billing
//! ledger of the Azure fake rests on that.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// One step of a scripted body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes, in one write if the connection allows it.
    Write(Bytes),
    /// What was written goes out before anything else is written.
    Flush,
    /// Nothing for this long. Pauses follow each other without drift: ten of 2 ms end after 20 ms.
    Wait(Duration),
    /// The end, with a trailer after it.
    Trailer,
    /// The connection (HTTP/1.1) or the stream (HTTP/2) is torn down.
    Abort,
}

impl Step {
    /// An abort after which what was written before has arrived: a reset overtakes what still waits in
    /// HTTP/2's queues.
    pub const LINGERING_ABORT: [Self; 2] = [Self::Wait(Duration::from_millis(20)), Self::Abort];
}

/// The connection is to be torn down: the fake plays a broken server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the script of the fake tears the connection down")
    }
}

impl std::error::Error for Reset {}

/// The body of a fake's answer.
pub enum ReplyBody {
    /// Known at once, sent with `content-length`.
    Whole(Full<Bytes>),
    /// Produced as it is sent.
    Scripted(ScriptedBody),
}

impl ReplyBody {
    /// A body that is known at once.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Full::new(bytes.into()))
    }

    /// A body that takes `steps` as the connection asks for them.
    pub fn scripted(steps: impl Iterator<Item = Step> + Send + 'static) -> Self {
        Self::Scripted(ScriptedBody::new(steps))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Scripted(scripted) => scripted.poll_step(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Scripted(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Scripted(_) => SizeHint::default(),
        }
    }
}

/// The player of [`Step`]s.
pub struct ScriptedBody {
    steps: Box<dyn Iterator<Item = Step> + Send>,
    pause: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl ScriptedBody {
    fn new(steps: impl Iterator<Item = Step> + Send + 'static) -> Self {
        Self {
            steps: Box::new(steps),
            pause: None,
            waiting: false,
        }
    }

    fn poll_step(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        loop {
            if self.waiting
                && let Some(pause) = &mut self.pause
            {
                ready!(pause.as_mut().poll(context));
                self.waiting = false;
            }
            match self.steps.next() {
                Some(Step::Write(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Wait(duration)) => self.wait(duration),
                Some(Step::Trailer) => {
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-trailer", HeaderValue::from_static("1"));
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Some(Step::Abort) => return Poll::Ready(Some(Err(Reset))),
                // hyper flushes its buffer when the body has nothing for it.
                Some(Step::Flush) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => return Poll::Ready(None),
            }
        }
    }

    /// Counts from the end of the pause before, so that the timer's rounding does not add up.
    fn wait(&mut self, duration: Duration) {
        match &mut self.pause {
            Some(pause) => {
                let until = pause.deadline() + duration;
                pause.as_mut().reset(until);
            }
            None => {
                let until = Instant::now() + duration;
                self.pause = Some(Box::pin(tokio::time::sleep_until(until)));
            }
        }
        self.waiting = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::future::poll_fn;

    fn write(text: &'static str) -> Step {
        Step::Write(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn pauses_do_not_drift() {
        let pause = Duration::from_millis(2);
        let steps = (0..10).flat_map(move |_| [Step::Wait(pause), write("x")]);
        let mut body = ScriptedBody::new(steps);
        let mut deadlines = Vec::new();
        while poll_fn(|context| body.poll_step(context)).await.is_some() {
            deadlines.extend(body.pause.as_ref().map(|pause| pause.deadline()));
        }
        let apart: Vec<Duration> = deadlines.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(apart, [pause; 9], "pauses drifted");
    }

    #[tokio::test]
    async fn an_abort_fails_the_body_after_what_was_written() {
        let mut body = ReplyBody::scripted([write("a"), Step::Flush, Step::Abort].into_iter());
        let first = body.frame().await.expect("a frame").expect("bytes");
        assert_eq!(first.into_data().ok().as_deref(), Some(&b"a"[..]));
        let second = body.frame().await.expect("an end");
        assert!(second.is_err(), "the abort did not break the body off");
    }
}
