//! Every seed of the fuzzer's requests through the service's own entry and through `explain`: both must
//! decide the same, for the same reason.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::google::protobuf::value::Kind;
use prost::Message;
use tonic::Request;
use zeroize::Zeroizing;

use super::*;
use crate::auth::{Key, KeyDigest};
use crate::config::{Config, KeyRefresh};
use crate::envoy::Authz;
use crate::gateway::{Basis, Decided, Gateway, Reason, create};
use crate::limits::Limits;
use crate::policy::LivePolicy;
use crate::telemetry::{AuditLog, Metrics};
use crate::upstream::Identity;

/// The reason of what is allowed.
const ALLOWED: &str = "";

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(path)
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(fuzz(&format!("corpus/{target}"))).expect("a corpus");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.expect("an entry").path();
        (
            path.display().to_string(),
            std::fs::read(path).expect("a seed"),
        )
    };
    files.map(read).collect()
}

fn gateway(policy: Policy) -> Arc<Gateway> {
    let (limits, _told) = Limits::new();
    let (audit, _writer) = AuditLog::start(std::io::sink()).expect("a thread");
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let policy = Arc::new(LivePolicy::new(policy));
    Arc::new(Gateway::new(
        policy,
        Arc::new(Identity::default()),
        metrics,
        audit,
        None,
        limits,
    ))
}

fn saved(
    method: &str,
    target: &str,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
) -> SavedRequest {
    let headers = headers.into_iter();
    SavedRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers
            .map(|(name, value)| (name, Zeroizing::new(value)))
            .collect(),
        body,
    }
}

async fn explained(gateway: &Gateway, asking: &Asking) -> &'static str {
    let policy = gateway.policy();
    let explanation = explain(&policy, None, asking, Explanation::default()).await;
    explanation
        .refusal
        .map_or(ALLOWED, |refusal| refusal.reason.label())
}

/// The reason that ext_authz gives Envoy.
async fn checked(authz: &Authz, check: CheckRequest) -> Option<String> {
    let response = authz.check(Request::new(check)).await.ok()?.into_inner();
    let fields = response.dynamic_metadata?.fields;
    let reason = fields.get("reason").and_then(|it| it.kind.clone());
    match reason {
        Some(Kind::StringValue(reason)) => Some(reason),
        _ => Some(ALLOWED.to_owned()),
    }
}

#[tokio::test]
async fn every_check_is_explained_as_it_is_decided() {
    let mut config = Config::load(&fuzz("fixture/tollgate.yaml")).expect("the fixture");
    for refresh in &std::mem::take(&mut config.key_refreshes) {
        KeyRefresh::fetch_once(refresh)
            .await
            .expect("keys of a file");
    }
    let gateway = gateway(config.policy);
    let authz = Authz::new(Arc::clone(&gateway));
    let mut reasons = std::collections::BTreeSet::new();
    for (name, bytes) in seeds("check") {
        let Ok(check) = CheckRequest::decode(bytes.as_slice()) else {
            continue;
        };
        let attributes = check.attributes.clone().unwrap_or_default();
        let Some(http) = attributes.request.and_then(|it| it.http) else {
            continue;
        };
        let fields = http.header_map.iter().flat_map(|map| &map.headers);
        let headers: Vec<_> = fields
            .map(|field| (field.key.clone(), field.raw_value.clone()))
            .collect();
        let forwarded: Vec<_> = headers
            .iter()
            .filter(|(name, _)| name == "x-forwarded-client-cert")
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect();
        let leaf = attributes.source.unwrap_or_default().certificate;
        let is_presented = !leaf.is_empty() || !forwarded.is_empty();
        let asking = Asking {
            request: saved(&http.method, &http.path, headers, None),
            certificate: is_presented.then(|| ForwardedCertificate {
                header: forwarded.join(","),
                leaf,
            }),
            address: None,
            now: SystemTime::now(),
            service: None,
        };
        let Some(decided) = checked(&authz, check).await else {
            continue;
        };
        let explained = explained(&gateway, &asking).await;
        // Without a body explain stops where the body's model would decide.
        let is_open = explained == "model_missing" && decided == ALLOWED;
        assert!(
            is_open || explained == decided,
            "{name}: {explained:?} for {decided:?}"
        );
        reasons.insert(decided);
    }
    assert!(
        reasons.len() > 10,
        "too few kinds of decisions: {reasons:?}"
    );
}

