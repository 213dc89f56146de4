//! Tokens: whose they are, and where an issuer's documents may come from.

use jsonwebtoken::Algorithm;
use serde_json::json;
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode, KEYS_PATH, Signer, unix_s};
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::support::{hello, metric, refusal_line, send, usage_line};
use crate::token_support::{changed, chat, entry, entry_at, reason, status, with_issuers};

#[tokio::test]
async fn an_issuers_key_proves_nothing_for_another_issuer() {
    let (a, b) = (
        Signer::new("1", Algorithm::ES256),
        Signer::new("1", Algorithm::ES256),
    );
    let (okta, other) = (
        FakeIssuer::start(&[&a]).await,
        FakeIssuer::start(&[&b]).await,
    );
    let issuers = entry(&okta, "okta", "")
        + &entry(
            &other,
            "other",
            ", default_client: { client: mobile-app, requires: { roles: [llm] } }",
        );
    let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    assert_eq!(status(&stack, &a.sign(&okta.claims())).await, 200);
    for token in [b.sign(&okta.claims()), a.sign(&other.claims())] {
        let got = reason(&stack, &token).await;
        assert_eq!(got, (401, "token_signature".to_owned()));
    }
    // The other issuer's tokens are the default client's if they have the role.
    let got = reason(&stack, &b.sign(&other.claims())).await;
    assert_eq!(got, (403, "client_unknown".to_owned()));
    let with_role = changed(&other, "roles", Some(json!(["x", "llm"])));
    assert_eq!(status(&stack, &b.sign(&with_role)).await, 200);
}

