//! What an address says when it is only tried: any status counts, and a part of the body is enough.

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap};

use super::{FetchError, Fetcher, Url};

/// The answer of an address, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// When it was given, as the server's clock has it (RFC 9110, section 6.6.1).
    pub date: Option<String>,
    /// As much of the body as was wanted.
    pub body: Vec<u8>,
    /// There is more of the body.
    pub is_cut: bool,
}

impl Fetcher {
    /// Asks an address with these headers, and reads so many bytes of the answer at most. The headers go to
    /// this address only: redirects are not followed.
    ///
    /// # Errors
    /// [`FetchError`], but for [`FetchError::Status`] and [`FetchError::TooLarge`].
    pub async fn ask(
        &self,
        url: &Url,
        headers: HeaderMap,
        max_bytes: usize,
    ) -> Result<Answer, FetchError> {
        self.check(url)?;
        let sent = self.client.get(url.clone()).headers(headers).send().await;
        let mut response = sent.map_err(|error| self.rules.failed(url, error))?;
        let date = response.headers().get(DATE);
        let date = date.and_then(|it| it.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while body.len() <= max_bytes {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| self.rules.failed(url, error))? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => break,
            }
        }
        let is_cut = body.len() > max_bytes;
        body.truncate(max_bytes);
        Ok(Answer {
            status: response.status(),
            date,
            body,
            is_cut,
        })
    }
}
