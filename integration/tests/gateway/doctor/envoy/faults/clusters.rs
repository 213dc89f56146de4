//! Where requests go: backends, and tollgate.

use serde_json::json;

use super::{Fault, backend};

pub(super) const FAULTS: [Fault; 4] = [
    (
        "the file is stale: another address",
        |config| {
            *backend(config)
                .pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value")
                .expect("a port") = json!(1);
        },
        "backends",
        "the cluster azure_openai leads to 127.0.0.1:1, and the backend sweden is at 127.0.0.1:",
        "write Envoy's configuration again",
    ),
    (
        "the token goes out in the clear",
        |config| {
            let cluster = backend(config).as_object_mut().expect("a cluster");
            cluster.remove("transport_socket").expect("it was there");
        },
        "backends",
        "has no TLS",
        "transport_socket",
    ),
    (
        "a certificate of any name is good",
        |config| {
            let tls = &mut backend(config)["transport_socket"]["typed_config"];
            let validation = &mut tls["common_tls_context"]["validation_context"];
            let validation = validation.as_object_mut().expect("a context");
            let names = "match_typed_subject_alt_names";
            validation.remove(names).expect("names");
        },
        "backends",
        "accepts a certificate of any name",
        "auto_sni_san_validation",
    ),
    (
        "another tollgate is asked",
        |config| config.tollgate_socket(std::path::Path::new("/run/other/tollgate.sock")),
        "tollgate",
        "ext_proc asks unix:/run/other/tollgate.sock",
        "they must ask the same one",
    ),
];
