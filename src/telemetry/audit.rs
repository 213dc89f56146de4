//! The audit log: one JSON object a line on standard output, for each request.
//!
//! Lines are written by a thread of their own, so that a slow reader of the output delays no
//! request. The queue is bounded; a line that finds it full is counted as lost and reported in the
//! service's log.

mod file;
mod recomputed;
mod refused;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::auth::IssuedKey;
use crate::control::{KeyAction, Recomputed};
use crate::usage::{FinishReason, UsageRecord};

pub use file::AuditFile;
use file::{Output, Rotating};
pub use recomputed::line as recomputed_line;
use refused::RefusedLine;
pub use refused::{Refused, RequestContext};

/// Lines that may wait to be written: about 20 MB.
const QUEUE_LINES: usize = 65_536;

/// How long lines are gathered before they are written together.
const GATHER_INTERVAL: Duration = Duration::from_millis(5);

enum Entry {
    Usage(Arc<UsageRecord>),
    Refused(Box<Refused>),
    Key(KeyAction, Box<IssuedKey>, Option<Arc<str>>),
    Recomputed(Box<Recomputed>, String, SystemTime),
    End,
}

/// The audit log.
pub struct AuditLog {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
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
        Self::start_with(output, None)
    }

    /// Starts a log that writes to `output`, and to a file besides it.
    ///
    /// # Errors
    /// The system's, if it gives no thread, or the file can't be written.
    pub fn start_with(
        output: impl Write + Send + 'static,
        file: Option<AuditFile>,
    ) -> io::Result<(Self, AuditWriter)> {
        let file = file.map(Rotating::open).transpose()?;
        let output = Output::new(io::BufWriter::new(output), file);
        let (queue, entries) = sync_channel(QUEUE_LINES);
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_all(&entries, output))?;
        let log = Self {
            queue: queue.clone(),
            lost: Arc::default(),
        };
        Ok((log, AuditWriter { thread, queue }))
    }

    /// Writes a usage record.
    pub fn usage(&self, record: Arc<UsageRecord>) {
        self.send(Entry::Usage(record));
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
        Arc::clone(&self.lost)
    }

    fn send(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::error!(
                    lost,
                    "audit lines are lost: standard output is not read fast enough"
                );
            }
        }
    }
}

fn write_all(entries: &Receiver<Entry>, mut output: Output<impl Write>) {
    let mut line = Vec::new();
    while let Ok(first) = entries.recv() {
        let mut next = Some(first);
        while let Some(entry) = next {
            match write_line(&mut output, &mut line, &entry) {
                Ok(()) if matches!(entry, Entry::End) => return,
                Ok(()) => {}
                Err(error) => tracing::error!(%error, "an audit line could not be written"),
            }
            next = entries.try_recv().ok();
        }
        if let Err(error) = output.flush() {
            tracing::error!(%error, "audit lines could not be written");
        }
        // Under load, one wake-up and one write for many lines instead of one for each.
        std::thread::sleep(GATHER_INTERVAL);
    }
}

fn write_line(
    output: &mut Output<impl Write>,
    line: &mut Vec<u8>,
    entry: &Entry,
) -> io::Result<()> {
    line.clear();
    match entry {
        Entry::Usage(record) => serde_json::to_writer(&mut *line, &UsageLine::of(record))?,
        Entry::Refused(refused) => serde_json::to_writer(&mut *line, &RefusedLine::of(refused))?,
        Entry::Key(action, key, from) => {
            serde_json::to_writer(&mut *line, &KeyLine::of(*action, key, from.as_deref()))?;
        }
        Entry::Recomputed(recomputed, by, at) => {
            line.extend_from_slice(recomputed_line(recomputed, by, *at)?.as_bytes());
        }
        Entry::End => return output.flush(),
    }
    line.push(b'\n');
    output.line(line)
}

/// A usage record as it is written; docs/metering.md lists the members.
#[derive(Serialize)]
struct UsageLine<'a> {
    event: &'static str,
    time: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    client: &'a str,
    user: Option<&'a str>,
    credential: &'a str,
    key_id: Option<&'a str>,
    product: Option<&'a str>,
    operation: &'static str,
    deployment: Option<&'a str>,
    model: Option<&'a str>,
    backend: &'a str,
    stream: bool,
    status: Option<u16>,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cached_tokens: u64,
    reasoning_tokens: u64,
    #[serde(flatten)]
    details: Details<'a>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_reason: Option<&'static str>,
    service_tier: Option<&'a str>,
    finish_reason: Option<&'static str>,
    filtered: bool,
    system_fingerprint: Option<&'a str>,
    attempts: u32,
    request_bytes: u64,
    response_bytes: Option<u64>,
    duration_ms: f64,
    time_to_first_token_ms: Option<f64>,
    time_per_output_token_ms: Option<f64>,
}

/// Counts that few requests have; zeros are left out.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    audio_input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    audio_output_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    accepted_prediction_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    rejected_prediction_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    images: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    audio_ms: u64,
    #[serde(skip_serializing_if = "is_zero")]
    characters: u64,
}

