//! A collector of OpenTelemetry: the real protocol, over gRPC and over HTTP, and what has come.

mod gate;
mod logs;
mod serve;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use prost::Message;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::stack::wait_for;
use gate::Gate;
pub use logs::SeenLog;
use logs::take_logs;

/// Attributes by their names.
pub type Attributes = BTreeMap<String, Value>;

/// A span as it came.
#[derive(Clone, Debug)]
pub struct SeenSpan {
    /// `grpc` or `http`.
    pub over: &'static str,
    /// The `authorization` that it came with.
    pub authorization: Option<String>,
    /// What the sender says of itself.
    pub resource: Attributes,
    /// Its name.
    pub name: String,
    /// In hexadecimal, as the ids below.
    pub trace_id: String,
    /// Its id.
    pub span_id: String,
    /// The id of the span that it is a part of; empty where it is of none.
    pub parent: String,
    /// The protocol's number of its kind: 2 server, 3 client.
    pub kind: i32,
    /// What it says.
    pub attributes: Attributes,
    /// Whether it says that it has failed.
    pub is_error: bool,
    /// When it began and ended, in nanoseconds since 1970.
    pub times: (u64, u64),
}

impl SeenSpan {
    /// An attribute of it.
    pub fn get(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or(&Value::Null)
    }

    /// The service that it came from.
    pub fn service(&self) -> &str {
        let name = self.resource.get("service.name");
        name.and_then(Value::as_str).unwrap_or_default()
    }
}

/// A metric as it came last.
#[derive(Clone, Debug)]
pub struct SeenMetric {
    /// What the sender says of itself.
    pub resource: Attributes,
    /// Its unit.
    pub unit: String,
    /// Each series with its value; a histogram's is how often something was recorded.
    pub series: Vec<(Attributes, f64)>,
}

impl SeenMetric {
    /// The sum of the series that have these attributes.
    pub fn sum(&self, with: &[(&str, &str)]) -> f64 {
        let fits = |it: &&(Attributes, f64)| {
            with.iter()
                .all(|(name, value)| it.0.get(*name).is_some_and(|it| it == value))
        };
        self.series.iter().filter(fits).map(|it| it.1).sum()
    }
}

#[derive(Default)]
struct Shared {
    spans: Mutex<Vec<SeenSpan>>,
    metrics: Mutex<BTreeMap<String, SeenMetric>>,
    logs: Mutex<Vec<SeenLog>>,
    /// The status that everything is refused with; 0: it is taken.
    refuses: AtomicU16,
    gate: Gate,
}

/// A running collector; it ends with its owner.
pub struct Collector {
    /// Where it listens for gRPC.
    pub grpc: SocketAddr,
    /// Where it listens for HTTP.
    pub http: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Collector {
    /// Starts it on loopback.
    ///
    /// # Panics
    /// Where there is no port.
    pub async fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let (grpc, grpc_listener) = bind().await;
        let (http, http_listener) = bind().await;
        let service = TraceServiceServer::new(Service(Arc::clone(&shared)))
            .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
        let of_metrics = Service(Arc::clone(&shared));
        let of_logs = Service(Arc::clone(&shared));
        let grpc_task = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(grpc_listener);
            let metrics = MetricsServiceServer::new(of_metrics);
            let logs = LogsServiceServer::new(of_logs);
            let served = Server::builder().add_service(service).add_service(metrics);
            let served = served.add_service(logs);
            drop(served.serve_with_incoming(incoming).await);
        });
        let router = over_http(&shared);
        let http_task = tokio::spawn(async move {
            drop(axum::serve(http_listener, router).await);
        });
        Self {
            grpc,
            http,
            shared,
            tasks: vec![grpc_task, http_task],
        }
    }

    /// Starts it with TLS, where gRPC and HTTP share a port.
    ///
    /// # Panics
    /// Where there is no port.
    pub async fn with_tls(config: Arc<ServerConfig>) -> Self {
        let shared = Arc::<Shared>::default();
        let (address, listener) = bind().await;
        let service = || Service(Arc::clone(&shared));
        let grpc = Routes::new(TraceServiceServer::new(service()))
            .add_service(MetricsServiceServer::new(service()))
            .add_service(LogsServiceServer::new(service()));
        let router = grpc.into_axum_router().merge(over_http(&shared));
        let task = tokio::spawn(serve::with_tls(listener, config, router));
        Self {
            grpc: address,
            http: address,
            shared,
            tasks: vec![task],
        }
    }

    /// Refuses all that comes with an HTTP status, or, over gRPC, with `unavailable`; 0: takes it again.
    pub fn refuse(&self, status: u16) {
        self.shared.refuses.store(status, Ordering::Relaxed);
    }

    /// Lets all that comes wait for its answer, or goes on.
    pub fn hold(&self, holds: bool) {
        self.shared.gate.shut(holds);
    }

    /// Which signals wait for their answer, one for each call, sorted: `logs`, `metrics`, `traces`.
    pub fn waiting(&self) -> Vec<&'static str> {
        self.shared.gate.waiting()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<SeenSpan> {
        lock(&self.shared.spans).clone()
    }

    /// All records of logs so far, in their order.
    pub fn logs(&self) -> Vec<SeenLog> {
        lock(&self.shared.logs).clone()
    }

    /// The first record of a log, come or still to come, that `fits`.
    ///
    /// # Panics
    /// When none comes before the deadline.
    pub async fn log(&self, what: &str, fits: impl Fn(&SeenLog) -> bool) -> SeenLog {
        wait_for(what, async || self.logs().into_iter().find(|it| fits(it))).await
    }

    /// A metric by its name, as it came last, once it `fits`.
    ///
    /// # Panics
    /// When none comes before the deadline.
    pub async fn metric(&self, name: &str, fits: impl Fn(&SeenMetric) -> bool) -> SeenMetric {
        wait_for(name, async || {
            let metric = lock(&self.shared.metrics).get(name).cloned();
            metric.filter(|it| fits(it))
        })
        .await
    }

    /// The names of all metrics so far.
    pub fn metric_names(&self) -> Vec<String> {
        lock(&self.shared.metrics).keys().cloned().collect()
    }

    /// The first span, come or still to come, that `fits`.
    ///
    /// # Panics
    /// When none comes before the deadline.
    pub async fn span(&self, what: &str, fits: impl Fn(&SeenSpan) -> bool) -> SeenSpan {
        wait_for(what, async || self.spans().into_iter().find(|it| fits(it))).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Where it takes what is sent over HTTP.
fn over_http(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/traces", post(take_traces))
        .route("/v1/metrics", post(take_metrics))
        .route("/v1/logs", post(take_logs))
        .with_state(Arc::clone(shared))
}

async fn bind() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    (listener.local_addr().expect("an address"), listener)
}

