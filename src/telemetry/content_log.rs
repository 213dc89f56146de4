//! The content log: prompts and answers of the products that ask for it, in a file of their own.
//!
//! What is kept of them is read, redacted and written by a thread of its own, so that no request waits. The queue is
//! bounded, and so is the room for what it holds; what finds no place is counted as lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::Value;

use super::audit::rfc3339;
use super::log_file::{LogFile, Output, Rotating};
use super::lost::Lost;
use crate::content::{Capture, Content, ContentRules, LeftOut, Part, Room};
use crate::usage::UsageRecord;

/// Requests that may wait to be written.
const QUEUE_ENTRIES: usize = 4096;

/// How often what is too old is looked for where nothing is written.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

enum Entry {
    Content(Box<Capture>, Arc<UsageRecord>),
    End,
}

/// The content log.
pub struct ContentLog {
    queue: SyncSender<Entry>,
    room: Room,
    lost: Lost,
}

/// The thread that writes.
pub struct ContentWriter {
    thread: JoinHandle<()>,
    queue: SyncSender<Entry>,
}

impl ContentWriter {
    /// Waits until all that has been sent is written.
    pub fn finish(self) {
        let is_writing = self.queue.send(Entry::End).is_ok();
        if !is_writing || self.thread.join().is_err() {
            tracing::error!("the content log's writer has failed");
        }
    }
}

impl ContentLog {
    /// Starts a log in a file.
    ///
    /// # Errors
    /// The system's, if it gives no thread, or the file can't be written.
    pub fn start(file: LogFile) -> io::Result<(Self, ContentWriter)> {
        let output = Output::new(io::sink(), Some(Rotating::open(file)?));
        let (queue, entries) = sync_channel(QUEUE_ENTRIES);
        let lost = Lost::of("lines of the content log");
        let of_writer = lost.clone();
        let thread = std::thread::Builder::new()
            .name("content".to_owned())
            .spawn(move || write_all(&entries, output, &of_writer))?;
        let log = Self {
            queue: queue.clone(),
            room: Room::default(),
            lost,
        };
        Ok((log, ContentWriter { thread, queue }))
    }

    /// Begins to keep a request, with its body where that is JSON.
    pub fn begin(&self, rules: &Arc<ContentRules>, body: Option<&[u8]>) -> Option<Box<Capture>> {
        let capture = Capture::new(rules, &self.room, body);
        if capture.is_none() {
            let why = "more prompts and answers are under way than there is room for";
            self.lost.count(1, &why);
        }
        capture.map(Box::new)
    }

    /// Writes a request that has ended.
    pub fn write(&self, capture: Box<Capture>, record: Arc<UsageRecord>) {
        let entry = Entry::Content(capture, record);
        if self.queue.try_send(entry).is_err() {
            self.lost.count(1, &"they are not written fast enough");
        }
    }

    /// How many were lost, shared with the metrics.
    pub fn lost(&self) -> Arc<AtomicU64> {
        self.lost.shared()
    }
}

fn write_all(entries: &Receiver<Entry>, mut output: Output<io::Sink>, lost: &Lost) {
    let mut swept: Option<Instant> = None;
    loop {
        let first = match entries.recv_timeout(SWEEP_INTERVAL) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut next = first;
        while let Some(entry) = next {
            let Entry::Content(capture, record) = entry else {
                if let Err(error) = output.flush() {
                    lost.count(output.waiting_lines(), &error);
                }
                return;
            };
            let content = capture.finish();
            if let Err(error) = write_line(&mut output, &content, &record) {
                lost.count(1, &error);
            }
            next = entries.try_recv().ok();
        }
        if let Err(error) = output.flush() {
            // The lines wait, and are tried again with the next ones.
            tracing::error!(%error, "the content log can't be written");
        }
        if swept.is_none_or(|at| at.elapsed() >= SWEEP_INTERVAL) {
            swept = Some(Instant::now());
            if let Err(error) = output.sweep(SystemTime::now()) {
                tracing::error!(%error, "what is too old in the content log can't be deleted");
            }
        }
    }
}

fn write_line(
    output: &mut Output<io::Sink>,
    content: &Content,
    record: &UsageRecord,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(&ContentLine::of(content, record))?;
    line.push(b'\n');
    output.line(&line)
}

/// A line; docs/content-log.md lists the members.
#[derive(Serialize)]
struct ContentLine<'a> {
    event: &'static str,
    time: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    client: &'a str,
    user: Option<&'a str>,
    key_id: Option<&'a str>,
    product: Option<&'a str>,
    operation: &'static str,
    deployment: Option<&'a str>,
    model: Option<&'a str>,
    backend: &'a str,
    stream: bool,
    status: Option<u16>,
    request: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_left_out: Option<&'static str>,
    response: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_left_out: Option<&'static str>,
    redactions: u64,
    cut: bool,
}

impl<'a> ContentLine<'a> {
    fn of(content: &'a Content, record: &'a UsageRecord) -> Self {
        let left_out = |part: &Part| part.as_ref().err().copied().map(LeftOut::as_str);
        Self {
            event: "content",
            time: rfc3339(record.started),
            request_id: &record.request_id,
            trace_id: record.trace_id.map(|id| id.to_string()),
            client: &record.client,
            user: record.user.as_deref(),
            key_id: record.key_id.as_deref(),
            product: record.product.as_deref(),
            operation: record.operation.as_str(),
            deployment: record.deployment.as_deref(),
            model: record.model.as_deref(),
            backend: &record.backend,
            stream: record.stream,
            status: record.status,
            request: content.request.as_ref().ok(),
            request_left_out: left_out(&content.request),
            response: content.response.as_ref().ok(),
            response_left_out: left_out(&content.response),
            redactions: content.redactions,
            cut: content.is_cut,
        }
    }
}
