//! Files and batches: kept, and given to whoever asks with the resource's identity, as Azure does.
//! A batch is done as soon as somebody looks.

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
    batches: HashMap<String, Value>,
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
            return match is_batch {
                true => shelf.make_batch(body),
                false => shelf.make_file(parts, body),
            };
        };
        match is_batch {
            true => shelf.batch(&id, action),
            false => shelf.file(&id, action),
        }
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

    fn make_batch(&mut self, body: &[u8]) -> Result<Said, ApiError> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| ApiError::invalid(error.to_string()))?;
        let input = body["input_file_id"].as_str().unwrap_or_default();
        if !self.files.contains_key(input) {
            return Err(ApiError::invalid("no such file"));
        }
        let id = with_prefix("batch_");
        let batch = json!({
            "id": id, "object": "batch", "endpoint": body["endpoint"], "input_file_id": input,
            "completion_window": "24h", "status": "validating", "output_file_id": null,
            "error_file_id": null, "created_at": unix_seconds(),
        });
        self.batches.insert(id, batch.clone());
        Ok(Said::Json(batch.to_string()))
    }

    fn batch(&mut self, id: &str, action: ObjectAction) -> Result<Said, ApiError> {
        let mut batch = self.batches.get(id).cloned().ok_or(ApiError::NotFound)?;
        if action == ObjectAction::Cancel {
            batch["status"] = "cancelling".into();
        } else if batch["output_file_id"].is_null() {
            let output = self.keep("batch_output", b"{\"custom_id\":\"1\"}\n".to_vec());
            batch["output_file_id"] = output["id"].clone();
            batch["status"] = "completed".into();
        }
        self.batches.insert(id.to_owned(), batch.clone());
        Ok(Said::Json(batch.to_string()))
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
