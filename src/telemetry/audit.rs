//! The audit log: one JSON object a line on standard output, for each request.
//!
//! Lines are written by a thread of their own, so that a slow reader of the output delays no
//! request. The queue is bounded; a line that finds it full, or that can't be written, is counted as lost
//! and reported in the service's log.

mod key;
mod recomputed;
mod refused;
mod usage;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::log_file::{LogFile, Output, Rotating};
use super::lost::Lost;
use crate::auth::IssuedKey;
use crate::control::{KeyAction, Recomputed};
use crate::telemetry::trace::{TracePoint, current};
use crate::usage::UsageRecord;

use key::KeyLine;
pub use recomputed::line as recomputed_line;
use refused::RefusedLine;
pub use refused::{Refused, RequestContext};
use usage::UsageLine;

/// Lines that may wait to be written: about 20 MB.
const QUEUE_LINES: usize = 65_536;

/// How long lines are gathered before they are written together.
const GATHER_INTERVAL: Duration = Duration::from_millis(5);

/// What lines are written of.
pub(super) enum Entry {
    /// And where in its trace the request was.
    Usage(Arc<UsageRecord>, Option<TracePoint>),
    Refused(Box<Refused>),
    Key(KeyAction, Box<IssuedKey>, Option<Arc<str>>),
    Recomputed(Box<Recomputed>, String, SystemTime),
    End,
}

/// What takes an entry, and its line without its end.
type Take = Box<dyn FnMut(&Entry, &[u8]) + Send>;

/// Who gets each line as well. It may wait for nothing.
pub struct AlsoTo(Take);

impl AlsoTo {
    pub(super) fn new(take: impl FnMut(&Entry, &[u8]) + Send + 'static) -> Self {
        Self(Box::new(take))
    }
}

/// The audit log.
pub struct AuditLog {
    queue: SyncSender<Entry>,
    lost: Lost,
}

/// The thread that writes.
pub struct AuditWriter {
    thread: JoinHandle<()>,
    queue: SyncSender<Entry>,
}

impl AuditWriter {
    /// Waits until every line that has been sent is written.
    pub fn finish(self) {
        let is_writing = self.queue.send(Entry::End).is_ok();
        if !is_writing || self.thread.join().is_err() {
            tracing::error!("the audit log's writer has failed");
        }
    }
}

impl AuditLog {
    /// Starts a log that writes to `output`.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<(Self, AuditWriter)> {
        Self::start_with(output, None, None)
    }

    /// Starts a log that writes to `output`, and to a file and to somebody else besides it.
    ///
    /// # Errors
    /// The system's, if it gives no thread, or the file can't be written.
    pub fn start_with(
        output: impl Write + Send + 'static,
        file: Option<LogFile>,
        also_to: Option<AlsoTo>,
    ) -> io::Result<(Self, AuditWriter)> {
        let file = file.map(Rotating::open).transpose()?;
        let output = Output::new(output, file);
        let (queue, entries) = sync_channel(QUEUE_LINES);
        let lost = Lost::of("audit lines");
        let of_writer = lost.clone();
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(&entries, output, also_to, &of_writer))?;
        let log = Self {
            queue: queue.clone(),
            lost,
        };
        Ok((log, AuditWriter { thread, queue }))
    }

    /// Writes a usage record.
    pub fn usage(&self, record: Arc<UsageRecord>) {
        self.send(Entry::Usage(record, current()));
    }

    /// Writes a refusal.
    pub fn refused(&self, refused: Refused) {
        self.send(Entry::Refused(Box::new(refused)));
    }

    /// Writes a change of a key; `key.changed` says by whom and when, `from` whose it was before it was moved.
    pub fn key_changed(&self, action: KeyAction, key: IssuedKey, from: Option<Arc<str>>) {
        self.send(Entry::Key(action, Box::new(key), from));
    }

    /// Writes that costs were computed anew, and by whom.
    pub fn recomputed(&self, recomputed: Recomputed, by: &str) {
        let at = SystemTime::now();
        self.send(Entry::Recomputed(Box::new(recomputed), by.to_owned(), at));
    }

    /// How many lines were lost, shared with the metrics.
    pub fn lost(&self) -> Arc<AtomicU64> {
        self.lost.shared()
    }

    fn send(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.lost.count(1, &"they are not written fast enough");
        }
    }
}

fn write_all(
    entries: &Receiver<Entry>,
    mut output: Output<impl Write>,
    mut also_to: Option<AlsoTo>,
    lost: &Lost,
) {
    let mut line = Vec::new();
    let mut failures: u64 = 0;
    while let Ok(first) = entries.recv() {
        let mut next = Some(first);
        while let Some(entry) = next {
            if matches!(entry, Entry::End) {
                if let Err(error) = output.flush() {
                    lost.count(output.waiting_lines(), &error);
                }
                return;
            }
            let written = write_line(&mut line, &entry).and_then(|()| {
                if let Some(AlsoTo(take)) = &mut also_to {
                    take(&entry, &line);
                }
                line.push(b'\n');
                output.line(&line)
            });
            if let Err(error) = written {
                lost.count(1, &error);
            }
            next = entries.try_recv().ok();
        }
        match output.flush() {
            Ok(()) => failures = 0,
            // The lines wait, and are tried again with the next ones.
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, "audit lines can't be written");
                }
            }
        }
        // Under load, one wake-up and one write for many lines instead of one for each.
        std::thread::sleep(GATHER_INTERVAL);
    }
}

/// The line of an entry, without its end.
fn write_line(line: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    line.clear();
    match entry {
        Entry::Usage(record, _) => serde_json::to_writer(&mut *line, &UsageLine::of(record))?,
        Entry::Refused(refused) => serde_json::to_writer(&mut *line, &RefusedLine::of(refused))?,
        Entry::Key(action, key, from) => {
            serde_json::to_writer(&mut *line, &KeyLine::of(*action, key, from.as_deref()))?;
        }
        Entry::Recomputed(recomputed, by, at) => {
            line.extend_from_slice(recomputed_line(recomputed, by, *at)?.as_bytes());
        }
        Entry::End => {}
    }
    Ok(())
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests;
