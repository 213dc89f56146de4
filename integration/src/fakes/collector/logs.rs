//! Records of logs.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::{Attributes, Service, Shared, attributes, lock, value};

/// A record as it came.
#[derive(Clone, Debug)]
pub struct SeenLog {
    /// `grpc` or `http`.
    pub over: &'static str,
    /// What the sender says of itself.
    pub resource: Attributes,
    /// The part of the sender that says it.
    pub scope: String,
    /// Empty unless it is an event.
    pub event_name: String,
    /// The protocol's number of the severity, and its name.
    pub severity: (i32, String),
    /// A text, or an object.
    pub body: Value,
    /// What it says of that.
    pub attributes: Attributes,
    /// In hexadecimal; empty or zeros where it belongs to no trace.
    pub trace_id: String,
    /// In hexadecimal.
    pub span_id: String,
    /// When it was, in nanoseconds since 1970.
    pub at: u64,
}

impl SeenLog {
    /// An attribute of it.
    pub fn get(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or(&Value::Null)
    }

    fn of(record: LogRecord, over: &'static str, resource: &Attributes, scope: &str) -> Self {
        Self {
            over,
            resource: resource.clone(),
            scope: scope.to_owned(),
            event_name: record.event_name,
            severity: (record.severity_number, record.severity_text),
            body: value(record.body),
            attributes: attributes(record.attributes),
            trace_id: hex::encode(record.trace_id),
            span_id: hex::encode(record.span_id),
            at: record.time_unix_nano,
        }
    }
}

impl Shared {
    fn take_logs(&self, request: ExportLogsServiceRequest, over: &'static str) {
        let mut logs = lock(&self.logs);
        for of_resource in request.resource_logs {
            let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
            for of_scope in of_resource.scope_logs {
                let scope = of_scope.scope.unwrap_or_default().name;
                let records = of_scope.log_records.into_iter();
                logs.extend(records.map(|it| SeenLog::of(it, over, &resource, &scope)));
            }
        }
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.gate.pass("logs").await;
        if self.0.refusal().is_some() {
            return Err(Status::unavailable("not now"));
        }
        self.0.take_logs(request.into_inner(), "grpc");
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

pub(super) async fn take_logs(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.gate.pass("logs").await;
    if let Some(status) = shared.refusal() {
        return StatusCode::from_u16(status).expect("a status");
    }
    match ExportLogsServiceRequest::decode(body) {
        Ok(request) => {
            shared.take_logs(request, "http");
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}
