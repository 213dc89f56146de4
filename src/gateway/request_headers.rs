//! Which headers of a request go on to a backend: those that Azure OpenAI documents or that HTTP needs. What
//! is not listed stays here, because nobody can say what a service behind the gateway makes of it: a header
//! can name another deployment, another method, or carry a credential.

/// Headers that go on, by their names in lower case.
const PASSED_ON: [&str; 26] = [
    // What HTTP needs; Envoy takes care of those that concern one connection only (RFC 9110, section 7.6.1).
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // What the caller takes. The gateway sets accept-encoding and authorization itself.
    "accept",
    "accept-encoding",
    "authorization",
    "user-agent",
    // The handshake of a WebSocket (RFC 6455, section 11.3). ext_authz has removed what must not be in the
    // protocols.
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    // Who asks for what, in traces and at Azure's support
    // (<https://www.w3.org/TR/trace-context/>,
    // <https://learn.microsoft.com/rest/api/azure/#create-the-request>).
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-ms-client-request-id",
    "x-ms-return-client-request-id",
    "x-ms-useragent",
    // Versions of the API (<https://learn.microsoft.com/azure/ai-services/openai/reference>).
    "openai-beta",
];
/// Beginnings of names that go on: what the official SDKs say of themselves. Envoy's own headers don't: what
/// it tells itself it adds behind the filters.
const PASSED_ON_PREFIXES: [&str; 2] = [":", "x-stainless-"];

/// Whether a header of this name, in lower case, goes on to a backend.
pub(crate) fn is_passed_on(name: &str) -> bool {
    PASSED_ON.contains(&name)
        || PASSED_ON_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_deployment_a_method_or_a_credential_stays_here() {
        for name in [
            "api-key",
            "azureml-model-deployment",
            "cookie",
            "openai-organization",
            "x-envoy-original-path",
            "x-goog-api-key",
            "x-http-method-override",
            "x-ms-oai-image-generation-deployment",
            "x-ms-spillover-deployment",
            "x-original-url",
            "x-what-nobody-knows",
            "xx-stainless-lang",
        ] {
            assert!(!is_passed_on(name), "{name}");
        }
    }

    #[test]
    fn what_a_request_needs_goes_on() {
        for name in [":path", "content-type", "x-stainless-lang", "traceparent"] {
            assert!(is_passed_on(name), "{name}");
        }
    }
}