impl<'a> Details<'a> {
    fn of(record: &'a UsageRecord) -> Self {
        let (tokens, units) = (&record.tokens, &record.units);
        Self {
            audio_input_tokens: tokens.audio_input,
            audio_output_tokens: tokens.audio_output,
            image_input_tokens: tokens.image_input,
            accepted_prediction_tokens: tokens.accepted_prediction,
            rejected_prediction_tokens: tokens.rejected_prediction,
            images: units.images,
            image_size: units.image_size.as_deref(),
            image_quality: units.image_quality.as_deref(),
            audio_ms: units.audio_ms,
            characters: units.characters,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'a> UsageLine<'a> {
    fn of(record: &'a UsageRecord) -> Self {
        Self {
            event: "usage",
            time: rfc3339(record.started),
            request_id: &record.request_id,
            trace_id: record.trace_id.map(|id| id.to_string()),
            client: &record.client,
            user: record.user.as_deref(),
            credential: record.credential,
            key_id: record.key_id.as_deref(),
            product: record.product.as_deref(),
            operation: record.operation.as_str(),
            deployment: record.deployment.as_deref(),
            model: record.model.as_deref(),
            backend: &record.backend,
            stream: record.stream,
            status: record.status,
            input_tokens: record.tokens.input,
            output_tokens: record.tokens.output,
            total_tokens: record.tokens.total,
            cached_tokens: record.tokens.cached_input,
            reasoning_tokens: record.tokens.reasoning,
            details: Details::of(record),
            source: record.source.as_str(),
            source_reason: record.source.reason(),
            service_tier: record.service_tier.as_deref(),
            finish_reason: record.outcome.finish_reason.map(FinishReason::as_str),
            filtered: record.outcome.filtered,
            system_fingerprint: record.outcome.system_fingerprint.as_deref(),
            attempts: record.outcome.attempts,
            request_bytes: record.outcome.request_bytes,
            response_bytes: record.outcome.response_bytes,
            duration_ms: milliseconds(record.duration),
            time_to_first_token_ms: record.time_to_first_token.map(milliseconds),
            time_per_output_token_ms: record.time_per_output_token().map(milliseconds),
        }
    }
}

/// A change of a key that was issued at run time; docs/authentication.md lists the members.
#[derive(Serialize)]
struct KeyLine<'a> {
    event: &'static str,
    time: String,
    action: &'static str,
    key: &'a str,
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    slot: &'static str,
    state: &'static str,
    not_before: Option<String>,
    not_after: Option<String>,
    by: &'a str,
}

impl<'a> KeyLine<'a> {
    fn of(action: KeyAction, key: &'a IssuedKey, from: Option<&'a str>) -> Self {
        Self {
            event: "key",
            time: rfc3339(key.changed.at),
            action: action.as_str(),
            key: key.id.as_str(),
            client: key.client.as_str(),
            from,
            slot: key.slot.as_str(),
            state: key.validity.state.as_str(),
            not_before: key.validity.not_before.map(rfc3339),
            not_after: key.validity.not_after.map(rfc3339),
            by: &key.changed.by,
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::access::{Client, ClientId, Target};
    use crate::auth::{Caller, CredentialKind, KeySlot};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of these refusals.
    fn written(refusals: impl IntoIterator<Item = Refused>) -> Vec<serde_json::Value> {
        let output = Shared::default();
        let (log, writer) = AuditLog::start(output.clone()).expect("a thread");
        for refused in refusals {
            log.refused(refused);
        }
        writer.finish();
        let written = output.0.lock().expect("no poison").clone();
        let lines = String::from_utf8(written).expect("text");
        let json = |line| serde_json::from_str(line).expect("JSON");
        lines.lines().map(json).collect()
    }

    #[test]
    fn every_entry_is_one_line_of_json_and_none_is_lost_at_the_end() {
        let refused = Refused {
            context: RequestContext {
                request_id: "id\n\"1\"".into(),
                ..RequestContext::at(SystemTime::UNIX_EPOCH)
            },
            reason: "key_unknown",
            status: 401,
        };
        let lines = written(std::iter::repeat_n(refused, 1000));
        assert_eq!(lines.len(), 1000, "a line break in a value is escaped");
        for line in lines {
            assert_eq!(line["reason"], "key_unknown");
            assert_eq!(line["time"], "1970-01-01T00:00:00Z");
        }
    }

    #[test]
    fn a_refusal_says_what_was_known_of_the_request_by_then() {
        let target = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
        let target = Target::parse("POST", target).expect("a path");
        let mut context = RequestContext::at(SystemTime::UNIX_EPOCH);
        let refused = |context: &RequestContext| Refused {
            context: context.clone(),
            reason: "outside_hours",
            status: 403,
        };
        let nothing = refused(&context);
        context.target(&target);
        let a_path = refused(&context);
        context.caller(&Caller {
            client: Arc::new(Client::new(ClientId::new("app"), Vec::new())),
            credential: CredentialKind::Key(KeySlot::Secondary),
            key: None,
            user: None,
            entitlements: None,
        });
        let lines = written([nothing, a_path, refused(&context)]);
        let members = ["client", "credential", "operation", "deployment", "product"];
        let said = |line: &serde_json::Value| members.map(|member| line[member].clone());
        let said: Vec<_> = lines.iter().map(said).collect();
        assert_eq!(
            serde_json::json!(said),
            serde_json::json!([
                [null, null, null, null, null],
                [null, null, "chat.completions", "gpt-4o", null],
                ["app", "key.secondary", "chat.completions", "gpt-4o", null],
            ])
        );
    }
}
