use super::*;
use crate::envoy_config::{Address, Backend, Tls, TollgateAddress};

const PARTS: [Part; 6] = [
    Part::ConnectionManager,
    Part::Routes,
    Part::Filters,
    Part::LocalReplies,
    Part::AccessLog,
    Part::Clusters,
];

fn settings() -> Settings {
    let address = |port| Address {
        address: "127.0.0.1".to_owned(),
        port,
    };
    Settings {
        listen: address(8443),
        admin: address(9901),
        tls: Some(Tls {
            certificate: "/tls.crt".to_owned(),
            key: "/tls.key".to_owned(),
        }),
        certificates: false,
        trusted_hops: 0,
        allowed_origins: Vec::new(),
        max_connections: 20_000,
        max_heap_bytes: 1 << 30,
        tollgate: TollgateAddress::Pipe {
            pipe: "/run/t.sock".to_owned(),
        },
        user_headers: Vec::new(),
        body_buffer_bytes: 1,
        audio_body_buffer_bytes: 2,
        pooled: false,
        backends: vec![Backend {
            name: "sweden".to_owned(),
            cluster: "azure_openai".to_owned(),
            host: Some("acme.openai.azure.com".to_owned()),
            port: 443,
            trusted_ca: "/ca.pem".to_owned(),
        }],
    }
}

fn read(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\nin\n{text}"))
}

#[test]
fn each_part_is_in_the_whole_as_it_is() {
    let settings = settings();
    let whole = render(&settings, Part::Whole).expect("a configuration");
    let left: Vec<_> = whole.lines().map(str::trim_start).collect();
    for part in PARTS {
        let text = render(&settings, part).expect("a part");
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        let is_in = left.windows(lines.len()).any(|window| window == lines);
        assert!(is_in, "{part:?} is not in the whole:\n{text}");
        read(&text);
    }
    assert_eq!(whole, render(&settings, Part::Whole).expect("a second one"));
}

#[test]
fn a_hostile_value_stays_one_value() {
    let hostile = "x\"\n  admin: { address: evil } #{{ listen }}";
    let mut settings = settings();
    settings.allowed_origins = vec![hostile.to_owned()];
    settings.user_headers = vec![hostile.to_owned()];
    settings.tls = Some(Tls {
        certificate: hostile.to_owned(),
        key: hostile.to_owned(),
    });
    if let Some(backend) = settings.backends.first_mut() {
        backend.host = Some(hostile.to_owned());
    }
    let whole = render(&settings, Part::Whole).expect("a configuration");
    let whole = read(&whole);
    assert_eq!(
        whole["admin"]["address"]["socket_address"]["port_value"],
        9901
    );
    let endpoint = "/static_resources/clusters/1/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address";
    assert_eq!(whole.pointer(endpoint), Some(&serde_json::json!(hostile)));
}

#[test]
fn a_backend_without_an_endpoint_is_said() {
    let mut settings = settings();
    if let Some(backend) = settings.backends.first_mut() {
        backend.host = None;
    }
    let error = render(&settings, Part::Whole).expect_err("no address");
    assert!(
        error.to_string().contains("`sweden` has no `endpoint`"),
        "{error}"
    );
}
