//! Replies of ext_proc, as protobuf spells them.

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::extensions::filters::http::ext_proc::v3::ProcessingMode;
use envoy_types::pb::envoy::extensions::filters::http::ext_proc::v3::processing_mode::{
    BodySendMode, HeaderSendMode,
};
use envoy_types::pb::envoy::service::ext_proc::v3::body_mutation::Mutation;
use envoy_types::pb::envoy::service::ext_proc::v3::processing_response::Response;
use envoy_types::pb::envoy::service::ext_proc::v3::{
    BodyMutation, BodyResponse, CommonResponse, HeaderMutation, HeadersResponse, ImmediateResponse,
    ProcessingResponse, TrailersResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;

use super::{headers, rate_limits};
use crate::gateway::Refusal;
use crate::usage::Released;

/// A header to set.
pub(super) type Header = HeaderValueOption;

/// Go on to the body, without these headers; the request has no identity yet.
pub(super) fn continue_to_body(removed: Vec<String>) -> ProcessingResponse {
    ProcessingResponse {
        mode_override: Some(mode(BodySendMode::Buffered)),
        ..reply(Response::RequestHeaders(HeadersResponse {
            response: Some(common(Vec::new(), removed, None)),
        }))
    }
}

/// Lets a request out whose body does not matter, without these headers.
pub(super) fn request_headers(headers: Vec<Header>, removed: Vec<String>) -> ProcessingResponse {
    ProcessingResponse {
        mode_override: Some(mode(BodySendMode::None)),
        ..reply(Response::RequestHeaders(HeadersResponse {
            response: Some(common(headers, removed, None)),
        }))
    }
}

/// What Envoy shows of a request that is let in. The answer's headers are asked for here and not in
/// Envoy's configuration, because there Envoy would also send those of its own error replies.
fn mode(request_body: BodySendMode) -> ProcessingMode {
    ProcessingMode {
        request_header_mode: HeaderSendMode::Send.into(),
        request_body_mode: request_body.into(),
        response_header_mode: HeaderSendMode::Send.into(),
        ..ProcessingMode::default()
    }
}

/// Lets a request out, with another body if there is one.
pub(super) fn request_body(mut fields: Vec<Header>, body: Option<Vec<u8>>) -> ProcessingResponse {
    if let Some(body) = &body {
        // Envoy refuses a body that does not have the length that was announced.
        fields.push(headers::set(
            "content-length",
            body.len().to_string().as_bytes(),
        ));
    }
    reply(Response::RequestBody(BodyResponse {
        response: Some(common(fields, Vec::new(), body)),
    }))
}

/// What changes of the headers of an answer.
#[derive(Default)]
pub(super) struct ResponseHeaders {
    pub(super) removed: Vec<String>,
    pub(super) set: Vec<Header>,
}

/// Whether Envoy shall show the answer's body, and what changes of its headers.
pub(super) fn response_headers(is_read: bool, changes: ResponseHeaders) -> ProcessingResponse {
    let ResponseHeaders { removed, set } = changes;
    let response = Some(common(set, removed, None)).filter(|it| it.header_mutation.is_some());
    let body_mode = match is_read {
        true => BodySendMode::Streamed,
        false => BodySendMode::None,
    };
    ProcessingResponse {
        mode_override: Some(ProcessingMode {
            response_body_mode: body_mode.into(),
            // Envoy would end the exchange here where it has nothing more to show, and the request would be
            // no more under way: a session, a download.
            response_trailer_mode: HeaderSendMode::Send.into(),
            ..mode(BodySendMode::None)
        }),
        ..reply(Response::ResponseHeaders(HeadersResponse { response }))
    }
}

/// What is passed on of a piece of the answer.
pub(super) fn response_body(released: Released) -> ProcessingResponse {
    let mutation = match released {
        Released::Unchanged => return response_body_unchanged(),
        Released::Replaced(bytes) if bytes.is_empty() => Mutation::ClearBody(true),
        Released::Replaced(bytes) => Mutation::Body(bytes),
    };
    reply(Response::ResponseBody(BodyResponse {
        response: Some(CommonResponse {
            body_mutation: Some(BodyMutation {
                mutation: Some(mutation),
            }),
            ..CommonResponse::default()
        }),
    }))
}

/// A piece of the answer is passed on unchanged.
pub(super) fn response_body_unchanged() -> ProcessingResponse {
    reply(Response::ResponseBody(BodyResponse::default()))
}

/// Trailers go on as they are.
pub(super) fn request_trailers() -> ProcessingResponse {
    reply(Response::RequestTrailers(TrailersResponse::default()))
}

/// Trailers go on as they are.
pub(super) fn response_trailers() -> ProcessingResponse {
    reply(Response::ResponseTrailers(TrailersResponse::default()))
}

/// The gateway's own answer in place of a backend's.
pub(super) fn refusal(refusal: &Refusal) -> ProcessingResponse {
    let mut fields = vec![headers::set("content-type", b"application/json")];
    let told = rate_limits::of_refusal(refusal).into_iter();
    fields.extend(told.map(|(name, value)| headers::set(&name, value.as_bytes())));
    if let Some(challenge) = refusal.challenge() {
        fields.push(headers::set("www-authenticate", challenge.as_bytes()));
    }
    reply(Response::ImmediateResponse(ImmediateResponse {
        status: Some(HttpStatus {
            code: refusal.status().into(),
        }),
        headers: Some(HeaderMutation {
            set_headers: fields,
            ..HeaderMutation::default()
        }),
        body: refusal.body().into_bytes(),
        details: refusal.details(),
        ..ImmediateResponse::default()
    }))
}

fn common(headers: Vec<Header>, removed: Vec<String>, body: Option<Vec<u8>>) -> CommonResponse {
    let changes = !headers.is_empty() || !removed.is_empty();
    let header_mutation = changes.then_some(HeaderMutation {
        set_headers: headers,
        remove_headers: removed,
    });
    CommonResponse {
        header_mutation,
        body_mutation: body.map(|bytes| BodyMutation {
            mutation: Some(Mutation::Body(bytes)),
        }),
        ..CommonResponse::default()
    }
}

fn reply(response: Response) -> ProcessingResponse {
    ProcessingResponse {
        response: Some(response),
        ..ProcessingResponse::default()
    }
}
