//! A stream, event by event, as it arrives.

use reqwest::Response;
use serde_json::Value;
use tollgate_integration::stack::Failure;

/// The events of an answer. Ends a line in LF only, as Azure does.
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

/// One event, without the empty line that ends it.
pub struct Event(String);

impl Events {
    pub fn of(response: Response) -> Self {
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next event, or nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let end = self.buffer.windows(2).position(|pair| pair == b"\n\n");
            if let Some(end) = end {
                let event: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return Ok(Some(Event(String::from_utf8_lossy(&event).into_owned())));
            }
            let piece = self.response.chunk().await;
            match piece.map_err(|error| Failure::new("the stream", error))? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

impl Event {
    /// The event as it came.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its data, if that is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(self.0.strip_prefix("data: ")?).ok()
    }

    /// The text that a chat's event adds to the answer.
    pub fn content(&self) -> String {
        let event = self.json().unwrap_or_default();
        let content = event["choices"][0]["delta"]["content"].as_str();
        content.unwrap_or_default().to_owned()
    }
}
