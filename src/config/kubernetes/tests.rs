use crate::config::tests::parse_envoy as parse;

#[test]
fn what_belongs_to_tollgate_has_defaults() {
    let settings = parse("{ kubernetes: { gateway: { name: eg } } }").expect("good");
    let kubernetes = settings.kubernetes.expect("said");
    let gateway = kubernetes.gateway.expect("said");
    assert_eq!(kubernetes.namespace, "tollgate");
    assert_eq!(
        (gateway.name.as_str(), gateway.namespace.as_str()),
        ("eg", "tollgate")
    );
    assert_eq!((gateway.listener.as_str(), gateway.port), ("https", 443));
    assert_eq!(
        gateway.pods.get("istio").map(String::as_str),
        Some("ingressgateway")
    );
    assert_eq!(kubernetes.sidecars, None);
    let settings = parse("{ kubernetes: { namespace: ai, gateway: { name: eg } } }").expect("good");
    let gateway = settings.kubernetes.and_then(|it| it.gateway);
    assert_eq!(gateway.map(|it| it.namespace).as_deref(), Some("ai"));
}

#[test]
fn what_is_no_name_in_kubernetes_is_said() {
    for (kubernetes, reason) in [
        ("{ namespace: Tollgate }", "`Tollgate` is not a name"),
        ("{ namespace: a.b }", "`a.b` is not a name"),
        ("{ namespace: \"a\\n- b\" }", "is not a name"),
        ("{ gateway: { name: \"a/b\" } }", "`a/b` is not a name"),
        (
            "{ gateway: { name: eg, listener: \"h'\" } }",
            "is not a name",
        ),
        ("{ gateway: { name: eg, pods: {} } }", "not labels of pods"),
        (
            "{ gateway: { name: eg, pods: { \"a b\": c } } }",
            "not labels",
        ),
        (
            "{ sidecars: { namespace: \"-a\", pods: { a: b }, port: 8080 } }",
            "is not a name",
        ),
        (
            "{ sidecars: { namespace: a, pods: { a: \"\" }, port: 8080 } }",
            "not labels",
        ),
        (
            "{ hostnames: [\"https://a.example\"] }",
            "is not the name of a host",
        ),
        ("{ hostnames: [\"*\"] }", "is not the name of a host"),
        (
            "{ hostnames: [a.example, a.example] }",
            "duplicate name of a host: `a.example`",
        ),
        // Istio has one listener for each port: which one is free, nobody else can know.
        (
            "{ sidecars: { namespace: a, pods: { a: b } } }",
            "`port` is missing",
        ),
        (
            "{ sidecars: { namespace: a, pods: { a: b }, port: 0 } }",
            "must be from 1 to 65535",
        ),
        (
            "{ gateway: { name: eg, port: 0 } }",
            "must be from 1 to 65535",
        ),
        ("{ hostnames: [\"10.1.2.3\"] }", "is not the name of a host"),
    ] {
        let said = parse(&format!("{{ kubernetes: {kubernetes} }}")).expect_err("wrong");
        assert!(said.contains(reason), "{kubernetes}: {said}");
    }
    let good = "{ hostnames: [\"*.example.com\"], sidecars: { namespace: a, pods: { app.kubernetes.io/name: chat_1 }, port: 15808 } }";
    parse(&format!("{{ kubernetes: {good} }}")).expect("good");
}
