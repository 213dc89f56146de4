use super::*;
use crate::envoy_config::{Address, Backend, Service, Tls, TollgateAddress, Version};

pub(in crate::envoy_config) fn settings() -> Settings {
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
        tollgate: Some(TollgateAddress::Pipe {
            pipe: "/run/t.sock".to_owned(),
        }),
        user_headers: Vec::new(),
        body_buffer_bytes: 1,
        audio_body_buffer_bytes: 2,
        keep_instance_headers: false,
        pooled: false,
        tracing: None,
        kubernetes: None,
        version: None,
        backends: vec![backend("sweden", "azure_openai")],
    }
}

pub(in crate::envoy_config) fn backend(name: &str, cluster: &str) -> Backend {
    Backend {
        name: name.to_owned(),
        cluster: cluster.to_owned(),
        host: Some(format!("acme-{name}.openai.azure.com")),
        is_address: false,
        port: 443,
        trusted_ca: "/ca.pem".to_owned(),
    }
}

pub(in crate::envoy_config) fn service() -> Service {
    Service {
        host: "tollgate.svc".to_owned(),
        is_address: false,
        port: 9000,
        certificate: "/client.crt".to_owned(),
        key: "/client.key".to_owned(),
        trusted_ca: "/own-ca.pem".to_owned(),
    }
}

/// tollgate on a Unix socket, on a loopback address and as a service, each in front of one backend and of three.
fn all_kinds() -> Vec<Settings> {
    let socket = TollgateAddress::Socket(Address {
        address: "127.0.0.1".to_owned(),
        port: 9000,
    });
    let service = TollgateAddress::Service(service());
    let mut kinds = Vec::new();
    for tollgate in [settings().tollgate, Some(socket), Some(service)] {
        let one = Settings {
            tollgate,
            ..settings()
        };
        let named = ["sweden", "east", "west"].map(|it| backend(it, &format!("azure_openai.{it}")));
        kinds.push(one.clone());
        kinds.push(Settings {
            pooled: true,
            backends: named.into(),
            ..one
        });
    }
    kinds
}

pub(in crate::envoy_config) fn read(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\nin\n{text}"))
}

#[test]
fn each_part_is_in_the_whole_as_it_is() {
    for settings in all_kinds() {
        let whole = render(&settings, Part::Whole).expect("a configuration");
        let left: Vec<_> = whole.lines().map(str::trim_start).collect();
        for (part, name, _) in Part::NAMED {
            assert_eq!(Part::named(name), Some(part));
            let text = render(&settings, part).expect("a part");
            let lines: Vec<_> = text.lines().map(str::trim_start).collect();
            let is_in = left.windows(lines.len()).any(|window| window == lines);
            assert!(is_in, "{part:?} is not in the whole:\n{text}");
            read(&text);
        }
        assert_eq!(whole, render(&settings, Part::Whole).expect("a second one"));
    }
}

