//! The lines that a child process has written so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::wait::wait_for;

/// A growing list of lines; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// Collects what `source` gives, until it ends. A pipe that nobody reads would block its writer.
    pub(super) fn collect(source: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines = Self::default();
        let shared = lines.clone();
        tokio::spawn(async move {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while let Ok(1..) = source.read_until(b'\n', &mut line).await {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                shared.lock().push(text);
                line.clear();
            }
        });
        lines
    }

    /// All lines so far.
    pub fn all(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// All lines so far that are JSON.
    pub fn json(&self) -> Vec<Value> {
        let lines = self.lock();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The first line of JSON, written or still to come, that `fits`.
    ///
    /// # Panics
    /// When none comes before the deadline; shows what came instead.
    pub async fn wait_for_json(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, async || {
            self.json().into_iter().find(|line| fits(line))
        })
        .await
    }

    /// As many lines of JSON as asked for, in their order.
    ///
    /// # Panics
    /// When they don't come before the deadline.
    pub async fn wait_for_count(&self, what: &str, count: usize) -> Vec<Value> {
        wait_for(what, async || {
            Some(self.json()).filter(|lines| lines.len() >= count)
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
