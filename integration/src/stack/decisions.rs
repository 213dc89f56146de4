//! A gRPC service in tollgate's place, which decides what the caller of [`serve`] says.
//!
//! The tests of Envoy's configuration need an ext_authz and ext_proc that refuse, fail, stay silent or
//! rewrite on demand; the bench needs one that does nothing, to know the floor. Both are this server:
//! the defaults of [`Decisions`] are the cheapest valid reply to each message.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer};
use envoy_types::pb::envoy::extensions::filters::http::ext_proc::v3::ProcessingMode;
use envoy_types::pb::envoy::extensions::filters::http::ext_proc::v3::processing_mode::{
    BodySendMode, HeaderSendMode,
};
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, OkHttpResponse, check_response,
};
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_server::{
    ExternalProcessor, ExternalProcessorServer,
};
use envoy_types::pb::envoy::service::ext_proc::v3::{
    BodyResponse, HeadersResponse, HttpHeaders, ProcessingRequest, ProcessingResponse,
    TrailersResponse, processing_request, processing_response,
};
use tokio::net::UnixListener;
use tokio_stream::Stream;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// Windows of the HTTP/2 side: hyper's 1 MiB for stream and connection alike would let one large
/// request body stop every other stream of the connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// h2 closes a connection on which 20 streams were cancelled before it had accepted them, and every
/// live stream with it. Envoy does that to a service that was held up for a second, and it is not
/// an attacker.
const MAX_PENDING_RESETS: usize = 100_000;
/// tonic's default is 4 MiB, and a BUFFERED request body arrives in one message.
const MAX_MESSAGE_BYTES: usize = 32 << 20;

/// What the service answers. The defaults let everything pass, at the least cost.
pub trait Decisions: Send + Sync + 'static {
    /// Answers ext_authz.
    fn check(&self, _request: CheckRequest) -> Result<CheckResponse, Status> {
        Ok(allowed())
    }

    /// Answers one message of ext_proc. `None` leaves the message without an answer, which Envoy
    /// takes for a service that hangs.
    fn process(&self, message: &ProcessingRequest) -> Option<Result<ProcessingResponse, Status>> {
        pass(message).map(Ok)
    }
}

/// Lets everything pass: the floor of the bench.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassAll;

impl Decisions for PassAll {}

/// An ext_authz reply that allows the request and changes nothing.
pub fn allowed() -> CheckResponse {
    CheckResponse {
        status: Some(envoy_types::pb::google::rpc::Status::default()),
        http_response: Some(check_response::HttpResponse::OkResponse(
            OkHttpResponse::default(),
        )),
        ..CheckResponse::default()
    }
}

/// The cheapest valid reply to one ext_proc message; on the headers of a JSON or event-stream
/// response it asks for the body in chunks, as tollgate does to count tokens.
pub fn pass(message: &ProcessingRequest) -> Option<ProcessingResponse> {
    use processing_request::Request as RequestMessage;
    use processing_response::Response as Answer;
    let mut reply = ProcessingResponse::default();
    reply.response = Some(match message.request.as_ref()? {
        RequestMessage::RequestHeaders(_) => {
            reply.mode_override = Some(send_response_headers());
            Answer::RequestHeaders(HeadersResponse::default())
        }
        RequestMessage::RequestBody(_) => Answer::RequestBody(BodyResponse::default()),
        RequestMessage::ResponseHeaders(headers) => {
            reply.mode_override = metered(headers).then(stream_response_body);
            Answer::ResponseHeaders(HeadersResponse::default())
        }
        RequestMessage::ResponseBody(_) => Answer::ResponseBody(BodyResponse::default()),
        RequestMessage::RequestTrailers(_) => Answer::RequestTrailers(TrailersResponse::default()),
        RequestMessage::ResponseTrailers(_) => {
            Answer::ResponseTrailers(TrailersResponse::default())
        }
    });
    Some(reply)
}

/// The mode that sends the response headers. An override replaces the modes of the bodies too.
pub fn send_response_headers() -> ProcessingMode {
    ProcessingMode {
        request_body_mode: BodySendMode::Buffered.into(),
        response_header_mode: HeaderSendMode::Send.into(),
        ..ProcessingMode::default()
    }
}

/// The mode that sends the response body in chunks; the other fields keep their configured values.
fn stream_response_body() -> ProcessingMode {
    ProcessingMode {
        response_body_mode: BodySendMode::Streamed.into(),
        ..ProcessingMode::default()
    }
}

/// Whether the response can carry a token usage.
fn metered(headers: &HttpHeaders) -> bool {
    !headers.end_of_stream
        && header(headers, "content-type").is_some_and(|value| {
            value.starts_with(b"application/json") || value.starts_with(b"text/event-stream")
        })
}

/// The value of a header in an ext_proc message.
pub fn header<'a>(headers: &'a HttpHeaders, name: &str) -> Option<&'a [u8]> {
    let headers = &headers.headers.as_ref()?.headers;
    let found = headers.iter().find(|header| header.key == name)?;
    Some(&found.raw_value)
}

/// Serves `decisions` on a unix socket at `path`, until `stop` resolves.
///
/// The socket exists when this returns; the future that it returns does the serving.
pub fn serve(
    path: &Path,
    decisions: impl Decisions,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<impl Future<Output = Result<(), tonic::transport::Error>> + Send + 'static> {
    let incoming = UnixListenerStream::new(UnixListener::bind(path)?);
    let service = Service(Arc::new(decisions));
    let authorization = AuthorizationServer::new(service.clone());
    let processor =
        ExternalProcessorServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Ok(Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .add_service(authorization)
        .add_service(processor)
        .serve_with_incoming_shutdown(incoming, stop))
}

struct Service<D>(Arc<D>);

impl<D> Clone for Service<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[tonic::async_trait]
impl<D: Decisions> Authorization for Service<D> {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        self.0.check(request.into_inner()).map(Response::new)
    }
}

#[tonic::async_trait]
impl<D: Decisions> ExternalProcessor for Service<D> {
    type ProcessStream = Replies<D>;

    async fn process(
        &self,
        request: Request<Streaming<ProcessingRequest>>,
    ) -> Result<Response<Replies<D>>, Status> {
        Ok(Response::new(Replies {
            messages: request.into_inner(),
            decisions: Arc::clone(&self.0),
        }))
    }
}

/// One reply for each message, made when Envoy's next message is polled: no task, no channel.
struct Replies<D> {
    messages: Streaming<ProcessingRequest>,
    decisions: Arc<D>,
}

impl<D: Decisions> Stream for Replies<D> {
    type Item = Result<ProcessingResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let message = match Pin::new(&mut self.messages).poll_next(context) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            if let Some(reply) = self.decisions.process(&message) {
                return Poll::Ready(Some(reply));
            }
        }
    }
}
