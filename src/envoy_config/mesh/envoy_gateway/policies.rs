//! The policies: who decides, how answers are read, how callers connect, how backends are asked.

use serde_json::{Value, json};

use super::{API, GATEWAY_GROUP, Input, NAME, backend_ref, meta, object, target_route};
use crate::envoy_config::mesh::Document;
use crate::envoy_config::mesh::json::Members as _;
use crate::envoy_config::mesh::own::HTTP_OPTIONS;
use crate::envoy_config::mesh::units::{duration, quantity};

/// What Envoy holds of a connection to somebody it asks, where nothing else is said. Envoy Gateway says less.
const BUFFER: &str = "1Mi";

pub(super) fn documents(input: &Input<'_>) -> Vec<Document> {
    vec![
        Document::new(
            "Who is this, and may it ask for this? Never open: an outage is 503, and no permission.",
            object("SecurityPolicy", input, NAME, security(input)),
        ),
        Document::new(
            "Swaps the credential, checks the body, counts the tokens of the answer.",
            object("EnvoyExtensionPolicy", input, NAME, extension(input)),
        ),
        Document::new(
            "How backends are asked: an answer takes as long as it takes.",
            object("BackendTrafficPolicy", input, NAME, traffic(input)),
        ),
        Document::new(
            "How callers connect: one spelling of a path and of a header is all that tollgate has to judge.",
            client(input),
        ),
    ]
}

/// How tollgate is asked. Every request in flight is a stream there.
fn asked(input: &Input<'_>) -> Value {
    let cluster = &input.own.tollgate;
    let http = cluster.at(HTTP_OPTIONS);
    let http = http.at("explicit_http_config/http2_protocol_options");
    let mut asked = json!({
        "circuitBreaker": breaker(cluster),
        "connection": { "bufferLimit": BUFFER },
        "http2": {
            "initialConnectionWindowSize": quantity(http.at("initial_connection_window_size")),
            "initialStreamWindowSize": quantity(http.at("initial_stream_window_size")),
            "maxConcurrentStreams": http.at("max_concurrent_streams"),
        },
        "timeout": { "tcp": { "connectTimeout": cluster.at("connect_timeout") } },
    });
    let retry = input.own.authz.at("grpc_service/retry_policy");
    if !retry.is_null() {
        // What can't be sent to one replica goes to another one.
        let retry_on = retry.at("retry_on").as_str().unwrap_or_default();
        let triggers: Value = retry_on.split(',').collect();
        asked.put(
            "retry",
            json!({
                "numRetries": retry.at("num_retries"),
                "perRetry": { "backOff": {
                    "baseInterval": duration(retry.at("retry_back_off/base_interval")),
                    "maxInterval": duration(retry.at("retry_back_off/max_interval")),
                } },
                "retryOn": { "triggers": triggers },
            }),
        );
        let retries = cluster.at("circuit_breakers/thresholds/0/max_retries");
        asked.put("circuitBreaker/maxParallelRetries", retries.clone());
        // By the fewest requests one that has died would get all of them.
        asked.put("loadBalancer", json!({ "type": "RoundRobin" }));
    }
    asked
}

/// How much at once.
fn breaker(cluster: &Value) -> Value {
    let thresholds = cluster.at("circuit_breakers/thresholds/0");
    json!({
        "maxConnections": thresholds.at("max_connections"),
        "maxParallelRequests": thresholds.at("max_requests"),
        "maxPendingRequests": thresholds.at("max_pending_requests"),
    })
}

fn security(input: &Input<'_>) -> Value {
    let mut spec = json!({
        "targetRefs": target_route(),
        "extAuth": {
            "failOpen": input.own.authz.at("failure_mode_allow"),
            "statusOnError": input.own.unavailable,
            "timeout": input.own.authz.at("grpc_service/timeout"),
            "headersToExtAuth": input.own.shown_headers(),
            "grpc": { "backendRefs": [backend_ref(NAME)], "backendSettings": asked(input) },
        },
    });
    if !input.settings.allowed_origins.is_empty() {
        let cors = input.own.cors();
        let list = |name: &str| -> Value {
            let text = cors.at(name).as_str().unwrap_or_default();
            text.split(", ").collect()
        };
        spec.put(
            "cors",
            json!({
                "allowOrigins": input.settings.allowed_origins,
                "allowMethods": list("allow_methods"),
                "allowHeaders": list("allow_headers"),
                "exposeHeaders": list("expose_headers"),
                "maxAge": duration(cors.at("max_age")),
                "allowCredentials": cors.at("allow_credentials"),
            }),
        );
    }
    spec
}

