//! The identity's token: fetched once, refreshed behind the requests, and missed with a clear word.

use std::time::{Duration, Instant};

use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::fakes::certificates::CertificateAuthority;
use tollgate_integration::fakes::identity::control::Mode;
use tollgate_integration::fakes::identity::{FakeIdentity, IdentityOptions};
use tollgate_integration::fakes::server::Listen;
use tollgate_integration::fakes::token::TokenSecret;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{assert_no_violations, hello, hello_stream, metric, refused, send, stack};

#[tokio::test]
async fn a_thousand_requests_need_one_fetch() {
    let stack = stack().await;
    for _ in 0..10 {
        let requests =
            (0..100).map(|_| tokio::spawn(send(stack.chat(&hello()).header("x-fake-canned", "1"))));
        for request in requests.collect::<Vec<_>>() {
            assert_eq!(request.await.expect("it ran").status(), 200);
        }
    }
    assert_eq!(stack.identity.fetches(), 1, "never on a request's path");
}

#[tokio::test]
async fn requests_at_a_cold_start_cause_one_fetch() {
    let stack = Stack::start(Options::default().dont_wait_until_ready()).await;
    let requests =
        (0..200).map(|_| tokio::spawn(send(stack.chat(&hello()).header("x-fake-canned", "1"))));
    for request in requests.collect::<Vec<_>>() {
        let status = request.await.expect("it ran").status().as_u16();
        assert!(
            status == 200 || status == 503,
            "served, or told to retry: {status}"
        );
    }
    assert_eq!(stack.identity.fetches(), 1);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_token_is_refreshed_before_it_ends_and_requests_notice_nothing() {
    let identity = IdentityOptions {
        lifetime: Duration::from_secs(4),
        ..IdentityOptions::default()
    };
    let stack = Stack::start(Options::default().identity(identity)).await;
    let started = Instant::now();
    let lifetime = Duration::from_secs(4);
    while stack.identity.fetches() < 4 || started.elapsed() <= lifetime {
        let response = send(stack.chat(&hello()).header("x-fake-canned", "1")).await;
        assert_eq!(response.status(), 200, "after {:?}", started.elapsed());
    }
    assert_no_violations(&stack);
}

#[tokio::test]
async fn while_the_source_is_down_the_token_serves_to_its_end_and_then_the_answer_is_503() {
    let identity = IdentityOptions {
        lifetime: Duration::from_secs(3),
        ..IdentityOptions::default()
    };
    let stack = Stack::start(Options::default().identity(identity)).await;
    stack.identity.set_mode(Mode::Failing { status: 500 });
    let mut served = 0;
    let response = wait_for("the token's end", async || {
        let response = send(stack.chat(&hello()).header("x-fake-canned", "1")).await;
        served += usize::from(response.status() == 200);
        (response.status() != 200).then_some(response)
    })
    .await;
    assert!(served > 0, "the old token served");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(response.headers()["content-type"], "application/json");
    let got = refused(stack.chat(&hello())).await;
    assert_eq!(got, (503, "identity_unavailable".to_owned()));
    let (status, why) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(status, 503, "not ready without a token: {why}");
    assert!(
        metric(
            &stack,
            "tollgate_identity_refreshes_total",
            &["outcome=\"failure\""]
        )
        .await
            > 0.0
    );
    assert_no_violations(&stack);

    stack.identity.set_mode(Mode::Ok);
    stack.identity.set_lifetime(Duration::from_secs(3600));
    wait_for("the source's return", async || {
        (send(stack.chat(&hello())).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_source_that_hangs_holds_up_no_request() {
    let identity = IdentityOptions {
        lifetime: Duration::from_secs(2),
        ..IdentityOptions::default()
    };
    let stack = Stack::start(Options::default().identity(identity)).await;
    stack.identity.set_mode(Mode::Slow { delay_ms: 600_000 });
    wait_for("the token's end", async || {
        (send(stack.chat(&hello()).header("x-fake-canned", "1"))
            .await
            .status()
            == 503)
            .then_some(())
    })
    .await;
    // Ten answers, none of which waited for the source, which answers in ten minutes.
    for _ in 0..10 {
        assert_eq!(refused(stack.chat(&hello())).await.0, 503);
    }
    assert_no_violations(&stack);
}

/// Runs a chat with an identity that Entra ID's own endpoint gives out, and asserts that it was served.
async fn serve_with_entra(identity: &'static str, environment: &[(&str, String)]) {
    let authority = CertificateAuthority::new("Entra ID of the test").expect("an authority");
    let certificate = authority
        .server(&["localhost", "127.0.0.1"])
        .expect("a certificate");
    let directory = tempfile::tempdir().expect("a directory");
    let trust = directory.path().join("ca.pem");
    std::fs::write(&trust, authority.certificate_pem()).expect("written");
    let assertion = directory.path().join("assertion");
    std::fs::write(&assertion, "header.payload.signature").expect("written");
    let secret = TokenSecret::random();
    let entra = FakeIdentity::start(IdentityOptions {
        listen: Listen {
            tls: Some(certificate.server_config().expect("TLS")),
            ..Listen::default()
        },
        token_secret: secret.clone(),
        ..IdentityOptions::default()
    })
    .await;
    let mut options = Options::default()
        .identity(IdentityOptions {
            token_secret: secret,
            ..IdentityOptions::default()
        })
        .edit_config(move |yaml| yaml.replace("managed_identity: {}", identity))
        .tollgate_env("AZURE_AUTHORITY_HOST", &entra.authority())
        .tollgate_env("AZURE_FEDERATED_TOKEN_FILE", &assertion.to_string_lossy())
        .tollgate_env("SSL_CERT_FILE", &trust.to_string_lossy())
        .tollgate_env("ENTRA_SECRET", entra.client_secret());
    for (name, value) in environment {
        options = options.tollgate_env(name, value);
    }
    let stack = Stack::start(options).await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    assert_eq!(
        stack.identity.fetches(),
        0,
        "the managed identity was not asked"
    );
    assert_eq!(entra.fetches(), 1);
    assert_no_violations(&stack);
}

#[tokio::test]
async fn an_application_with_a_secret_can_be_the_identity() {
    serve_with_entra(
        "client_secret: { tenant_id: acme, client_id: app-1, secret: { env: ENTRA_SECRET } }",
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_workload_identity_is_found_in_the_environment() {
    let environment = [
        ("AZURE_TENANT_ID", "acme".to_owned()),
        ("AZURE_CLIENT_ID", "app-1".to_owned()),
    ];
    serve_with_entra("workload_identity: {}", &environment).await;
}

#[tokio::test]
async fn a_user_assigned_identity_and_another_scope_are_asked_for_by_name() {
    let client_id = "11111111-2222-3333-4444-555555555555";
    let stack = Stack::start(Options::default().edit_config(move |yaml| {
        yaml.replace(
            "managed_identity: {}",
            &format!("managed_identity: {{ client_id: {client_id} }}"),
        )
    }))
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    stack.azure.settled(1).await;
    let [bill] = stack.azure.ledger().try_into().expect("one request");
    assert_eq!(
        bill.principal.as_deref(),
        Some(client_id),
        "the identity that was configured pays"
    );

    let government = Stack::start(
        Options::default()
            .azure(AzureOptions {
                audience: "https://cognitiveservices.azure.us".to_owned(),
                ..AzureOptions::default()
            })
            .edit_config(|yaml| {
                yaml.replace(
                    "managed_identity: {}",
                    "managed_identity: {}, scope: https://cognitiveservices.azure.us/.default",
                )
            }),
    )
    .await;
    assert_eq!(send(government.chat(&hello())).await.status(), 200);
}

#[tokio::test]
async fn a_backend_that_does_not_accept_the_identity_is_the_operators_matter_and_not_the_callers() {
    let stack = stack().await;
    let readyz = async || {
        let (status, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
        assert_eq!(status, 200, "{text}");
        text
    };
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    for (fault, status) in [
        ("role-missing", 401),
        ("status-401", 401),
        ("status-403", 403),
    ] {
        for body in [hello(), hello_stream()] {
            let response = send(stack.chat(&body).header("x-fake-fault", fault)).await;
            assert_eq!(response.status(), 502, "{fault}");
            let said = response.text().await.expect("a body");
            assert!(said.contains("\"code\":\"identity_rejected\""), "{said}");
            assert!(!said.contains("principal"), "what Azure said: {said}");
        }
        let said = readyz().await;
        let line = format!("identity: backend sweden answers {status} to it: ");
        assert!(said.contains(&line) && said.contains("role"), "{said}");
    }
    let counted =
        async |status| metric(&stack, "tollgate_identity_rejections_total", &[status]).await;
    assert_eq!(counted("status=\"401\"").await, 4.0);
    assert_eq!(counted("status=\"403\"").await, 2.0);
    let audit = stack.tollgate().audit();
    let lines = audit.wait_for_count("a record of each", 7).await;
    let records = lines.iter().filter(|line| line["status"] != 200);
    for line in records.clone() {
        assert_eq!(line["event"], "usage", "{line}");
        assert_eq!(line["source"], "none", "{line}");
        assert_eq!(line["total_tokens"], 0, "{line}");
    }
    assert_eq!(records.count(), 6);
    let log = stack.tollgate().log().all();
    let told = log
        .iter()
        .filter(|line| line.contains("does not accept the gateway's identity"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "once a minute: {told:?}");
    assert!(
        told[0].contains("Cognitive Services OpenAI User"),
        "{told:?}"
    );
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    assert_eq!(readyz().await, "ready\n", "it is accepted again");
}

#[tokio::test]
async fn a_single_backend_gets_the_identity_that_is_its_own() {
    let government = AzureOptions {
        audience: "https://cognitiveservices.azure.us".to_owned(),
        ..AzureOptions::default()
    };
    let stack = Stack::start(Options::default().azure(government).edit_config(|yaml| {
        yaml.replace("name: sweden", "name: sweden, identity: { managed_identity: {}, scope: https://cognitiveservices.azure.us/.default }")
    }))
    .await;
    wait_for("its token", async || {
        (send(stack.chat(&hello())).await.status() != 503).then_some(())
    })
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    assert_no_violations(&stack);
}
