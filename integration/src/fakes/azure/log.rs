//! What the fake was sent, word for word, for tests to look into.

use bytes::Bytes;
use http::request::Parts;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Older requests are forgotten.
const MAX_REQUESTS: usize = 2000;

/// Older requests are forgotten when the bodies are more than this.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// A request as it arrived.
#[derive(Debug, Clone, Serialize)]
pub struct RecordedRequest {
    /// The number of its entry in the ledger.
    pub sequence: u64,
    /// The method.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
}

impl RecordedRequest {
    pub(super) fn new(sequence: u64, parts: &Parts, body: Bytes) -> Self {
        let path = parts.uri.path_and_query().map(|path| path.as_str());
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Self {
            sequence,
            method: parts.method.to_string(),
            path: path.unwrap_or_default().to_owned(),
            headers: headers.collect(),
            body,
        }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn as_text<S: serde::Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

#[derive(Debug, Default)]
struct Kept {
    requests: VecDeque<RecordedRequest>,
    body_bytes: usize,
}

/// The last requests.
#[derive(Debug, Default)]
pub(super) struct RequestLog(Mutex<Kept>);

impl RequestLog {
    pub(super) fn push(&self, request: RecordedRequest) {
        let mut kept = self.lock();
        kept.body_bytes += request.body.len();
        kept.requests.push_back(request);
        while kept.requests.len() > MAX_REQUESTS || kept.body_bytes > MAX_BODY_BYTES {
            let Some(oldest) = kept.requests.pop_front() else {
                break;
            };
            kept.body_bytes -= oldest.body.len();
        }
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
