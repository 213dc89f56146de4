//! One request of the tour: shown as the command that one could type, and sent.

use std::fmt;

use reqwest::Response;
use serde_json::Value;
use tollgate_integration::stack::{Callers, Failure};

use super::devices::Device;

/// A POST with a JSON body.
pub struct Call {
    path: String,
    headers: Vec<Header>,
    body: &'static str,
    pipe: Option<&'static str>,
    /// Whose certificate it shows.
    device: Option<Device>,
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
    pub body: Value,
}

impl Call {
    /// A request that says nothing yet of who is asking.
    pub fn post(path: &str, body: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            headers: Vec::new(),
            body,
            pipe: None,
            device: None,
        }
    }

    /// Shows the certificate of a device.
    pub fn with_certificate_of(mut self, device: &Device) -> Self {
        self.device = Some(device.clone());
        self
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
        let client = match &self.device {
            Some(device) => callers
                .with_certificate(&device.certified.certificate_pem, &device.certified.key_pem)?,
            None => callers.http1().clone(),
        };
        let request = client.post(callers.url(&self.path));
        let request = self.headers.iter().fold(request, |request, header| {
            request.header(header.name, &header.sent)
        });
        let request = request.header("content-type", "application/json");
        let sent = request.body(self.body).send().await;
        sent.map_err(|error| Failure::new(&self.path, error))
    }
}

/// The command.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("curl ")?;
        if self.body.contains(r#""stream":true"#) {
            // Each event of a stream when it comes.
            f.write_str("-N ")?;
        }
        if let Some(device) = &self.device {
            write!(f, "--cert {} ", device.file)?;
        }
        writeln!(f, "--cacert $CA \"$GATEWAY{}\" \\", self.path)?;
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|header| format!("-H \"{}: {}\"", header.name, header.shown))
            .collect();
        if !headers.is_empty() {
            writeln!(f, "    {} \\", headers.join(" "))?;
        }
        write!(
            f,
            "    -H 'content-type: application/json' \\\n    -d '{}'",
            self.body
        )?;
        match self.pipe {
            Some(command) => write!(f, " | {command}"),
            None => Ok(()),
        }
    }
}
