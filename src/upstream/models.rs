//! The list of models of a resource: it costs no tokens, and so `tollgate doctor` and probes ask for it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Resource;
use crate::auth::{Answer, FetchError, Url};

/// The header of Azure's own keys.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
/// In the shape of a key, and nobody's.
const DUMMY_KEY: HeaderValue = HeaderValue::from_static("00000000000000000000000000000000");
/// The list of models in the v1 API, and, where a resource does not have that, in a version that all have.
const MODELS: [(&str, Option<&str>); 2] = [
    ("/openai/v1/models", None),
    ("/openai/models", Some("api-version=2024-10-21")),
];
/// An error says what it is at its beginning; of the models nothing is read.
const MAX_BYTES: usize = 64 * 1024;

/// Who asks.
#[derive(Debug)]
pub enum Presented {
    /// The gateway, with the header of its token.
    Identity(HeaderValue),
    /// Nobody, with a key that no resource has.
    DummyKey,
}

impl Resource {
    /// Where it is.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Asks for the list of models, which every role that may use the resource may read.
    ///
    /// # Errors
    /// [`FetchError`] where there is no answer.
    pub async fn list_models(&self, presented: &Presented) -> Result<Answer, FetchError> {
        let [current, dated] = MODELS;
        let answer = self.list(current, presented).await?;
        match answer.status {
            StatusCode::NOT_FOUND => self.list(dated, presented).await,
            _ => Ok(answer),
        }
    }

    async fn list(
        &self,
        (path, query): (&str, Option<&str>),
        presented: &Presented,
    ) -> Result<Answer, FetchError> {
        let mut url = self.endpoint.clone();
        url.set_path(path);
        url.set_query(query);
        let (name, value) = match presented {
            Presented::Identity(authorization) => (AUTHORIZATION, authorization.clone()),
            Presented::DummyKey => (API_KEY, DUMMY_KEY),
        };
        let headers = HeaderMap::from_iter([(name, value)]);
        self.fetcher.ask(&url, headers, MAX_BYTES).await
    }
}
