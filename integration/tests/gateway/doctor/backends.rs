//! Backends, and the gateway's identity towards them.

use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::fakes::certificates::CertificateAuthority;
use tollgate_integration::fakes::identity::control::Mode;

use super::{Rig, sound};

const BACKEND: &str = "backend sweden";

#[tokio::test]
async fn a_sound_backend_is_asked_for_what_costs_nothing() {
    let rig = Rig::start(sound()).await;
    let found = rig.examine(&rig.yaml()).await;
    found.assert(("identity", "token"), "ok", "cognitiveservices", "");
    for check in ["connection", "clock", "keys", "access"] {
        found.assert((BACKEND, check), "ok", "", "");
    }
    found.assert_only(&[]);
    assert_eq!(found.code, Some(0), "{}", found.printed);
    let asked: Vec<_> = rig
        .azure
        .requests()
        .into_iter()
        .map(|it| format!("{} {}", it.method, it.path))
        .collect();
    assert_eq!(asked, ["GET /openai/v1/models"; 2]);
    let totals = rig.azure.totals();
    assert_eq!(totals.tokens.prompt + totals.tokens.completion, 0);
    // The key was nobody's, and no token went with it.
    let mut headers = rig.azure.requests().into_iter().map(|it| it.headers);
    let of_key = headers.next().expect("a request");
    assert!(of_key.iter().all(|(name, _)| name != "authorization"));
    let of_token = headers.next().expect("a request");
    assert!(of_token.iter().all(|(name, _)| name != "api-key"));
}

#[tokio::test]
async fn a_missing_role_is_found() {
    let rig = Rig::start(AzureOptions {
        principals: Some(Vec::new()),
        ..sound()
    })
    .await;
    let found = rig.examine(&rig.yaml()).await;
    let advice = "assign the role Cognitive Services OpenAI User to the application 5e5ced1d";
    found.assert((BACKEND, "access"), "error", "PermissionDenied", advice);
    found.assert_only(&[(BACKEND, "access")]);
    assert_eq!(found.code, Some(1));
}

#[tokio::test]
async fn a_token_for_another_audience_is_found() {
    let rig = Rig::start(sound()).await;
    let identity = "identity: { managed_identity: {}, scope: \"https://other.example/.default\" }";
    let yaml = rig
        .yaml()
        .replace("identity: { managed_identity: {} }", identity);
    let found = rig.examine(&yaml).await;
    found.assert(
        (BACKEND, "access"),
        "error",
        "it does not accept the token (audience https://other.example",
        "set `scope`",
    );
    found.assert_only(&[(BACKEND, "access")]);
    assert_eq!(found.code, Some(1));
}

#[tokio::test]
async fn keys_that_still_work_are_a_warning() {
    let rig = Rig::start(AzureOptions::default()).await;
    let found = rig.examine(&rig.yaml()).await;
    found.assert(
        (BACKEND, "keys"),
        "warning",
        "keys still work here",
        "set disableLocalAuth: true",
    );
    found.assert_only(&[(BACKEND, "keys")]);
    assert_eq!(found.code, Some(0), "a warning alone");
}

#[tokio::test]
async fn a_clock_that_is_off_is_found() {
    let rig = Rig::start(AzureOptions {
        date: Some("Sun, 06 Nov 1994 08:49:37 GMT"),
        ..sound()
    })
    .await;
    let found = rig.examine(&rig.yaml()).await;
    found.assert((BACKEND, "clock"), "error", "days off", "NTP");
    found.assert_only(&[(BACKEND, "clock")]);
}

#[tokio::test]
async fn a_refused_connection_is_found() {
    let rig = Rig::start(sound()).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = taken.local_addr().expect("an address");
    drop(taken);
    let yaml = rig
        .yaml()
        .replace(&rig.azure.addr.to_string(), &free.to_string());
    let found = rig.examine(&yaml).await;
    found.assert((BACKEND, "connection"), "error", "refused", "firewalls");
    found.assert((BACKEND, "access"), "skipped", "can't be reached", "");
    found.assert_only(&[(BACKEND, "connection")]);
}

#[tokio::test]
async fn an_address_that_tollgate_refuses_is_said() {
    let rig = Rig::start(sound()).await;
    let yaml = rig
        .yaml()
        .replace("https://127.0.0.1:", "https://localhost:");
    let found = rig.examine(&yaml).await;
    let message = "is not asked: a rule of tollgate's own";
    found.assert((BACKEND, "connection"), "error", message, "resolves to");
    found.assert_only(&[(BACKEND, "connection")]);
    assert!(rig.azure.requests().is_empty(), "it was asked");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_found_and_nothing_is_sent() {
    let rig = Rig::start(sound()).await;
    let other = CertificateAuthority::new("other").expect("an authority");
    rig.write("authority.pem", other.certificate_pem());
    let found = rig.examine(&rig.yaml()).await;
    found.assert((BACKEND, "connection"), "error", "certificate", "`ca_file`");
    found.assert_only(&[(BACKEND, "connection")]);
    assert!(rig.azure.requests().is_empty(), "it was asked");
}

#[tokio::test]
async fn an_identity_without_a_token_is_found() {
    let rig = Rig::start(sound()).await;
    rig.identity.set_mode(Mode::Failing { status: 500 });
    let found = rig.examine(&rig.yaml()).await;
    found.assert(
        ("identity", "token"),
        "error",
        "it has no token",
        "managed identity",
    );
    found.assert((BACKEND, "access"), "skipped", "no token", "");
    found.assert_only(&[("identity", "token")]);
    for check in &found.checks {
        let message = check["message"].as_str().unwrap_or_default();
        let is_plain = !message.contains(['\n', '\r']) && !message.contains("troubleshoot");
        assert!(is_plain, "{message}");
    }
    found.assert(
        ("identity", "token"),
        "error",
        "the endpoint of this machine's managed identities",
        "run this where the service runs",
    );
}

#[tokio::test]
async fn a_backend_with_its_own_identity_is_tried_with_it() {
    let rig = Rig::start(AzureOptions {
        audience: "https://cognitiveservices.azure.us".to_owned(),
        ..sound()
    })
    .await;
    let own = "ca_file: authority.pem, identity: { managed_identity: { client_id: own }, scope: \"https://cognitiveservices.azure.us/.default\" }";
    let yaml = rig.yaml().replace("ca_file: authority.pem", own);
    let found = rig.examine(&yaml).await;
    found.assert((BACKEND, "token"), "ok", "azure.us", "");
    found.assert((BACKEND, "access"), "ok", "accepts", "");
    found.assert_only(&[]);
}

#[tokio::test]
async fn a_backend_that_only_envoy_knows_is_skipped() {
    let rig = Rig::start(sound()).await;
    let written = format!(
        "{{ name: sweden, endpoint: \"{}\", ca_file: authority.pem }}",
        rig.azure.url()
    );
    let yaml = rig.yaml().replace(&written, "{ name: sweden }");
    let found = rig.examine(&yaml).await;
    found.assert((BACKEND, "connection"), "skipped", "write `endpoint`", "");
    found.assert_only(&[]);
    assert_eq!(found.code, Some(0));
}
