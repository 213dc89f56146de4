//! Files and batches: kept, and given to whoever asks with the resource's identity, as Azure does.
//! A batch's lines are answered and billed when it is made, and it is done as soon as somebody looks.

use super::errors::ApiError;
use super::reply::Said;
use super::route::ObjectAction;
use crate::fakes::unique::{unix_seconds, with_prefix};
use http::request::Parts;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct File {
    shown: Value,
    content: Vec<u8>,
}

#[derive(Debug, Default)]
struct Shelf {
    files: HashMap<String, File>,
    batches: HashMap<String, Batch>,
    /// No batch ends.
    held: bool,
}

#[derive(Debug)]
struct Batch {
    shown: Value,
    lines: Answered,
}

/// What the lines of a batch have come to: those that were answered, and those that failed.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
}

/// The files and batches of one fake.
#[derive(Debug, Default)]
pub(super) struct ObjectStore(Mutex<Shelf>);

impl ObjectStore {
    /// Does something with a file or a batch.
    pub(super) fn act(
        &self,
        is_batch: bool,
        id: Option<String>,
        action: ObjectAction,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Said, ApiError> {
        let mut shelf = self.lock();
        let Some(id) = id else {
            return shelf.make_file(parts, body);
        };
        match is_batch {
            true => shelf.batch(&id, action),
            false => shelf.file(&id, action),
        }
    }

    /// The lines of the file that a batch is made of.
    pub(super) fn lines(&self, body: &[u8]) -> Result<Vec<Value>, ApiError> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))?;
        let shelf = self.lock();
        let input = body["input_file_id"].as_str().unwrap_or_default();
        let file = shelf.files.get(input);
        let file = file.ok_or_else(|| ApiError::invalid("no such file"))?;
        let lines = file.content.split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice(line).ok());
        Ok(lines.collect())
    }

    /// Makes a batch, whose lines have been answered.
    pub(super) fn make_batch(&self, body: &[u8], lines: Answered) -> Said {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = with_prefix("batch_");
        let shown = json!({
            "id": id, "object": "batch", "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"], "completion_window": "24h",
            "status": "validating", "output_file_id": null, "error_file_id": null,
            "created_at": unix_seconds(),
        });
        let said = Said::Json(shown.to_string());
        self.lock().batches.insert(id, Batch { shown, lines });
        said
    }

    /// Whether batches go on for ever.
    pub(super) fn hold(&self, held: bool) {
        self.lock().held = held;
    }

    pub(super) fn clear(&self) {
        *self.lock() = Shelf::default();
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn keep(&mut self, purpose: &str, content: Vec<u8>) -> Value {
        let id = with_prefix("file-");
        let shown = json!({
            "id": id, "object": "file", "bytes": content.len(), "created_at": unix_seconds(),
            "filename": "input.jsonl", "purpose": purpose, "status": "processed",
        });
        let file = File {
            shown: shown.clone(),
            content,
        };
        self.files.insert(id, file);
        shown
    }

    fn make_file(&mut self, parts: &Parts, body: &[u8]) -> Result<Said, ApiError> {
        let content_type = parts.headers.get("content-type");
        let boundary = content_type
            .and_then(|it| {
                it.to_str()
                    .ok()?
                    .strip_prefix("multipart/form-data; boundary=")
            })
            .ok_or_else(|| ApiError::invalid("a file comes in a form"))?;
        let file = self::parts(boundary, body).find(|(_, is_file, _)| *is_file);
        let (_, _, content) = file.ok_or_else(|| ApiError::invalid("'file' is required"))?;
        let shown = self.keep("batch", content.to_vec());
        Ok(Said::Json(shown.to_string()))
    }

    fn batch(&mut self, id: &str, action: ObjectAction) -> Result<Said, ApiError> {
        let mut batch = self.batches.remove(id).ok_or(ApiError::NotFound)?;
        let shown = &mut batch.shown;
        let is_over = !shown["completed_at"].is_null();
        if action == ObjectAction::Cancel && !is_over {
            shown["status"] = "cancelling".into();
        } else if self.held && !is_over {
            shown["status"] = "in_progress".into();
        } else if !is_over {
            let is_cancelled = shown["status"] == "cancelling";
            shown["status"] = if is_cancelled {
                "cancelled"
            } else {
                "completed"
            }
            .into();
            shown["completed_at"] = unix_seconds().into();
            for (name, content) in [
                ("output_file_id", std::mem::take(&mut batch.lines.output)),
                ("error_file_id", std::mem::take(&mut batch.lines.errors)),
            ] {
                if !content.is_empty() {
                    batch.shown[name] = self.keep("batch_output", content)["id"].clone();
                }
            }
        }
        let said = Said::Json(batch.shown.to_string());
        self.batches.insert(id.to_owned(), batch);
        Ok(said)
    }

    fn file(&mut self, id: &str, action: ObjectAction) -> Result<Said, ApiError> {
        let file = self.files.get(id).ok_or(ApiError::NotFound)?;
        if action == ObjectAction::Content {
            let content = file.content.clone();
            return Ok(Said::Bytes("application/octet-stream", content));
        }
        let shown = file.shown.to_string();
        if action == ObjectAction::Delete {
            self.files.remove(id);
            let deleted = json!({"id": id, "object": "file", "deleted": true});
            return Ok(Said::Json(deleted.to_string()));
        }
        Ok(Said::Json(shown))
    }
}

/// The parts of a form: name, whether it is a file, content. Lenient, as many servers are.
pub(super) fn parts<'a>(
    boundary: &str,
    body: &'a [u8],
) -> impl Iterator<Item = (String, bool, &'a [u8])> {
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let mut ends: Vec<usize> = memchr::memmem::find_iter(body, &delimiter).collect();
    ends.push(body.len());
    let starts: Vec<_> = ends
        .windows(2)
        .map(|two| (two[0] + delimiter.len(), two[1]))
        .collect();
    starts.into_iter().filter_map(move |(start, end)| {
        let part = body.get(start..end)?;
        let head_end = memchr::memmem::find(part, b"\r\n\r\n")?;
        let (head, content) = part.split_at(head_end);
        let head = String::from_utf8_lossy(head).into_owned();
        let (_, rest) = head.split_once("name=\"")?;
        let name = rest.split('"').next()?.to_owned();
        let content = content.get(4..)?;
        let content = content.strip_suffix(b"\r\n").unwrap_or(content);
        Some((name, head.contains("filename"), content))
    })
}
