//! Records as CloudEvents, in batches over HTTP
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#33-batched-content-mode>).

use std::path::Path;

use reqwest::Url;
use tokio::time::sleep;

use crate::config::read_file;
use crate::events::{CloudEvent, Collector, Failure, Head, Target};
use crate::usage::LedgerRow;

/// The type of our events; another number if their data ever changes.
const EVENT_TYPE: &str = "dev.tollgate.usage.v1";
const BATCH_TYPE: &str = "application/cloudevents-batch+json; charset=utf-8";

/// Takes batches of records.
pub(super) struct Batches {
    collector: Collector,
    target: Target,
}

fn event(row: &LedgerRow) -> CloudEvent<'_, &LedgerRow> {
    let head = Head {
        kind: EVENT_TYPE,
        source: format!("/tollgate/backends/{}", row.backend),
        id: row.record_id().map(|id| id.to_string()).unwrap_or_default(),
        time_ms: row.started_ms,
        subject: &row.client,
    };
    CloudEvent::new(head, row)
}

impl Batches {
    pub(super) fn new(url: &Url, bearer_file: Option<&Path>) -> Result<Self, String> {
        let token = bearer_file.map(|file| read_file(file, Path::new("")));
        let token = token.transpose()?;
        let target = Target::parse(url.as_str(), token);
        Ok(Self {
            collector: Collector::new()?,
            target: target.map_err(|error| format!("--to-url: {error}"))?,
        })
    }

    /// Whether the collector is there at all.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn reach(&self) -> Result<(), String> {
        self.collector.reach(&self.target).await
    }

    /// Sends a batch, again and again until the collector takes it: at least once. What it refuses for
    /// good is an error.
    pub(super) async fn send(&self, rows: &[LedgerRow]) -> Result<(), String> {
        let events: Vec<_> = rows.iter().map(event).collect();
        let body = serde_json::to_vec(&events).map_err(|error| error.to_string())?;
        let mut retries = Collector::retries();
        loop {
            let posted = self.collector.post(&self.target, BATCH_TYPE, body.clone());
            match posted.await {
                Ok(()) => return Ok(()),
                Err(refused @ Failure::Refused(_)) => return Err(refused.to_string()),
                Err(Failure::Unavailable(why)) => {
                    tracing::warn!(why, "the collector will be tried again");
                    sleep(retries.pause()).await;
                }
            }
        }
    }
}
