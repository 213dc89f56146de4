use std::path::Path;
use std::time::Duration;

use crate::config::tests::read;
use crate::policy::Policy;

const BEFORE: &str = "listen: { grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }\nidentity: { managed_identity: {} }\n";
const SWEDEN: &str = "backends: [ { name: sweden, endpoint: \"https://acme.openai.azure.com\" } ]";

fn parse(more: &str) -> Result<Policy, String> {
    let text = format!("{BEFORE}{more}\n");
    let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
    parsed
        .map(|config| config.policy)
        .map_err(|error| error.lines().concat())
}

#[test]
fn what_is_asked_for_later_has_defaults() {
    let has_resource =
        |policy: &Policy| policy.pools.home().is_some_and(|it| it.resource.is_some());
    let policy = parse(SWEDEN).expect("good");
    assert!(has_resource(&policy));
    let background = policy.background;
    assert_eq!(background.poll_every, Duration::from_secs(30));
    assert_eq!(background.poll_batches_every, Duration::from_secs(600));
    assert_eq!(background.max_per_client, 1_000);
    let other = format!("{SWEDEN}\nbackground: {{ poll_every: 2m, max_per_client: 5 }}");
    let other = parse(&other).expect("good").background;
    assert_eq!(other.poll_every, Duration::from_secs(120));
    assert_eq!(other.max_per_client, 5);
    let without = parse("backends: [ { name: sweden } ]").expect("good");
    assert!(!has_resource(&without));
}

#[test]
fn what_is_wrong_says_where_and_why() {
    const PRODUCT: &str = "products: [ { id: deep, deployments: [o3], operations: [responses], background: true } ]\n";
    let backend = |members: &str| format!("backends: [ {{ name: sweden, {members} }} ]");
    for (more, reason) in [
        (
            format!("{PRODUCT}backends: [ {{ name: sweden }} ]"),
            "tollgate.yaml:4:11: product `deep` allows `background`: the backend `sweden` needs an `endpoint`",
        ),
        (
            format!(
                "{}backends: [ {{ name: sweden }} ]",
                PRODUCT.replace("[responses], background: true", "[files, batches]")
            ),
            "product `deep` allows `batches`: the backend `sweden` needs an `endpoint`",
        ),
        (
            backend("endpoint: \"http://acme.openai.azure.com\""),
            "is not a valid endpoint",
        ),
        (
            backend("endpoint: \"https://acme.openai.azure.com/openai\""),
            "is not a valid endpoint",
        ),
        (backend("ca_file: ca.pem"), "`ca_file` needs `endpoint`"),
        (
            backend("endpoint: \"https://a.example\", ca_file: missing.pem"),
            "No such file",
        ),
        (
            format!("{SWEDEN}\nbackground: {{ poll_every: 1ms }}"),
            "tollgate.yaml:4:27: must be a duration of at least 10ms",
        ),
        (
            format!("{SWEDEN}\nbackground: {{ max_per_client: 0 }}"),
            "must be from 1 to 50000",
        ),
    ] {
        let error = parse(&more).err().expect("wrong");
        assert!(error.contains(reason), "{more}: {error}");
    }
}