#[test]
fn tollgate_is_where_it_listens() {
    let at = |settings: &Settings| {
        let whole = read(&render(settings, Part::Whole).expect("a configuration"));
        let endpoint = "/static_resources/clusters/0/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
        whole.pointer(endpoint).cloned().unwrap_or_default()
    };
    let pipe = serde_json::json!({ "pipe": { "path": "/run/t.sock" } });
    let socket = serde_json::json!({
        "socket_address": { "address": "127.0.0.1", "port_value": 9000 }
    });
    let there: Vec<_> = all_kinds().iter().map(at).collect();
    let service = serde_json::json!({
        "socket_address": { "address": "tollgate.svc", "port_value": 9000 }
    });
    let wanted = [&pipe, &pipe, &socket, &socket, &service, &service];
    assert_eq!(there.iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_hostile_value_stays_one_value() {
    let hostile = "x\"\n  admin: { address: evil } #{{ listen }}";
    for mut settings in all_kinds() {
        let first = settings.backends.len() - 1;
        settings.allowed_origins = vec![hostile.to_owned()];
        settings.user_headers = vec![hostile.to_owned()];
        settings.tls = Some(Tls {
            certificate: hostile.to_owned(),
            key: hostile.to_owned(),
        });
        settings.tollgate = settings.tollgate.map(|address| match address {
            TollgateAddress::Pipe { .. } => TollgateAddress::Pipe {
                pipe: hostile.to_owned(),
            },
            TollgateAddress::Service(service) => TollgateAddress::Service(Service {
                host: hostile.to_owned(),
                certificate: hostile.to_owned(),
                key: hostile.to_owned(),
                trusted_ca: hostile.to_owned(),
                ..service
            }),
            other @ TollgateAddress::Socket(_) => other,
        });
        if let Some(backend) = settings.backends.last_mut() {
            backend.name = hostile.to_owned();
            backend.cluster = hostile.to_owned();
            backend.host = Some(hostile.to_owned());
            backend.trusted_ca = hostile.to_owned();
        }
        let whole = render(&settings, Part::Whole).expect("a configuration");
        let whole = read(&whole);
        assert_eq!(
            whole["admin"]["address"]["socket_address"]["port_value"],
            9901
        );
        let cluster = &whole["static_resources"]["clusters"][1 + first];
        assert_eq!(cluster["name"], hostile);
        let endpoint =
            "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address";
        assert_eq!(cluster.pointer(endpoint), Some(&serde_json::json!(hostile)));
        let filters = "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0/typed_config/default_source_code/inline_string";
        if let Some(script) = cluster.pointer(filters) {
            let script = script.as_str().expect("text");
            assert!(!script.contains("evil }"), "{script}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said_with_its_reason() {
    let mut templates = Environment::new();
    templates
        .add_template("outer", "{% include \"inner\" %}")
        .expect("a template");
    templates
        .add_template("inner", "{{ 1 + {} }}")
        .expect("a template");
    let outer = templates.get_template("outer").expect("one");
    let error = RenderError::from(outer.render(()).expect_err("no sum"));
    let said = error.to_string();
    assert!(said.contains("outer") && said.contains("inner"), "{said}");
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

#[test]
fn an_address_is_in_the_certificate_and_not_in_sni() {
    for (host, hostname) in [("10.1.2.3", "10.1.2.3"), ("fd00::7", "[fd00::7]")] {
        let by_address = Backend {
            host: Some(host.to_owned()),
            is_address: true,
            ..backend("sweden", "azure_openai")
        };
        let settings = Settings {
            backends: vec![by_address],
            ..settings()
        };
        let whole = read(&render(&settings, Part::Whole).expect("a file"));
        let clusters = whole["static_resources"]["clusters"].as_array();
        let clusters = clusters.expect("clusters");
        let cluster = clusters.iter().find(|it| it["name"] == "azure_openai");
        let cluster = cluster.expect("the backend's");
        assert_eq!(cluster["type"], "STATIC");
        let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        assert_eq!(endpoint["hostname"], hostname);
        assert_eq!(endpoint["address"]["socket_address"]["address"], host);
        let tls = &cluster["transport_socket"]["typed_config"];
        let names =
            &tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"];
        assert_eq!(names[0]["san_type"], "IP_ADDRESS");
        assert_eq!(names[0]["matcher"]["exact"], host);
        assert_eq!(tls["auto_host_sni"], serde_json::Value::Null);
    }
}

#[test]
fn what_callers_may_see_of_the_instance_is_not_removed_and_is_shown_to_tollgate() {
    let settings = Settings {
        keep_instance_headers: true,
        ..settings()
    };
    for part in [Part::Routes, Part::Filters] {
        let text = render(&settings, part).expect("a part");
        for name in [
            "- x-ratelimit-remaining-tokens",
            "exact: x-ratelimit",
            "- azureml",
            "exact: azureml",
        ] {
            assert!(!text.contains(name), "{name}");
        }
        assert_eq!(text.contains("- set-cookie"), part == Part::Routes);
    }
}

#[test]
fn a_fixed_order_has_each_backend_first_once_and_no_value_of_its_own_yaml() {
    let hostile = "x\"\n  admin: { address: evil } #{{ listen }}";
    let mut names = vec!["sweden".to_owned(), "east".to_owned(), hostile.to_owned()];
    let backends = names
        .iter()
        .map(|it| backend(it, &format!("azure_openai.{it}")));
    let settings = Settings {
        pooled: true,
        version: Version::parse("1.38").ok(),
        backends: backends.collect(),
        ..settings()
    };
    let whole = render(&settings, Part::Whole).expect("a configuration");
    assert!(!whole.contains("refresh_cluster_on_retry"));
    let whole = read(&whole);
    for at in 0..3 {
        let cluster = &whole["static_resources"]["clusters"][1 + at];
        let row: Vec<_> = (0..3)
            .map(|nth| {
                let endpoints = &cluster["load_assignment"]["endpoints"][nth];
                assert_eq!(endpoints["priority"], nth);
                let name = &endpoints["lb_endpoints"][0]["metadata"]["filter_metadata"]["tollgate"]
                    ["backend"];
                name.as_str().expect("a name").to_owned()
            })
            .collect();
        assert_eq!(row, names, "{at}");
        let matches = cluster["transport_socket_matches"]
            .as_array()
            .expect("a list");
        assert_eq!(matches.len(), 3);
        // The next one comes first, before the others in their order.
        names.sort_by_key(|it| settings.backends.iter().position(|b| b.name == *it));
        names[..=(at + 1).min(2)].rotate_right(1);
    }
}

#[test]
fn a_service_is_asked_with_a_certificate_and_must_be_tollgate() {
    for is_address in [false, true] {
        let own = service();
        let host = match is_address {
            true => "10.1.2.3".to_owned(),
            false => own.host.clone(),
        };
        let settings = Settings {
            tollgate: Some(TollgateAddress::Service(Service {
                host: host.clone(),
                is_address,
                ..own
            })),
            ..settings()
        };
        let whole = read(&render(&settings, Part::Whole).expect("a configuration"));
        let cluster = &whole["static_resources"]["clusters"][0];
        let (kind, san) = match is_address {
            true => ("STATIC", "IP_ADDRESS"),
            false => ("STRICT_DNS", "DNS"),
        };
        assert_eq!(cluster["type"], kind);
        let tls = &cluster["transport_socket"]["typed_config"];
        assert_eq!(tls["sni"].as_str(), (!is_address).then_some("tollgate.svc"));
        let common = &tls["common_tls_context"];
        let certificate = &common["tls_certificates"][0];
        assert_eq!(certificate["certificate_chain"]["filename"], "/client.crt");
        assert_eq!(certificate["private_key"]["filename"], "/client.key");
        let trust = &common["validation_context"];
        assert_eq!(trust["trusted_ca"]["filename"], "/own-ca.pem");
        // What can't be sent to one replica goes to another one.
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        for filter in [1, 2] {
            let service = format!("{manager}/http_filters/{filter}/typed_config/grpc_service");
            let service = whole.pointer(&service).expect("a filter that asks");
            assert_eq!(service["retry_policy"]["num_retries"], 2);
        }
        assert_eq!(
            cluster["circuit_breakers"]["thresholds"][0]["max_retries"],
            100_000
        );
        let wanted = serde_json::json!([{ "san_type": san, "matcher": { "exact": host } }]);
        assert_eq!(trust["match_typed_subject_alt_names"], wanted);
    }
}

#[test]
fn a_service_must_have_an_address_that_envoys_reach() {
    let settings = Settings {
        tollgate: None,
        ..settings()
    };
    let error = render(&settings, Part::Whole).expect_err("nowhere");
    assert!(
        error.to_string().contains("envoy: { tollgate: { address:"),
        "{error}"
    );
}
