//! The Azure OpenAI resource as the gateway asks it itself: for what background responses and batches have
//! used.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http::HeaderValue;

use crate::auth::{Document, FetchError, FetchRules, Fetcher, FetcherError, Reach, Url};

/// Largest answer that is read; it goes by and is not held.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024 * 1024;
/// Longest that one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// Something of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// A response, by its id.
    Response(&'a str),
    /// A batch, by its id.
    Batch(&'a str),
    /// What is in a file, by its id.
    FileContent(&'a str),
}

/// The resource behind the gateway.
#[derive(Clone)]
pub struct Resource {
    pub(super) endpoint: Url,
    pub(super) fetcher: Fetcher,
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({})", self.endpoint)
    }
}

impl Resource {
    /// The resource at an endpoint, whose certificate is of the system's authorities, or only of those of
    /// a PEM file.
    ///
    /// # Errors
    /// [`FetcherError`] where the file can't be used.
    pub fn new(endpoint: Url, authorities: Option<&Path>) -> Result<Self, FetcherError> {
        let rules = FetchRules {
            // Private endpoints: the resource's name leads into the operator's own network.
            reach: Reach::Private,
            max_bytes: MAX_ANSWER_BYTES,
            timeout: ANSWER_TIMEOUT,
            ..FetchRules::default()
        };
        let fetcher = Fetcher::new(rules, authorities)?;
        Ok(Self { endpoint, fetcher })
    }

    /// Asks with the identity's header; gives the answer as it comes.
    ///
    /// # Errors
    /// [`FetchError`]
    pub async fn get(
        &self,
        asked: Asked<'_>,
        authorization: HeaderValue,
    ) -> Result<Document, FetchError> {
        let no_id = || FetchError::Transport(self.endpoint.clone(), format!("{asked:?} has no id"));
        let url = self.url(asked).ok_or_else(no_id)?;
        self.fetcher.open(&url, Some(authorization)).await
    }

    /// The address of something in the v1 API, which needs no version. An id is one segment of it, whatever is
    /// in it; none where it would be another path.
    fn url(&self, asked: Asked<'_>) -> Option<Url> {
        let (Asked::Response(id) | Asked::Batch(id) | Asked::FileContent(id)) = asked;
        if matches!(id, "" | "." | "..") {
            return None;
        }
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["openai", "v1"]);
            match asked {
                Asked::Response(id) => segments.extend(["responses", id]),
                Asked::Batch(id) => segments.extend(["batches", id]),
                Asked::FileContent(id) => segments.extend(["files", id, "content"]),
            };
        }
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_the_address() {
        let endpoint = Url::parse("https://acme.openai.azure.com").expect("a URL");
        let resource = Resource::new(endpoint, None).expect("a resource");
        let url = |id| {
            resource
                .url(Asked::Response(id))
                .map_or_else(String::new, String::from)
        };
        let base = "https://acme.openai.azure.com/openai/v1/responses";
        assert_eq!(url("resp_1"), format!("{base}/resp_1"));
        assert_eq!(url("a/../b?c#d"), format!("{base}/a%2F..%2Fb%3Fc%23d"));
        for none in ["", ".", ".."] {
            assert_eq!(url(none), "", "{none}");
        }
    }
}