#[tokio::test]
async fn entra_id_tokens_of_allowed_tenants_are_accepted() {
    const OURS: &str = "11111111-1111-4111-8111-111111111111";
    const OTHER: &str = "22222222-2222-4222-8222-222222222222";
    let signer = Signer::new("1", Algorithm::RS256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let keys = format!("jwks_uri: \"{}{KEYS_PATH}\"", issuer.url());
    let v2 = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let v1 = "https://sts.windows.net/{tenantid}/";
    let issuers = entry_at(
        v2,
        "okta",
        &format!(", tenants: [{OURS}], {keys}, claims: {{ user: oid, scopes: scp }}"),
    ) + &entry_at(
        v1,
        "entra-v1",
        &format!(
            ", tenants: [{OURS}], {keys}, claims: {{ client: appid, user: oid }}, default_client: {{ client: mobile-app }}"
        ),
    );
    let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    let now = unix_s();
    // The claims that access tokens of an application have in the two versions.
    let token = |template: &str, iss_tenant: &str, tid: &str| {
        let version = if template == v2 { "2.0" } else { "1.0" };
        let mut claims = json!({"aud": "api://tollgate", "iss": template.replace("{tenantid}", iss_tenant),
            "iat": now, "nbf": now, "exp": now + 3900, "aio": "x", "oid": "ada-oid", "tid": tid,
            "sub": "pairwise", "uti": "x", "ver": version});
        claims[if version == "2.0" { "azp" } else { "appid" }] = "app-1".into();
        claims[if version == "2.0" {
            "azpacr"
        } else {
            "appidacr"
        }] = "1".into();
        signer.sign(&claims)
    };
    for template in [v2, v1] {
        assert_eq!(
            status(&stack, &token(template, OURS, OURS)).await,
            200,
            "{template}"
        );
        for (iss, tid, expected) in [
            (OTHER, OTHER, "token_issuer"),
            (OURS, OTHER, "token_tenant"),
            ("{tenantid}", OURS, "token_issuer"),
        ] {
            let got = reason(&stack, &token(template, iss, tid)).await;
            assert_eq!(got, (401, expected.to_owned()), "{template} {iss} {tid}");
        }
    }
    assert_eq!(usage_line(&stack).await["user"], "ada-oid");
}

#[tokio::test]
async fn an_id_token_of_entra_id_is_refused_as_the_documentation_says() {
    const OURS: &str = "11111111-1111-4111-8111-111111111111";
    let signer = Signer::new("1", Algorithm::RS256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    let v2 = format!("https://login.microsoftonline.com/{OURS}/v2.0");
    let keys = format!("jwks_uri: \"{}{KEYS_PATH}\"", issuer.url());
    let default = "default_client: { client: mobile-app, requires: { roles: [Llm.User] } }";
    let now = unix_s();
    let common = json!({"aud": "api://tollgate", "iss": v2, "iat": now, "nbf": now, "exp": now + 3900,
        "oid": "ada-oid", "tid": OURS, "sub": "pairwise", "ver": "2.0", "roles": ["Llm.User"]});
    let mut access = common.clone();
    access["azp"] = "app-2".into();
    access["azpacr"] = "1".into();
    let mut id = common;
    id["nonce"] = "n".into();
    id["preferred_username"] = "ada@acme.example".into();
    for (more, of_id) in [("", 200), (", required_claims: { azp: [] }", 401)] {
        let issuers = entry_at(&v2, "okta", &format!(", {keys}, {default}{more}"));
        let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
        let stack = Stack::start(options).await;
        assert_eq!(status(&stack, &signer.sign(&access)).await, 200, "{more}");
        assert_eq!(status(&stack, &signer.sign(&id)).await, of_id, "{more}");
    }
}

#[tokio::test]
async fn id_tokens_and_tokens_without_a_user_name_their_client_by_another_claim() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    for (claim, value, expected) in [
        ("aud", json!("app-1"), 200),
        ("aud", json!(["app-1", "app-2"]), 403),
        ("client_id", json!("app-1"), 200),
        ("client_id", json!("app-3"), 403),
    ] {
        let more = format!(", claims: {{ client: {claim} }}");
        let issuers = entry(&issuer, "okta", &more);
        let issuers = issuers.replace("[\"api://tollgate\"]", "[\"api://tollgate\", app-1, app-2]");
        let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
        let stack = Stack::start(options).await;
        let mut claims = changed(&issuer, "azp", None);
        claims[claim] = value.clone();
        let got = status(&stack, &signer.sign(&claims)).await;
        assert_eq!(got, expected, "{claim}: {value}");
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_takes_down_nobody_else() {
    let signer = Signer::new("1", Algorithm::ES256);
    let issuer = FakeIssuer::start(&[&signer]).await;
    issuer.set_mode(IssuerMode::Down);
    let issuers = entry(&issuer, "okta", "");
    let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
    let stack = Stack::start(options).await;
    let (ready, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(
        (ready.as_u16(), &*text),
        (200, "ready\nissuer okta: no keys\n")
    );
    assert_eq!(send(stack.chat(&hello())).await.status(), 200, "a key");
    let response = send(chat(&stack, &signer.sign(&issuer.claims()))).await;
    assert_eq!(response.status(), 503);
    assert!(
        response.headers().contains_key("retry-after"),
        "when to ask again"
    );
    let line = refusal_line(&stack).await;
    assert_eq!(line["reason"], "issuer_unavailable");
    issuer.set_mode(IssuerMode::Ok);
    wait_for("the issuer's tokens to be accepted", async || {
        (status(&stack, &signer.sign(&issuer.claims())).await == 200).then_some(())
    })
    .await;
    let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(text, "ready\n");
}

#[tokio::test]
async fn fetches_go_only_where_they_may() {
    let signer = Signer::new("1", Algorithm::ES256);
    let metadata = "http://169.254.169.254/metadata/identity/oauth2/token";
    let private = FakeIssuer::start(&[&signer]).await;
    // On another loopback address than the one that is allowed.
    let other = private.url().replace("127.0.0.1", "127.0.0.2") + KEYS_PATH;
    for mode in [
        IssuerMode::KeysAt(metadata.to_owned()),
        IssuerMode::KeysAt(other.clone()),
        IssuerMode::KeysAt("file:///etc/passwd".to_owned()),
        IssuerMode::Redirect(private.url() + KEYS_PATH),
        IssuerMode::OtherIssuer,
        IssuerMode::Endless,
    ] {
        let issuer = FakeIssuer::start(&[&signer]).await;
        issuer.set_mode(mode.clone());
        let issuers = entry(&issuer, "okta", "");
        let options = Options::default().edit_config(move |yaml| with_issuers(&yaml, &issuers));
        let stack = Stack::start(options).await;
        wait_for("a failure", async || {
            let failed = ["issuer=\"okta\"", "outcome=\"failure\""];
            let failed = metric(&stack, "tollgate_issuer_refreshes_total", &failed).await;
            (failed > 0.0).then_some(())
        })
        .await;
        let got = reason(&stack, &signer.sign(&issuer.claims())).await;
        assert_eq!(got, (503, "issuer_unavailable".to_owned()), "{mode:?}");
    }
    assert!(private.fetches().is_empty(), "a redirect was followed");
}
