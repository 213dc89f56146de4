//! An identity endpoint, an Azure OpenAI that accepts its tokens, and a client with one.

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tollgate_integration::fakes::azure::{AzureOptions, FakeAzure};
use tollgate_integration::fakes::identity::{FakeIdentity, IdentityOptions};
use tollgate_integration::fakes::token::COGNITIVE_SERVICES_AUDIENCE;

pub(crate) const API_VERSION: &str = "2024-10-21";

pub(crate) struct Rig {
    pub(crate) identity: FakeIdentity,
    pub(crate) azure: FakeAzure,
    pub(crate) client: Client,
    pub(crate) token: String,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(AzureOptions::default(), Client::new()).await
    }

    /// With a client that speaks HTTP/2 from the first byte, as Envoy does to a cluster of HTTP/2.
    pub(crate) async fn http2() -> Self {
        let client = Client::builder().http2_prior_knowledge().build();
        Self::with(AzureOptions::default(), client.expect("a client")).await
    }

    pub(crate) async fn with(mut options: AzureOptions, client: Client) -> Self {
        let identity = FakeIdentity::start(IdentityOptions::default()).await;
        options.token_secret = identity.token_secret();
        let azure = FakeAzure::start(options).await;
        let token = token(&identity.endpoint(), identity.header_secret()).await;
        Self {
            identity,
            azure,
            client,
            token,
        }
    }

    /// A POST with a good token.
    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}{path}", self.azure.url());
        self.client.post(url).bearer_auth(&self.token).json(body)
    }

    /// A chat with gpt-4o.
    pub(crate) fn chat(&self, body: &Value) -> RequestBuilder {
        let path = "/openai/deployments/gpt-4o/chat/completions";
        self.post(&format!("{path}?api-version={API_VERSION}"), body)
    }

    /// A response of gpt-4o.
    pub(crate) fn respond(&self, body: &Value) -> RequestBuilder {
        let mut body = body.clone();
        body["model"] = "gpt-4o".into();
        self.post("/openai/v1/responses", &body)
    }
}

/// A token of the managed identity.
pub(crate) async fn token(endpoint: &str, header_secret: &str) -> String {
    let answer = Client::new()
        .get(format!(
            "{endpoint}?api-version=2019-08-01&resource={COGNITIVE_SERVICES_AUDIENCE}"
        ))
        .header("x-identity-header", header_secret)
        .send();
    let answer: Value = json_of(answer.await.expect("an answer")).await;
    let token = answer["access_token"].as_str();
    token.expect("a token").to_owned()
}

/// A chat that asks `text`, with more members.
pub(crate) fn ask(text: &str, more: &Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": text}]});
    let members = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    body
}

/// A chat that streams, and tells its usage.
pub(crate) fn stream(text: &str) -> Value {
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    ask(text, &options)
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

pub(crate) async fn json_of(response: Response) -> Value {
    let text = response.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The payloads of a stream, without `[DONE]`.
pub(crate) fn events(stream: &str) -> Vec<Value> {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

/// The text that a chat's stream shows.
pub(crate) fn text(events: &[Value]) -> String {
    let deltas = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    deltas.collect()
}