impl Shared {
    fn refusal(&self) -> Option<u16> {
        Some(self.refuses.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }

    fn take(&self, request: ExportTraceServiceRequest, over: &'static str, by: Option<String>) {
        let mut spans = lock(&self.spans);
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let resource = attributes(resource.attributes);
            for span in of_resource.scope_spans.into_iter().flat_map(|it| it.spans) {
                spans.push(SeenSpan {
                    over,
                    authorization: by.clone(),
                    resource: resource.clone(),
                    name: span.name,
                    trace_id: hex::encode(span.trace_id),
                    span_id: hex::encode(span.span_id),
                    parent: hex::encode(span.parent_span_id),
                    kind: span.kind,
                    attributes: attributes(span.attributes),
                    is_error: span.status.is_some_and(|it| it.code == 2),
                    times: (span.start_time_unix_nano, span.end_time_unix_nano),
                });
            }
        }
    }
}

impl Shared {
    fn take_metrics(&self, request: ExportMetricsServiceRequest) {
        let mut metrics = lock(&self.metrics);
        for of_resource in request.resource_metrics {
            let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
            let all = of_resource
                .scope_metrics
                .into_iter()
                .flat_map(|it| it.metrics);
            for metric in all {
                let seen = SeenMetric {
                    resource: resource.clone(),
                    unit: metric.unit,
                    series: metric.data.map(series).unwrap_or_default(),
                };
                metrics.insert(metric.name, seen);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "tests have small numbers")]
fn series(data: Data) -> Vec<(Attributes, f64)> {
    let points = match data {
        Data::Gauge(it) => it.data_points,
        Data::Sum(it) => it.data_points,
        Data::Histogram(it) => {
            let points = it.data_points.into_iter();
            return points
                .map(|it| (attributes(it.attributes), it.count as f64))
                .collect();
        }
        _ => Vec::new(),
    };
    let value = |value: Option<Number>| match value {
        Some(Number::AsDouble(value)) => value,
        Some(Number::AsInt(value)) => value as f64,
        None => 0.0,
    };
    let points = points.into_iter();
    points
        .map(|it| (attributes(it.attributes), value(it.value)))
        .collect()
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.gate.pass("metrics").await;
        self.0.take_metrics(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn take_metrics(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.gate.pass("metrics").await;
    match ExportMetricsServiceRequest::decode(body) {
        Ok(request) => {
            shared.take_metrics(request);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

struct Service(Arc<Shared>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.gate.pass("traces").await;
        if self.0.refusal().is_some() {
            return Err(Status::unavailable("not now"));
        }
        let by = request.metadata().get("authorization");
        let by = by.and_then(|it| it.to_str().ok()).map(str::to_owned);
        self.0.take(request.into_inner(), "grpc", by);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn take_traces(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    shared.gate.pass("traces").await;
    if let Some(status) = shared.refusal() {
        let status = StatusCode::from_u16(status).expect("a status");
        return (status, b"not now".to_vec());
    }
    let is_protobuf = headers
        .get("content-type")
        .is_some_and(|it| it == "application/x-protobuf");
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) if is_protobuf => {
            let by = headers.get("authorization").and_then(|it| it.to_str().ok());
            shared.take(request, "http", by.map(str::to_owned));
            (
                StatusCode::OK,
                ExportTraceServiceResponse::default().encode_to_vec(),
            )
        }
        _ => (StatusCode::BAD_REQUEST, Vec::new()),
    }
}

fn attributes(all: Vec<KeyValue>) -> Attributes {
    let one = |it: KeyValue| (it.key, value(it.value));
    all.into_iter().map(one).collect()
}

fn value(any: Option<AnyValue>) -> Value {
    match any.and_then(|it| it.value) {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(value)) => value.into(),
        Some(Any::IntValue(value)) => value.into(),
        Some(Any::DoubleValue(value)) => json!(value),
        Some(Any::ArrayValue(list)) => {
            let values = list.values.into_iter();
            values.map(|it| value(Some(it))).collect()
        }
        Some(Any::KvlistValue(list)) => attributes(list.values).into_iter().collect(),
        _ => Value::Null,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
