use crate::config::tests::parse_envoy as parse;
use crate::envoy_config::{Settings, TollgateAddress};

fn at(address: &str) -> Result<Settings, String> {
    parse(&format!(
        "{{ tollgate: {{ address: \"{address}\", certificate: /a.crt, key: /a.key, ca_file: /ca.crt }} }}"
    ))
}

#[test]
fn envoys_reach_the_service_by_its_name() {
    for (address, host, is_address) in [
        (
            "tollgate.tollgate.svc.cluster.local:9000",
            "tollgate.tollgate.svc.cluster.local",
            false,
        ),
        ("10.1.2.3:9000", "10.1.2.3", true),
        ("[fd00::7]:9000", "fd00::7", true),
    ] {
        let settings = at(address).expect("good");
        let Some(TollgateAddress::Service(service)) = settings.tollgate else {
            panic!("{address}: {:?}", settings.tollgate);
        };
        assert_eq!((service.host.as_str(), service.port), (host, 9000));
        assert_eq!(service.is_address, is_address, "{address}");
    }
    for address in [
        "tollgate",
        "tollgate:0",
        "tollgate:x",
        ":9000",
        "https://tollgate:9000",
        "user@tollgate:9000",
        "tollgate/x:9000",
        "Tollgate:9000",
        "*.example:9000",
    ] {
        let said = at(address).expect_err("not one");
        assert!(
            said.contains("is not a name or an IP address with a port"),
            "{address}: {said}"
        );
    }
    let said = parse("{ tollgate: { address: \"tollgate:9000\" } }").expect_err("no certificate");
    assert!(said.contains("certificate"), "{said}");
}
