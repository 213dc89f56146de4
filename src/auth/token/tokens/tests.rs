mod known_answers;

use std::time::Duration;

use jsonwebtoken::Algorithm as Alg;
use serde_json::json;

use super::*;
use crate::access::Entitlements;
use crate::auth::token::testing::{self, P521Signer, Signer, at, key_set, path, tokens};
use crate::auth::{Algorithm, IssuerRules, RequiredClaim, TENANT_PLACEHOLDER};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://acme.example/";

fn rules(issuer: &str) -> IssuerRules {
    IssuerRules {
        leeway_s: 30,
        ..testing::rules(issuer, "api://tollgate")
    }
}

fn issuer(rules: IssuerRules, keys: &[Value]) -> Arc<Issuer> {
    testing::issuer(rules, keys, ("cid", "app-1", "mobile-app"))
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "api://tollgate", "exp": NOW + 600, "nbf": NOW - 60,
        "iat": NOW - 60, "cid": "app-1", "sub": "ada", "scp": "a b", "roles": ["r"]})
}

/// The good claims with one changed, or taken out where it is `None`.
fn changed(name: &str, value: Option<Value>) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    claims
}

async fn refused(tokens: &Tokens, token: &str) -> Option<TokenError> {
    at(tokens, token, NOW).await.err()
}