#[tokio::test]
async fn every_body_is_explained_as_it_is_decided() {
    let key = Key::generate().expect("random numbers");
    let digest = KeyDigest::of_presented(key.expose()).expect("a key");
    let yaml = format!(
        "listen: {{ grpc: \"unix:/run/tollgate/tollgate.sock\", admin: \"127.0.0.1:9090\" }}\n\
         identity: {{ managed_identity: {{}} }}\n\
         clients: [ {{ id: app, credentials: [ {{ key: {{ sha256: \"{}\", slot: primary }} }} ], products: [standard] }} ]\n\
         products: [ {{ id: standard, deployments: [gpt-4o], operations: [chat.completions, completions, embeddings, responses, images.generations, images.edits, audio.transcriptions, audio.speech, files, batches] }} ]\n\
         backends: [ {{ name: sweden, endpoint: \"https://acme.openai.azure.com\" }} ]\n",
        digest.to_hex(),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tollgate.yaml");
    std::fs::write(&file, yaml).expect("written");
    let gateway = gateway(Config::load(&file).expect("good").policy);
    let mut reasons = std::collections::BTreeSet::new();
    let (json, forms) = (json_seeds(), form_seeds());
    for (path, seeds) in [
        ("/openai/v1/chat/completions", &json),
        (
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
            &json,
        ),
        ("/openai/v1/responses", &json),
        ("/openai/v1/embeddings", &json),
        ("/openai/v1/batches", &json),
        ("/openai/v1/audio/speech", &json),
        ("/openai/v1/audio/transcriptions", &forms),
        (
            "/openai/deployments/gpt-4o/audio/transcriptions?api-version=2024-10-21",
            &forms,
        ),
        ("/openai/v1/files", &forms),
    ] {
        for (name, content_type, body) in seeds {
            let headers = vec![
                ("api-key".to_owned(), key.expose().as_bytes().to_vec()),
                ("content-type".to_owned(), content_type.as_bytes().to_vec()),
            ];
            let asking = Asking {
                request: saved("POST", path, headers.clone(), Some(body.clone())),
                certificate: None,
                address: None,
                now: SystemTime::now(),
                service: None,
            };
            let decided = decided(&gateway, path, &headers, body.clone()).await;
            let explained = explained(&gateway, &asking).await;
            // Whose something stored is only the service knows.
            let is_of_nobody = decided.ends_with("_not_found") && explained == ALLOWED;
            assert!(
                is_of_nobody || explained == decided,
                "{path} {name}: {explained:?} for {decided:?}"
            );
            reasons.insert(decided);
        }
    }
    assert!(
        reasons.len() >= 8,
        "too few kinds of decisions: {reasons:?}"
    );
}

/// Bodies of JSON, with their names and `content-type`.
fn json_seeds() -> Vec<(String, String, Vec<u8>)> {
    let json = "application/json".to_owned();
    let seeds = seeds("body").into_iter();
    seeds
        .map(|(name, body)| (name, json.clone(), body))
        .collect()
}

/// Forms; the first line of a seed is its `content-type`.
fn form_seeds() -> Vec<(String, String, Vec<u8>)> {
    let seeds = seeds("form").into_iter();
    seeds
        .filter_map(|(name, seed)| {
            let end = memchr::memchr(b'\n', &seed)?;
            let content_type = String::from_utf8(seed[..end].to_vec()).ok()?;
            Some((name, content_type, seed[end + 1..].to_vec()))
        })
        .collect()
}

/// What the service decides about a request with a body.
async fn decided(
    gateway: &Arc<Gateway>,
    path: &str,
    headers: &[(String, Vec<u8>)],
    body: Vec<u8>,
) -> &'static str {
    let policy = gateway.policy();
    let head = Head {
        method: "POST",
        path,
        certificate: "",
        address: None,
    };
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()));
    let mut context = RequestContext::at(SystemTime::now());
    let rules = gateway.rules(&policy);
    let allowed = decide_head(&rules, &head, headers.clone(), &mut context, &mut ()).await;
    let allowed = match allowed {
        Ok(allowed) => allowed,
        Err(refusal) => return refusal.reason.label(),
    };
    let (decision, proof) = (allowed.decision, allowed.proof);
    if let Err(refusal) = check_content(&decision.target, headers.clone()) {
        return refusal.reason.label();
    }
    let kept = match gateway.keep("POST", decision, Basis::new(&policy, proof), context) {
        Ok(kept) => kept,
        Err(refusal) => return refusal.reason.label(),
    };
    let admitted = gateway.take(kept.id).expect("a decision");
    let mut admitted = admitted.expect("its share has room already");
    let content_type = headers.rev().find(|(name, _)| *name == "content-type");
    let content_type = content_type.and_then(|(_, value)| std::str::from_utf8(value).ok());
    admitted.content_type = content_type.expect("a content-type").to_owned();
    let Decided::Now(decided) = create(gateway, admitted, body) else {
        panic!("nothing here has a queue");
    };
    match decided {
        Ok(_) => ALLOWED,
        // All has been decided, and only the identity of this test is missing.
        Err(rejected) if rejected.refusal.reason == Reason::NoIdentity => ALLOWED,
        Err(rejected) => rejected.refusal.reason.label(),
    }
}
