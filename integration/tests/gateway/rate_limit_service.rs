//! `envoy/rate-limit.yaml`: Envoy's own rate-limit service counts tokens by what tollgate says of each answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus};
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_server::{
    RateLimitService, RateLimitServiceServer,
};
use envoy_types::pb::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tollgate_integration::stack::paths::repository;
use tollgate_integration::stack::{CHAT_PATH, EnvoyConfig, Options, Stack, wait_for};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::support::{hello, hello_stream, refused, send, send_json};

/// A budget for each client, as Envoy's service has it.
#[derive(Clone)]
struct Service {
    budget: Arc<AtomicU64>,
    told: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Service {
    async fn start(budget: u64) -> (Self, u16) {
        let service = Self {
            budget: Arc::new(AtomicU64::new(budget)),
            told: Arc::default(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = RateLimitServiceServer::new(service.clone());
        let serving = Server::builder().add_service(server);
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        (service, port)
    }

    /// What it was told to be used, by whom.
    fn used(&self) -> Vec<(String, u64)> {
        let told = self.told.lock().expect("no poison");
        told.iter().filter(|(_, hits)| *hits > 0).cloned().collect()
    }

    fn asked(&self) -> usize {
        let told = self.told.lock().expect("no poison");
        told.iter().filter(|(_, hits)| *hits == 0).count()
    }

    async fn wait_for(&self, used: &[u64]) {
        wait_for("what was used", async || {
            (self.used().len() >= used.len()).then_some(())
        })
        .await;
        let expected: Vec<_> = used
            .iter()
            .map(|used| ("mobile-app".to_owned(), *used))
            .collect();
        assert_eq!(self.used(), expected);
    }

    fn count(&self, descriptor: &RateLimitDescriptor) -> Code {
        let [entry] = descriptor.entries.as_slice() else {
            panic!("{descriptor:?}");
        };
        assert_eq!(entry.key, "client");
        let hits = descriptor.hits_addend.expect("it says how many").value;
        let mut told = self.told.lock().expect("no poison");
        told.push((entry.value.clone(), hits));
        let of_client = told.iter().filter(|(client, _)| *client == entry.value);
        match of_client.map(|(_, hits)| hits).sum::<u64>() < self.budget.load(Ordering::Relaxed) {
            true => Code::Ok,
            false => Code::OverLimit,
        }
    }
}

#[tonic::async_trait]
impl RateLimitService for Service {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let request = request.into_inner();
        assert_eq!(request.domain, "tollgate");
        let codes: Vec<_> = request
            .descriptors
            .iter()
            .map(|it| self.count(it))
            .collect();
        let is_over = codes.contains(&Code::OverLimit);
        let status = |code: Code| DescriptorStatus {
            code: code.into(),
            ..DescriptorStatus::default()
        };
        Ok(Response::new(RateLimitResponse {
            overall_code: if is_over { Code::OverLimit } else { Code::Ok }.into(),
            statuses: codes.into_iter().map(status).collect(),
            ..RateLimitResponse::default()
        }))
    }
}

/// Puts the parts of the example where it says that they go.
fn apply(envoy: &mut EnvoyConfig, port: u16) {
    let EnvoyConfig(mut example) =
        EnvoyConfig::read(&repository("envoy/rate-limit.yaml")).expect("envoy/rate-limit.yaml");
    let mut part = |name: &str| example[name].take();
    let filters = list(&mut envoy.connection_manager()["http_filters"]);
    let router = filters.len() - 1;
    assert_eq!(filters[router - 1]["name"], "envoy.filters.http.ext_proc");
    filters.insert(router, part("http_filter"));
    let mappers = list(&mut envoy.connection_manager()["local_reply_config"]["mappers"]);
    mappers.insert(1, part("local_reply_mapper"));
    let host = &mut envoy.connection_manager()["route_config"]["virtual_hosts"][0];
    for (name, policy) in part("virtual_host").as_object().expect("an object") {
        host["typed_per_filter_config"][name] = policy.clone();
    }
    let mut cluster = part("cluster");
    let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    *cluster.pointer_mut(endpoint).expect("an address") =
        json!({ "address": "127.0.0.1", "port_value": port });
    list(envoy.at("/static_resources/clusters")).push(cluster);
}

fn list(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().expect("a list")
}

#[tokio::test]
async fn envoys_own_service_is_told_the_tokens_of_each_answer_and_refuses_who_has_used_them_up() {
    let (service, port) = Service::start(150).await;
    let mut stack =
        Stack::start(Options::default().edit_envoy(move |envoy| apply(envoy, port))).await;

    // Nobody: nothing is asked and nothing told.
    let url = stack.callers.url(CHAT_PATH);
    let (status, _) = refused(stack.callers.http1().post(url).json(&hello())).await;
    assert_eq!(status, 401);
    assert_eq!((service.asked(), service.used().len()), (0, 0));

    let (status, answer) =
        send_json(stack.chat(&hello()).header("x-fake-output-tokens", "50")).await;
    assert_eq!(status, 200, "{answer}");
    let first = answer["usage"]["total_tokens"].as_u64().expect("a number");
    service.wait_for(&[first]).await;

    let request = stack
        .chat(&hello_stream())
        .header("x-fake-output-tokens", "90");
    let stream = send(request).await.text().await.expect("a whole stream");
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let counted = wait_for("both records", async || {
        let lines = stack.tollgate().audit().json().into_iter();
        let tokens = lines.filter_map(|line| line["total_tokens"].as_u64());
        Some(tokens.collect::<Vec<_>>()).filter(|all| all.len() == 2)
    })
    .await;
    assert!(counted.iter().sum::<u64>() >= 150, "{counted:?}");
    service.wait_for(&counted).await;

    // Used up: the backend sees nothing more, and the client is told in words that its SDK knows.
    let seen = stack.azure.requests().len();
    for _ in 0..2 {
        let (status, code) = refused(stack.chat(&hello())).await;
        assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"));
    }
    assert_eq!(stack.azure.requests().len(), seen);
    assert_eq!(service.used().len(), 2, "a refusal costs nothing");
    service.budget.store(1_000, Ordering::Relaxed);
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    let said = stack.envoy.child().stderr().all();
    assert!(said.is_empty(), "{said:?}");
}