#[tokio::test]
async fn a_good_token_of_each_algorithm_names_its_caller() {
    let rsa = Signer::new("rsa", Alg::RS256);
    let signers = [
        rsa.with(Alg::RS384),
        rsa.with(Alg::RS512),
        rsa.with(Alg::PS256),
        rsa.with(Alg::PS384),
        rsa.with(Alg::PS512),
        rsa,
        Signer::new("p256", Alg::ES256),
        Signer::new("p384", Alg::ES384),
        Signer::new("ed", Alg::EdDSA),
    ];
    let keys: Vec<_> = signers.iter().skip(5).map(Signer::jwk).collect();
    let tokens = tokens([issuer(rules(ISSUER), &keys)]);
    for signer in &signers {
        let token = signer.sign(&claims());
        for round in ["cold", "remembered"] {
            let caller = at(&tokens, &token, NOW).await;
            let caller =
                caller.unwrap_or_else(|error| panic!("{:?}, {round}: {error}", signer.algorithm));
            assert_eq!(caller.client.id.as_str(), "mobile-app");
            assert_eq!(caller.user.as_deref(), Some("ada"));
            assert_eq!(caller.credential, CredentialKind::Token);
            let has = Entitlements {
                scopes: vec!["a".to_owned(), "b".to_owned()],
                roles: vec!["r".to_owned()],
                groups: Vec::new(),
            };
            assert_eq!(caller.entitlements(), &has);
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of attacks")]
async fn claims_of_the_wrong_type_or_value_are_refused() {
    let signer = Signer::new("1", Alg::ES256);
    let mut rules = rules(ISSUER);
    rules.max_age_s = Some(3600);
    rules.required_claims = vec![
        RequiredClaim {
            claim: path("sub"),
            values: Vec::new(),
        },
        RequiredClaim {
            claim: path("token_use"),
            values: vec!["access".to_owned()],
        },
    ];
    let tokens = tokens([issuer(rules, &[signer.jwk()])]);
    let lacks = |what: &str| TokenError::Claim(what.into());
    let cases: Vec<(&str, Option<Value>, TokenError)> = vec![
        ("iss", None, TokenError::Issuer),
        ("iss", Some(json!(1)), TokenError::Issuer),
        ("iss", Some(json!([ISSUER])), TokenError::Issuer),
        (
            "iss",
            Some(json!("https://acme.example")),
            TokenError::Issuer,
        ),
        (
            "iss",
            Some(json!("https://ACME.example/")),
            TokenError::Issuer,
        ),
        ("aud", None, TokenError::Audience),
        ("aud", Some(json!(1)), TokenError::Audience),
        ("aud", Some(json!("")), TokenError::Audience),
        ("aud", Some(json!([])), TokenError::Audience),
        ("aud", Some(json!(null)), TokenError::Audience),
        ("aud", Some(json!("api://other")), TokenError::Audience),
        (
            "aud",
            Some(json!(["api://tollgate", 1])),
            TokenError::Audience,
        ),
        (
            "aud",
            Some(json!({"a": "api://tollgate"})),
            TokenError::Audience,
        ),
        ("exp", None, TokenError::ExpiryMissing),
        ("exp", Some(json!(null)), TokenError::ExpiryMissing),
        (
            "exp",
            Some(json!((NOW + 600).to_string())),
            TokenError::ExpiryMissing,
        ),
        ("exp", Some(json!(1e19)), TokenError::ExpiryMissing),
        ("exp", Some(json!(u64::MAX)), TokenError::ExpiryMissing),
        ("exp", Some(json!(-1)), TokenError::ExpiryMissing),
        ("exp", Some(json!([NOW + 600])), TokenError::ExpiryMissing),
        ("exp", Some(json!(NOW - 30)), TokenError::Expired),
        ("nbf", Some(json!(NOW + 31)), TokenError::NotYetValid),
        ("nbf", Some(json!("soon")), TokenError::NotYetValid),
        ("nbf", Some(json!(null)), TokenError::NotYetValid),
        ("iat", None, TokenError::TooOld),
        ("iat", Some(json!("now")), TokenError::TooOld),
        ("iat", Some(json!(NOW - 3630)), TokenError::TooOld),
        ("iat", Some(json!(NOW + 31)), TokenError::TooOld),
        ("sub", None, lacks("`sub` is missing")),
        ("sub", Some(json!(null)), lacks("`sub` is missing")),
        ("token_use", None, lacks("`token_use` is missing")),
        (
            "token_use",
            Some(json!("id")),
            lacks("`token_use` has another value"),
        ),
        (
            "token_use",
            Some(json!(["access"])),
            lacks("`token_use` has another value"),
        ),
        ("cid", None, TokenError::ClientUnknown),
        ("cid", Some(json!("app-2")), TokenError::ClientUnknown),
    ];
    for (name, value, error) in cases {
        let mut claims = changed(name, value.clone());
        if name != "token_use" {
            claims["token_use"] = "access".into();
        }
        let got = refused(&tokens, &signer.sign(&claims)).await;
        assert_eq!(got, Some(error), "{name}: {value:?}");
    }
    for (name, value) in [
        ("exp", json!(NOW - 29)),
        ("nbf", json!(NOW + 30)),
        ("iat", json!(NOW - 3629)),
        ("aud", json!(["api://other", "api://tollgate"])),
        ("exp", json!(1_800_000_600.5)),
        ("exp", json!(1.9e9)),
        ("nbf", json!(1_799_999_000.25)),
        ("iat", json!(1_799_999_000.0)),
    ] {
        let mut claims = changed(name, Some(value));
        claims["token_use"] = "access".into();
        let got = refused(&tokens, &signer.sign(&claims)).await;
        assert_eq!(got, None, "{name} within what is allowed");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of attacks")]
async fn a_key_proves_only_what_it_is_for() {
    let rsa = Signer::new("rsa", Alg::RS256);
    let ec = Signer::new("ec", Alg::ES256);
    let mut encryption = Signer::new("enc", Alg::ES256).jwk();
    encryption["use"] = "enc".into();
    let mut only_ps256 = rsa.jwk();
    only_ps256["kid"] = "ps".into();
    only_ps256["alg"] = "PS256".into();
    let mut own = rules(ISSUER);
    own.algorithms
        .retain(|algorithm| *algorithm != Algorithm::Es384);
    let keys = [rsa.jwk(), ec.jwk(), encryption, only_ps256];
    let tokens = tokens([issuer(own, &keys)]);
    let payload = claims().to_string();
    let header = |alg: &str, kid: &str| format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
    // The public key as a secret: what the oldest of these attacks signs with.
    let secret = rsa.jwk()["n"].as_str().expect("a modulus").to_owned();
    let hmac = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    let hmac = jsonwebtoken::encode(
        &jsonwebtoken::Header {
            kid: Some("rsa".to_owned()),
            ..jsonwebtoken::Header::new(Alg::HS256)
        },
        &claims(),
        &hmac,
    );
    let unsigned = rsa.sign_text(&header("none", "rsa"), &payload);
    let unsigned = unsigned.rsplit_once('.').expect("dots").0.to_owned() + ".";
    for (token, error) in [
        (hmac.expect("a token"), TokenError::Algorithm),
        (unsigned, TokenError::Algorithm),
        (
            rsa.sign_text(&header("RS256", "ec"), &payload),
            TokenError::KeyMismatch,
        ),
        (
            ec.sign_text(&header("ES256", "rsa"), &payload),
            TokenError::KeyMismatch,
        ),
        (
            rsa.sign_text(&header("RS256", "ps"), &payload),
            TokenError::KeyMismatch,
        ),
        (
            rsa.sign_text(&header("RS256", "enc"), &payload),
            TokenError::KeyUnknown,
        ),
        (
            rsa.sign_text(&header("ES384", "rsa"), &payload),
            TokenError::Algorithm,
        ),
        (
            rsa.sign_text(&header("RS512", "rsa"), &payload),
            TokenError::Signature,
        ),
        (
            rsa.sign_text(&header("RS256", "gone"), &payload),
            TokenError::KeyUnknown,
        ),
        (
            rsa.sign_text(r#"{"alg":"RS256"}"#, &payload),
            TokenError::KeyMissing,
        ),
        (
            rsa.sign_text(
                r#"{"alg":"RS256","kid":"rsa","typ":"secevent+jwt"}"#,
                &payload,
            ),
            TokenError::Type,
        ),
    ] {
        assert_eq!(refused(&tokens, &token).await, Some(error), "{token:.60}");
    }
    // A key in the header is never looked at.
    let jwk = Signer::new("own", Alg::ES256);
    let header = json!({"alg": "ES256", "kid": "own", "jwk": jwk.jwk(), "jku": "https://evil.example/", "x5c": ["x"]});
    let token = jwk.sign_text(&header.to_string(), &payload);
    assert_eq!(refused(&tokens, &token).await, Some(TokenError::KeyUnknown));
}

#[tokio::test]
async fn an_issuers_key_proves_nothing_for_another_issuer() {
    let (a, b) = (Signer::new("1", Alg::ES256), Signer::new("1", Alg::ES256));
    let other = "https://other.example/";
    let tokens = tokens([
        issuer(rules(ISSUER), &[a.jwk()]),
        issuer(rules(other), &[b.jwk()]),
    ]);
    assert_eq!(refused(&tokens, &a.sign(&claims())).await, None);
    assert_eq!(
        refused(&tokens, &b.sign(&claims())).await,
        Some(TokenError::Signature)
    );
    assert_eq!(
        refused(&tokens, &a.sign(&changed("iss", Some(other.into())))).await,
        Some(TokenError::Signature)
    );
}

#[tokio::test]
async fn a_verdict_is_for_the_whole_token_and_ends_with_it() {
    let signer = Signer::new("1", Alg::ES256);
    let tokens = tokens([issuer(rules(ISSUER), &[signer.jwk()])]);
    let token = signer.sign(&claims());
    assert_eq!(refused(&tokens, &token).await, None);
    assert_eq!(tokens.verified.len(), 1, "remembered");
    let (message, signature) = token.rsplit_once('.').expect("dots");
    let other = signer.sign(&changed("sub", Some("eve".into())));
    let (_, other) = other.rsplit_once('.').expect("dots");
    let short = signature.get(..20).expect("a start");
    for wrong in [other, short, ""] {
        let token = format!("{message}.{wrong}");
        let got = refused(&tokens, &token).await;
        assert_eq!(
            got,
            Some(TokenError::Signature),
            "only the signature differs"
        );
    }
    assert_eq!(tokens.verified.len(), 1, "a refusal is not remembered");
    let late = at(&tokens, &token, NOW + 600 + 30).await.map(|_| ());
    assert_eq!(late, Err(TokenError::Expired));
    assert_eq!(tokens.verified.len(), 0, "and forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_dies_with_its_key() {
    let (old, new) = (Signer::new("1", Alg::ES256), Signer::new("2", Alg::ES256));
    let issuer = issuer(rules(ISSUER), &[old.jwk(), new.jwk()]);
    let tokens = tokens([Arc::clone(&issuer)]);
    let token = old.sign(&claims());
    assert_eq!(refused(&tokens, &token).await, None);
    issuer.keys().replace(key_set(&[new.jwk()]));
    assert_eq!(refused(&tokens, &token).await, Some(TokenError::KeyUnknown));
    assert_eq!(refused(&tokens, &new.sign(&claims())).await, None);
    // The same id with another key.
    let impostor = Signer::new("1", Alg::ES256);
    issuer.keys().replace(key_set(&[impostor.jwk()]));
    assert_eq!(refused(&tokens, &token).await, Some(TokenError::Signature));
    tokio::time::advance(Duration::from_secs(3601)).await;
    let got = refused(&tokens, &impostor.sign(&claims())).await;
    assert_eq!(
        got,
        Some(TokenError::IssuerUnavailable),
        "kept for an hour, no longer"
    );
}

#[tokio::test]
async fn entra_id_tokens_of_allowed_tenants_are_accepted() {
    const OURS: &str = "11111111-1111-4111-8111-111111111111";
    const OTHER: &str = "22222222-2222-4222-8222-222222222222";
    let signer = Signer::new("1", Alg::RS256);
    for template in [
        "https://login.microsoftonline.com/{tenantid}/v2.0",
        "https://sts.windows.net/{tenantid}/",
    ] {
        let mut rules = rules(template);
        rules.tenants = vec![OURS.to_owned()];
        let of = |tenant: &str| template.replace(TENANT_PLACEHOLDER, tenant);
        let token = |iss: String, tid: Option<&str>| {
            let mut claims = changed("iss", Some(iss.into()));
            if let Some(tid) = tid {
                claims["tid"] = tid.into();
            }
            signer.sign(&claims)
        };
        let mut key = signer.jwk();
        key["issuer"] = template.into();
        let tokens = tokens([issuer(rules.clone(), &[key.clone()])]);
        assert_eq!(
            refused(&tokens, &token(of(OURS), Some(OURS))).await,
            None,
            "{template}"
        );
        for (iss, tid, error) in [
            (of(OTHER), Some(OTHER), TokenError::Issuer),
            (of(OURS), Some(OTHER), TokenError::Tenant),
            (of(OURS), None, TokenError::Tenant),
            (template.to_owned(), Some(OURS), TokenError::Issuer),
        ] {
            let got = refused(&tokens, &token(iss.clone(), tid)).await;
            assert_eq!(got, Some(error), "{iss} {tid:?}");
        }
        // A key of the shared set that is another tenant's own.
        key["issuer"] = of(OTHER).into();
        let tokens = self::tokens([issuer(rules, &[key])]);
        let got = refused(&tokens, &token(of(OURS), Some(OURS))).await;
        assert_eq!(got, Some(TokenError::KeyMismatch), "{template}");
    }
}

#[tokio::test]
async fn the_type_is_checked_where_the_issuer_says_one() {
    let signer = Signer::new("1", Alg::ES256);
    let mut rules = rules(ISSUER);
    rules.token_types = vec!["at+jwt".to_owned()];
    let tokens = tokens([issuer(rules, &[signer.jwk()])]);
    let payload = claims().to_string();
    for (typ, error) in [
        (r#","typ":"at+jwt""#, None),
        (r#","typ":"application/AT+JWT""#, None),
        (r#","typ":"JWT""#, Some(TokenError::Type)),
        ("", Some(TokenError::Type)),
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"1"{typ}}}"#);
        let token = signer.sign_text(&header, &payload);
        assert_eq!(refused(&tokens, &token).await, error, "{typ}");
    }
}

#[test]
fn two_issuers_of_one_iss_are_refused() {
    let mut tokens = tokens([issuer(rules(ISSUER), &[])]);
    let again = tokens.add(issuer(rules(ISSUER), &[]));
    assert_eq!(again, Err(DuplicateIssuer(ISSUER.to_owned())));
}

/// A source whose every answer takes most of what a request may wait.
#[tokio::test(start_paused = true)]
async fn one_deadline_holds_for_both_waits_for_keys() {
    use crate::auth::jwks::{Fetching, KEY_WAIT, KeySet, KeySource, keep_fresh};
    struct Slow;
    impl KeySource for Slow {
        fn fetch(&self) -> Fetching<'_> {
            Box::pin(async {
                tokio::time::sleep(KEY_WAIT * 9 / 10).await;
                Ok(KeySet::parse(br#"{"keys":[]}"#)?)
            })
        }

        fn origin(&self) -> String {
            "slow".to_owned()
        }
    }
    let issuer = issuer(rules(ISSUER), &[]);
    let stop = tokio_util::sync::CancellationToken::new();
    let (store, stopped) = (Arc::clone(issuer.keys()), stop.clone());
    let hour = Duration::from_secs(3600);
    let task = tokio::spawn(async move {
        keep_fresh("acme", store, Arc::new(Slow), hour, stopped).await;
    });
    // The first refresh is under way.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let tokens = tokens([issuer]);
    let begin = tokio::time::Instant::now();
    let token = Signer::new("new", Alg::ES256).sign(&claims());
    assert_eq!(refused(&tokens, &token).await, Some(TokenError::KeyUnknown));
    assert_eq!(begin.elapsed(), KEY_WAIT, "one for each would be longer");
    stop.cancel();
    task.await.expect("ended");
}

#[tokio::test]
async fn algorithms_are_listed_by_their_names_and_keys_may_have_either() {
    let p521 = P521Signer::new("p521");
    let ed = Signer::new("ed", Alg::EdDSA);
    let payload = claims().to_string();
    let by_name = |alg: &str| {
        let header = json!({"alg": alg, "kid": "ed"}).to_string();
        ed.sign_text(&header, &payload)
    };
    let with = |algorithms: Vec<Algorithm>, key_says: Option<&str>| {
        let mut jwk = ed.jwk();
        if let Some(name) = key_says {
            jwk["alg"] = name.into();
        }
        let rules = IssuerRules {
            algorithms,
            ..rules(ISSUER)
        };
        tokens([issuer(rules, &[p521.jwk(), jwk])])
    };
    let es512 = p521.sign(&claims());
    let all = vec![Algorithm::Es512, Algorithm::EdDsa, Algorithm::Ed25519];
    for key_says in [None, Some("EdDSA"), Some("Ed25519")] {
        let tokens = with(all.clone(), key_says);
        for token in [&es512, &by_name("EdDSA"), &by_name("Ed25519")] {
            assert_eq!(refused(&tokens, token).await, None, "{key_says:?}");
        }
    }
    let not_listed = Some(TokenError::Algorithm);
    let old = with(vec![Algorithm::EdDsa], None);
    assert_eq!(refused(&old, &by_name("Ed25519")).await, not_listed);
    assert_eq!(refused(&old, &es512).await, not_listed);
    let new = with(vec![Algorithm::Ed25519], None);
    assert_eq!(refused(&new, &by_name("EdDSA")).await, not_listed);
    assert_eq!(refused(&new, &by_name("Ed25519")).await, None);
}

#[tokio::test]
async fn roles_and_groups_are_not_split_and_scopes_are() {
    let signer = Signer::new("1", Alg::ES256);
    let tokens = tokens([issuer(rules(ISSUER), &[signer.jwk()])]);
    let mut claims = claims();
    claims["roles"] = "not llm-admin".into();
    claims["groups"] = json!(["LLM Users"]);
    let caller = at(&tokens, &signer.sign(&claims), NOW).await.expect("good");
    let has = Entitlements {
        scopes: vec!["a".to_owned(), "b".to_owned()],
        roles: vec!["not llm-admin".to_owned()],
        groups: vec!["LLM Users".to_owned()],
    };
    assert_eq!(caller.entitlements(), &has);
}
