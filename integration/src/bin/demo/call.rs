//! One request of the tour: shown as the command that one could type, and sent.

use std::fmt;

use reqwest::Response;
use serde_json::Value;
use tollgate_integration::stack::{Callers, Failure};

/// A POST with a JSON body.
pub struct Call {
    path: String,
    headers: Vec<Header>,
    body: Value,
    pipe: Option<&'static str>,
}

struct Header {
    name: &'static str,
    /// With the name of a shell variable where the value is long.
    shown: String,
    sent: String,
}

/// What came back, read whole.
pub struct Answer {
    pub status: u16,
    pub request_id: String,
    pub body: Value,
}

impl Answer {
    /// `error.code` of a refusal.
    pub fn error_code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

impl Call {
    /// A request that says nothing yet of who is asking.
    pub fn post(path: &str, body: Value) -> Self {
        Self {
            path: path.to_owned(),
            headers: Vec::new(),
            body,
            pipe: None,
        }
    }

    /// Adds a header.
    pub fn header(self, name: &'static str, value: &str) -> Self {
        self.header_as(name, value, value)
    }

    /// Adds a header that the reader sees as `shown`, such as `$KEY`.
    pub fn header_as(mut self, name: &'static str, shown: &str, sent: &str) -> Self {
        self.headers.push(Header {
            name,
            shown: shown.to_owned(),
            sent: sent.to_owned(),
        });
        self
    }

    /// Shows the command with its output piped into another one.
    pub fn piped(mut self, command: &'static str) -> Self {
        self.pipe = Some(command);
        self
    }

    /// Sends it, and gives the answer as it begins.
    pub async fn send(&self, callers: &Callers) -> Result<Response, Failure> {
        let request = callers.http1().post(callers.url(&self.path));
        let request = self.headers.iter().fold(request, |request, header| {
            request.header(header.name, &header.sent)
        });
        let sent = request.json(&self.body).send().await;
        sent.map_err(|error| Failure::new(&self.path, error))
    }

    /// Sends it and reads the answer, which is JSON.
    pub async fn answer(&self, callers: &Callers) -> Result<Answer, Failure> {
        let response = self.send(callers).await?;
        let status = response.status().as_u16();
        let id = response.headers().get("x-request-id");
        let request_id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        Ok(Answer {
            status,
            request_id: request_id.to_owned(),
            body: response
                .json()
                .await
                .map_err(|error| Failure::new(format_args!("{}: no JSON", self.path), error))?,
        })
    }
}

/// The command.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // -N: each event of a stream when it comes.
        let unbuffered = if self.body["stream"] == true { "-N " } else { "" };
        write!(f, "curl {unbuffered}--cacert $CA \"$GATEWAY{}\" \\\n    ", self.path)?;
        for Header { name, shown, .. } in &self.headers {
            write!(f, "-H \"{name}: {shown}\" ")?;
        }
        write!(f, "-H 'content-type: application/json' \\\n    -d '{}'", self.body)?;
        match self.pipe {
            Some(command) => write!(f, " | {command}"),
            None => Ok(()),
        }
    }
}
