//! Records as CloudEvents, in batches over HTTP
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#33-batched-content-mode>).

use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::usage::{LedgerRow, rfc3339};

/// The type of our events; another number if their data ever changes.
const EVENT_TYPE: &str = "dev.tollgate.usage.v1";
const BATCH_TYPE: &str = "application/cloudevents-batch+json; charset=utf-8";
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// A collector of events.
pub(super) struct Collector {
    http: reqwest::Client,
    url: Url,
    token: Option<SecretString>,
}

#[derive(Serialize)]
struct Event<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    time: String,
    subject: &'a str,
    datacontenttype: &'static str,
    data: &'a LedgerRow,
}

impl<'a> Event<'a> {
    fn of(row: &'a LedgerRow) -> Self {
        Self {
            specversion: "1.0",
            id: row.record_id().map(|id| id.to_string()).unwrap_or_default(),
            source: format!("/tollgate/backends/{}", row.backend),
            kind: EVENT_TYPE,
            time: rfc3339(row.started_ms),
            subject: &row.client,
            datacontenttype: "application/json",
            data: row,
        }
    }
}

impl Collector {
    pub(super) fn new(url: Url, bearer_file: Option<&Path>) -> Result<Self, String> {
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok::<_, String>(SecretString::from(text.trim().to_owned()))
        };
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            url,
            token: bearer_file.map(read).transpose()?,
        })
    }

    /// Sends a batch, again and again until the collector takes it: at least once. What it refuses for
    /// good (4xx but 408 and 429) is an error.
    pub(super) async fn send(&self, rows: &[LedgerRow]) -> Result<(), String> {
        let events: Vec<_> = rows.iter().map(Event::of).collect();
        let body = serde_json::to_vec(&events).map_err(|error| error.to_string())?;
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            let mut request = self
                .http
                .post(self.url.clone())
                .header(CONTENT_TYPE, HeaderValue::from_static(BATCH_TYPE));
            if let Some(token) = &self.token {
                request = request.bearer_auth(token.expose_secret());
            }
            let why = match request.body(body.clone()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    if matches!(status, 300..=499) && !matches!(status, 408 | 429) {
                        return Err(format!("the collector refuses the events: {status}"));
                    }
                    format!("the collector answers {status}")
                }
                Err(error) => error.without_url().to_string(),
            };
            tracing::warn!(why, "the collector is tried again");
            sleep(backoff.pause()).await;
        }
    }
}
