//! What the fake has in hand, and the first steps of every request.

use super::deployment::{Deployments, Limiter};
use super::guard::{Guard, text};
use super::ledger::Ledger;
use super::log::{RecordedRequest, RequestLog};
use super::objects::ObjectStore;
use super::responses::store::ResponseStore;
use super::script::Fault;
use super::{AzureOptions, canned, exchange, headers, inspect, realtime};
use crate::fakes::body::{ReplyBody, Reset};
use crate::fakes::server::Handler;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The fake without its server.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) guard: Guard,
    pub(super) ledger: Arc<Ledger>,
    pub(super) log: RequestLog,
    pub(super) limiter: Limiter,
    pub(super) responses: ResponseStore,
    pub(super) objects: ObjectStore,
    pub(super) canned: canned::Cache,
    region: HeaderValue,
    date: Option<HeaderValue>,
    deployments: RwLock<Arc<Deployments>>,
    fault: Mutex<Option<Fault>>,
    /// Each of one request, before the one of all.
    next_faults: Mutex<VecDeque<Fault>>,
}

impl Service {
    pub(super) fn new(options: AzureOptions) -> Self {
        Self {
            name: options.name,
            guard: Guard::new(
                options.token_secret,
                options.audience,
                options.principals,
                options.has_keys,
            ),
            ledger: Arc::default(),
            log: RequestLog::default(),
            limiter: Limiter::default(),
            responses: ResponseStore::default(),
            objects: ObjectStore::default(),
            canned: canned::Cache::default(),
            region: HeaderValue::try_from(options.region)
                .expect("a region's name is text that fits into a header"),
            date: options.date.map(HeaderValue::from_static),
            deployments: RwLock::new(Arc::new(options.deployments)),
            fault: Mutex::default(),
            next_faults: Mutex::default(),
        }
    }

    pub(super) fn deployments(&self) -> Arc<Deployments> {
        let deployments = self.deployments.read();
        Arc::clone(&deployments.unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_deployments(&self, deployments: Deployments) {
        let mut current = self
            .deployments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(deployments);
        self.canned.clear();
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The fault of the request that is in hand.
    pub(super) fn next_fault(&self) -> Option<Fault> {
        let mut next = self
            .next_faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        next.pop_front().or_else(|| self.fault())
    }

    pub(super) fn add_faults(&self, faults: &[Fault]) {
        let mut next = self
            .next_faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        next.extend(faults);
    }

    pub(super) fn clear(&self) {
        self.ledger.clear();
        self.log.clear();
        self.guard.clear();
        self.limiter.clear();
        self.responses.clear();
        self.objects.clear();
    }
}

impl Handler for Service {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Reset> {
        if realtime::is_upgrade(&request) {
            return Ok(realtime::answer(&self, request));
        }
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
        if parts.uri.path().starts_with(inspect::PATH) {
            return Ok(inspect::answer(&self, &parts, &body));
        }
        let mut response = if parts.headers.contains_key(canned::HEADER) {
            canned::answer(&self, &parts, &body)
        } else {
            let request_id = text(&parts.headers, "x-request-id").map(str::to_owned);
            let bill = self.ledger.open(request_id);
            let record = RecordedRequest::new(bill.sequence(), &parts, body.clone());
            self.log.push(record);
            exchange::answer(&self, &parts, &body, bill).await?
        };
        headers::add_common(&mut response, &parts.headers, &self.region);
        if let Some(date) = &self.date {
            response.headers_mut().insert(header::DATE, date.clone());
        }
        Ok(response)
    }
}
