//! The policies: who decides, how answers are read, how callers connect, how backends are asked.

use serde_json::{Value, json};

use super::{API, GATEWAY_GROUP, Input, NAME, backend_ref, meta, object, target_route};
use crate::envoy_config::mesh::Document;
use crate::envoy_config::mesh::json::Members as _;

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
    let mut asked = json!({
        "circuitBreaker": {
            "maxConnections": 100_000,
            "maxParallelRequests": 100_000,
            "maxPendingRequests": 100_000,
        },
        "connection": { "bufferLimit": "1Mi" },
        "http2": {
            "initialConnectionWindowSize": "16Mi",
            "initialStreamWindowSize": "1Mi",
            "maxConcurrentStreams": 100_000,
        },
        "timeout": { "tcp": { "connectTimeout": "1s" } },
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
                "perRetry": { "backOff": { "baseInterval": "5ms", "maxInterval": "20ms" } },
                "retryOn": { "triggers": triggers },
            }),
        );
        asked.put("circuitBreaker/maxParallelRetries", json!(100_000));
    }
    asked
}

fn security(input: &Input<'_>) -> Value {
    let mut spec = json!({
        "targetRefs": target_route(),
        "extAuth": {
            "failOpen": false,
            "statusOnError": 503,
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
                "maxAge": "2h",
                "allowCredentials": false,
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
            "failOpen": false,
            "statusOnError": 503,
            "messageTimeout": proc.at("message_timeout"),
            // No `response`: tollgate asks for answers itself.
            "processingMode": { "allowModeOverride": true, "request": { "body": "Buffered" } },
            "metadata": {
                "accessibleNamespaces": metadata.at("forwarding_namespaces/untyped"),
                "writableNamespaces": metadata.at("receiving_namespaces/untyped"),
            },
        }],
    })
}

fn traffic(input: &Input<'_>) -> Value {
    let action = input.own.action();
    let retry_on = action.at("retry_policy/retry_on").as_str();
    let triggers: Value = retry_on.unwrap_or_default().split(',').collect();
    json!({
        "targetRefs": target_route(),
        "circuitBreaker": {
            "maxConnections": 10_000,
            "maxParallelRequests": 10_000,
            "maxPendingRequests": 10_000,
        },
        "connection": { "bufferLimit": "1Mi" },
        "retry": {
            "numRetries": action.at("retry_policy/num_retries"),
            "retryOn": { "triggers": triggers },
        },
        "tcpKeepalive": { "idleTime": "60s", "interval": "15s", "probes": 3 },
        "timeout": {
            "http": {
                "connectionIdleTimeout": "60s",
                "maxStreamDuration": action.at("max_stream_duration/max_stream_duration"),
                "requestTimeout": "0s",
                "streamIdleTimeout": action.at("idle_timeout"),
            },
            "tcp": { "connectTimeout": "5s" },
        },
    })
}

fn client(input: &Input<'_>) -> Value {
    let (manager, gateway) = (&input.own.manager, input.gateway);
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
            "bufferLimit": "1Mi",
            "connectionLimit": { "value": input.settings.max_connections },
        },
        "http2": {
            "initialConnectionWindowSize": "1Mi",
            "initialStreamWindowSize": "256Ki",
            "maxConcurrentStreams": manager.at("http2_protocol_options/max_concurrent_streams"),
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
    if input.settings.tls.is_some() {
        spec.put("tls", json!({ "minVersion": "1.2" }));
        spec.put("timeout/tcp", json!({ "tlsHandshakeTimeout": "10s" }));
    }
    if input.settings.certificates {
        spec.put("tls/clientValidation", json!({ "mode": "Request" }));
    }
    json!({
        "apiVersion": API,
        "kind": "ClientTrafficPolicy",
        "metadata": meta(NAME, &gateway.namespace),
        "spec": spec,
    })
}