fn extension(input: &Input<'_>) -> Value {
    let proc = &input.own.proc;
    let metadata = proc.at("metadata_options");
    json!({
        "targetRefs": target_route(),
        "extProc": [{
            "backendRefs": [backend_ref(NAME)],
            "backendSettings": asked(input),
            "failOpen": proc.at("failure_mode_allow"),
            "statusOnError": input.own.unavailable,
            "messageTimeout": proc.at("message_timeout"),
            // No `response`: tollgate asks for answers itself.
            "processingMode": {
                "allowModeOverride": proc.at("allow_mode_override"),
                "request": { "body": "Buffered" },
            },
            "metadata": {
                "accessibleNamespaces": metadata.at("forwarding_namespaces/untyped"),
                "writableNamespaces": metadata.at("receiving_namespaces/untyped"),
            },
        }],
    })
}

fn traffic(input: &Input<'_>) -> Value {
    let action = input.own.action();
    let cluster = input.own.backend();
    let keepalive = cluster.at("upstream_connection_options/tcp_keepalive");
    let http = cluster.at(HTTP_OPTIONS);
    let retry_on = action.at("retry_policy/retry_on").as_str();
    let triggers: Value = retry_on.unwrap_or_default().split(',').collect();
    json!({
        "targetRefs": target_route(),
        "circuitBreaker": breaker(cluster),
        "connection": { "bufferLimit": BUFFER },
        "retry": {
            "numRetries": action.at("retry_policy/num_retries"),
            "retryOn": { "triggers": triggers },
        },
        "tcpKeepalive": {
            "idleTime": duration(keepalive.at("keepalive_time")),
            "interval": duration(keepalive.at("keepalive_interval")),
            "probes": keepalive.at("keepalive_probes"),
        },
        "timeout": {
            "http": {
                "connectionIdleTimeout": http.at("common_http_protocol_options/idle_timeout"),
                "maxStreamDuration": action.at("max_stream_duration/max_stream_duration"),
                "requestTimeout": action.at("timeout"),
                "streamIdleTimeout": action.at("idle_timeout"),
            },
            "tcp": { "connectTimeout": cluster.at("connect_timeout") },
        },
    })
}

fn client(input: &Input<'_>) -> Value {
    let (listener, manager, gateway) = (&input.own.listener, &input.own.manager, input.gateway);
    let http2 = manager.at("http2_protocol_options");
    let certificates = match input.settings.certificates {
        // Asked for, not required, and proves that the caller has the key: tollgate judges the chain.
        true => json!({
            "mode": "SanitizeSet",
            "certDetailsToAdd": ["Subject", "Cert", "Chain", "DNS", "URI"],
        }),
        false => json!({ "mode": "Sanitize" }),
    };
    let mut spec = json!({
        "targetRefs": [{
            "group": GATEWAY_GROUP,
            "kind": "Gateway",
            "name": gateway.name,
            "sectionName": gateway.listener,
        }],
        "path": { "disableMergeSlashes": false, "escapedSlashesAction": "RejectRequest" },
        "headers": {
            "enableEnvoyHeaders": false,
            "requestID": "Generate",
            "withUnderscoresAction": "RejectRequest",
            "xForwardedClientCert": certificates,
        },
        "connection": {
            "bufferLimit": quantity(listener.at("per_connection_buffer_limit_bytes")),
            "connectionLimit": { "value": input.settings.max_connections },
        },
        "http2": {
            "initialConnectionWindowSize": quantity(http2.at("initial_connection_window_size")),
            "initialStreamWindowSize": quantity(http2.at("initial_stream_window_size")),
            "maxConcurrentStreams": http2.at("max_concurrent_streams"),
        },
        "timeout": {
            "http": {
                "idleTimeout": manager.at("common_http_protocol_options/idle_timeout"),
                "requestHeadersReceivedTimeout": manager.at("request_headers_timeout"),
                "requestReceivedTimeout": manager.at("request_timeout"),
                "streamIdleTimeout": manager.at("stream_idle_timeout"),
            },
        },
    });
    if input.settings.trusted_hops > 0 {
        spec.put(
            "clientIPDetection",
            json!({ "xForwardedFor": { "numTrustedHops": input.settings.trusted_hops } }),
        );
    }
    encrypt(input, &mut spec);
    json!({
        "apiVersion": API,
        "kind": "ClientTrafficPolicy",
        "metadata": meta(NAME, &gateway.namespace),
        "spec": spec,
    })
}

/// How callers' connections are encrypted, if they are.
fn encrypt(input: &Input<'_>, spec: &mut Value) {
    let listener = &input.own.listener;
    let least = input
        .own
        .tls()
        .at("tls_params/tls_minimum_protocol_version");
    if let Some(least) = least.as_str() {
        // `TLSv1_2` there.
        let least = least.trim_start_matches("TLSv").replace('_', ".");
        spec.put("tls", json!({ "minVersion": least }));
        let handshake = listener.at("filter_chains/0/transport_socket_connect_timeout");
        spec.put("timeout/tcp", json!({ "tlsHandshakeTimeout": handshake }));
    }
    if input.settings.certificates {
        spec.put("tls/clientValidation", json!({ "mode": "Request" }));
    }
}
