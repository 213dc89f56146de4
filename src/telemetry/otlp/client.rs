//! Posts to a collector, from the SDK's threads: the work is done by the runtime that this was made in.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity};
use tokio::runtime::Handle;

use super::destination::Destination;
use super::failure;

/// How much of an answer is read, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A client of one collector.
#[derive(Clone, Debug)]
pub(in crate::telemetry) struct Client {
    http: reqwest::Client,
    runtime: Handle,
    /// Why the last post failed, in words that have nothing of the collector's in them.
    failure: Arc<Mutex<Option<String>>>,
}

impl Client {
    /// A client for a collector, on the runtime that it is called in.
    pub(in crate::telemetry) fn new(destination: &Destination) -> Result<Self, String> {
        let failed = |error: reqwest::Error| {
            format!(
                "the client of the collector for {} can't be made: {error}",
                destination.signal.as_str()
            )
        };
        let mut builder = reqwest::Client::builder()
            .timeout(destination.timeout)
            .default_headers(destination.headers.clone())
            .redirect(Policy::none());
        if destination.is_near() {
            builder = builder.no_proxy();
        }
        if let Some(pem) = &destination.authorities {
            let authorities = Certificate::from_pem_bundle(pem).map_err(failed)?;
            builder = builder.tls_certs_only(authorities);
        }
        if let Some(identity) = &destination.identity {
            let pem = [&identity.key[..], b"\n", &identity.certificate].concat();
            builder = builder.identity(Identity::from_pem(&pem).map_err(failed)?);
        }
        Ok(Self {
            http: builder.build().map_err(failed)?,
            runtime: Handle::current(),
            failure: Arc::default(),
        })
    }

    /// Why the last post failed.
    pub(in crate::telemetry) fn failure(&self) -> Option<String> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    fn fails(&self, why: String) -> HttpError {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = Some(why.clone());
        why.into()
    }
}

fn words(error: &reqwest::Error) -> &'static str {
    let of_tls = failure::of_tls(&failure::causes(error));
    of_tls.unwrap_or(match error {
        error if error.is_timeout() => "no answer in time",
        error if error.is_connect() => "no connection",
        _ => "the connection broke",
    })
}

#[tonic::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let post = async move {
            let request = reqwest::Request::try_from(request)?;
            let mut answer = http.execute(request).await?;
            let status = answer.status();
            let mut read = 0;
            while let Some(piece) = answer.chunk().await? {
                read += piece.len();
                if read > MAX_ANSWER_BYTES {
                    break;
                }
            }
            Ok::<_, reqwest::Error>(status)
        };
        let status = match self.runtime.spawn(post).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Err(self.fails(words(&error).into())),
            Err(_) => return Err(self.fails("tollgate ends".into())),
        };
        if !status.is_success() {
            let why = format!("the collector answers {}", status.as_u16());
            drop(self.fails(why));
        }
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        Ok(answer)
    }
}
