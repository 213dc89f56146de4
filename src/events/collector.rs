//! Whoever takes events, over HTTP
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>).

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};

use crate::backoff::Backoff;
use crate::loopback::is_loopback;

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long one waits for whoever may not be there.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after a failure, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Where events go.
pub struct Target {
    url: Url,
    token: Option<SecretString>,
}

/// Why events can't go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// It is not a URL of HTTP.
    #[error("not an https URL")]
    Malformed,
    /// What is sent could be read on its way.
    #[error("only https, or http to a loopback address")]
    Plain,
    /// It has a user or a password in it.
    #[error("the URL must have no user and no password in it")]
    Credentials,
    /// A part that is not sent.
    #[error("the URL must have no fragment")]
    Fragment,
    /// A header can't hold it.
    #[error("not a bearer token: it has characters that a header can't have")]
    Token,
}

impl Target {
    /// A collector, with the token that it wants as `authorization: Bearer`, where nobody on the way may read it.
    ///
    /// # Errors
    /// [`BadTarget`]
    pub fn parse(url: &str, token: Option<SecretString>) -> Result<Self, BadTarget> {
        let url = Url::parse(url).map_err(|_| BadTarget::Malformed)?;
        let is_loopback = url.host_str().is_some_and(is_loopback);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(BadTarget::Plain),
            _ => return Err(BadTarget::Malformed),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadTarget::Credentials);
        }
        if url.fragment().is_some() {
            return Err(BadTarget::Fragment);
        }
        let is_sendable = |token: &SecretString| {
            let mut bytes = token.expose_secret().bytes();
            bytes.all(|byte| byte.is_ascii_graphic())
        };
        if !token.as_ref().is_none_or(is_sendable) {
            return Err(BadTarget::Token);
        }
        Ok(Self { url, token })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

/// Why a collector has not taken something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It never will: 4xx, but 408 and 429, and redirects, which are not followed.
    #[error("the collector refuses the events: {0}")]
    Refused(u16),
    /// It may take it later.
    #[error("{0}")]
    Unavailable(String),
}

/// Sends to collectors.
pub struct Collector {
    /// Through the proxy of the environment, where that has one.
    http: reqwest::Client,
    /// To this machine: no proxy may read what is sent there in the clear.
    direct: reqwest::Client,
}

impl Collector {
    /// # Errors
    /// Where TLS can't be set up.
    pub fn new() -> Result<Self, String> {
        let builder = || {
            reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(Policy::none())
        };
        let built =
            |builder: reqwest::ClientBuilder| builder.build().map_err(|error| error.to_string());
        Ok(Self {
            http: built(builder())?,
            direct: built(builder().no_proxy())?,
        })
    }

    /// The pauses between attempts.
    pub(crate) fn retries() -> Backoff {
        Backoff::new(FIRST_RETRY, LAST_RETRY)
    }

    /// Whether somebody answers there, whatever the answer to a question without effect is.
    ///
    /// # Errors
    /// Who is away, and why.
    pub async fn reach(&self, target: &Target) -> Result<(), String> {
        let asked = self.to(target).head(target.url.clone());
        match asked.timeout(REACH_TIMEOUT).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "the collector at {} does not answer: {}",
                target.url.origin().ascii_serialization(),
                causes(&error.without_url())
            )),
        }
    }

    fn to(&self, target: &Target) -> &reqwest::Client {
        match target.url.host_str().is_some_and(is_loopback) {
            true => &self.direct,
            false => &self.http,
        }
    }

    /// Sends a body once.
    ///
    /// # Errors
    /// [`Failure`]
    pub async fn post(
        &self,
        target: &Target,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), Failure> {
        let content_type = HeaderValue::from_static(content_type);
        let request = self.to(target).post(target.url.clone());
        let mut request = request.header(CONTENT_TYPE, content_type).body(body);
        if let Some(token) = &target.token {
            request = request.bearer_auth(token.expose_secret());
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(match answer.status().as_u16() {
                status @ (408 | 429) => unavailable(status),
                status @ 300..=499 => Failure::Refused(status),
                status => unavailable(status),
            }),
            Err(error) => Err(Failure::Unavailable(error.without_url().to_string())),
        }
    }
}

/// An error with what has caused it: the outermost alone says only that something was not sent.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn unavailable(status: u16) -> Failure {
    Failure::Unavailable(format!("the collector answers {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_on_the_way_can_read_what_is_sent() {
        for good in [
            "https://events.example.net/tollgate?team=a",
            "http://127.0.0.1:8080/",
            "http://127.9.9.9/",
            "http://[::1]:8080/events",
            "http://localhost:8080",
        ] {
            Target::parse(good, None).expect(good);
        }
        for (bad, why) in [
            ("http://events.example.net/", BadTarget::Plain),
            ("http://10.0.0.1/", BadTarget::Plain),
            ("http://localhost.example.net/", BadTarget::Plain),
            ("http://127.0.0.1.example.net/", BadTarget::Plain),
            ("ftp://127.0.0.1/", BadTarget::Malformed),
            ("events", BadTarget::Malformed),
            ("https://app@events.example.net/", BadTarget::Credentials),
            ("https://:pw@events.example.net/", BadTarget::Credentials),
            ("https://events.example.net/#here", BadTarget::Fragment),
        ] {
            let error = Target::parse(bad, None).expect_err(bad);
            assert_eq!(error, why, "{bad}");
        }
        let token = |token: &str| Target::parse("https://a.example/", Some(token.into()));
        assert!(token("abc.DEF-123_~+/=").is_ok());
        for bad in ["two words", "a\nb", "\u{fc}"] {
            assert_eq!(token(bad).expect_err(bad), BadTarget::Token);
        }
    }
}
