//! What somebody who can speak to the endpoint can do with a sealed decision.

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue, Metadata};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use envoy_types::pb::envoy::service::ext_proc::v3::external_processor_client::ExternalProcessorClient;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_request::Request as Message;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response as Reply;
use envoy_types::pb::envoy::service::ext_proc::v3::{HttpHeaders, ProcessingRequest};
use envoy_types::pb::google::protobuf::Struct;
use envoy_types::pb::google::protobuf::value::Kind;
use std::path::Path;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack};
use tonic::transport::{Channel, Endpoint};

use super::{Others, sharing};

async fn channel(socket: &Path) -> Channel {
    let uri = format!("unix:{}", socket.display());
    let endpoint = Endpoint::from_shared(uri).expect("an address");
    endpoint.connect().await.expect("a connection")
}

/// What ext_authz says of a request with the caller's key.
async fn allowed(socket: &Path, stack: &Stack) -> Struct {
    let headers = [("api-key", stack.key.text()), ("x-request-id", "one")];
    let http = HttpRequest {
        method: "POST".to_owned(),
        path: CHAT_PATH.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..HttpRequest::default()
    };
    let attributes = AttributeContext {
        request: Some(Request {
            http: Some(http),
            ..Request::default()
        }),
        ..AttributeContext::default()
    };
    let check = CheckRequest {
        attributes: Some(attributes),
    };
    let answer = AuthorizationClient::new(channel(socket).await)
        .check(check)
        .await;
    let metadata = answer.expect("an answer").into_inner().dynamic_metadata;
    metadata.expect("the decision")
}

/// Whether ext_proc lets a request go on, that says it has this decision.
async fn goes_on(socket: &Path, decision: &Struct, path: &str, request_id: &str) -> bool {
    let fields = [
        (":method", "POST"),
        (":path", path),
        ("x-request-id", request_id),
        ("content-type", "application/json"),
    ];
    let headers = fields.map(|(name, value)| HeaderValue {
        key: name.to_owned(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    });
    let message = Message::RequestHeaders(HttpHeaders {
        headers: Some(HeaderMap {
            headers: headers.into(),
        }),
        ..HttpHeaders::default()
    });
    let namespace = "envoy.filters.http.ext_authz".to_owned();
    let request = ProcessingRequest {
        request: Some(message),
        metadata_context: Some(Metadata {
            filter_metadata: [(namespace, decision.clone())].into(),
            ..Metadata::default()
        }),
        ..ProcessingRequest::default()
    };
    let mut client = ExternalProcessorClient::new(channel(socket).await);
    let replies = client.process(tokio_stream::once(request)).await;
    let reply = replies.expect("a stream").into_inner().message().await;
    let reply = reply.expect("a reply").expect("a reply").response;
    match reply.expect("a reply") {
        Reply::RequestHeaders(_) => true,
        Reply::ImmediateResponse(refusal) => {
            let status = refusal.status.expect("a status").code;
            assert_eq!(status, 503, "{refusal:?}");
            false
        }
        other => panic!("{other:?}"),
    }
}

/// The decision, without what only the process that made it knows.
fn sealed(decision: &Struct) -> Struct {
    let mut sealed = decision.clone();
    sealed.fields.remove("decision").expect("its name");
    sealed
}

#[tokio::test]
async fn a_sealed_decision_serves_its_own_request_once() {
    let others = Others::new(1);
    let stack = Stack::start(sharing(Options::default())).await;
    let _other = others.start(&stack, |yaml| yaml).await;
    let (first, second) = (stack.socket(), others.sockets().remove(0));
    let decision = allowed(&first, &stack).await;
    let alone = sealed(&decision);
    let v1 = "/openai/v1/chat/completions";
    for (path, request_id) in [
        (v1, "one"),
        (CHAT_PATH, "two"),
        ("/openai/v1/models", "one"),
    ] {
        assert!(!goes_on(&second, &alone, path, request_id).await, "{path}");
    }
    let mut changed = alone.clone();
    let text = changed
        .fields
        .get_mut("sealed")
        .and_then(|it| it.kind.as_mut());
    let Some(Kind::StringValue(text)) = text else {
        panic!("a text");
    };
    let (start, end) = text.split_at(text.len() / 2);
    let middle = if end.starts_with('A') { 'B' } else { 'A' };
    *text = format!("{start}{middle}{}", &end[1..]);
    assert!(
        !goes_on(&second, &changed, CHAT_PATH, "one").await,
        "it was changed"
    );
    assert!(
        goes_on(&second, &alone, CHAT_PATH, "one").await,
        "its own request"
    );
    assert!(
        !goes_on(&second, &alone, CHAT_PATH, "one").await,
        "the second time"
    );
    // Where it was made it is found in memory, once, and not opened after that.
    assert!(goes_on(&first, &decision, CHAT_PATH, "one").await);
    assert!(!goes_on(&first, &decision, CHAT_PATH, "one").await);
    assert!(!goes_on(&first, &alone, CHAT_PATH, "one").await);
}
