//! What is a line, and that each is written or counted.

use std::sync::atomic::Ordering;
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

/// Nobody reads it any more.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn each_line_that_can_not_be_written_is_counted_and_the_end_waits_for_none() {
    let (log, writer) = AuditLog::start(Closed).expect("a thread");
    for _ in 0..1000 {
        log.refused(Refused {
            context: RequestContext::at(SystemTime::UNIX_EPOCH),
            reason: "key_unknown",
            status: 401,
        });
    }
    writer.finish();
    assert_eq!(log.lost().load(Ordering::Relaxed), 1000);
}

#[test]
fn lines_that_a_full_disk_does_not_take_are_counted_and_standard_output_has_them() {
    let file = LogFile {
        path: "/dev/full".into(),
        // It is never put aside.
        max_bytes: u64::MAX,
        keep: 0,
        max_age: None,
    };
    let output = Shared::default();
    let (log, writer) = AuditLog::start_with(output.clone(), Some(file), None).expect("a thread");
    for _ in 0..1000 {
        log.refused(Refused {
            context: RequestContext::at(SystemTime::UNIX_EPOCH),
            reason: "key_unknown",
            status: 401,
        });
    }
    writer.finish();
    let written = output.0.lock().expect("no poison").clone();
    let lines = written.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!((lines, log.lost().load(Ordering::Relaxed)), (1000, 1000));
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
