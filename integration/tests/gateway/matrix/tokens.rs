//! The rows of tokens.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tollgate_integration::fakes::issuer::{FakeIssuer, IssuerMode, KEYS_PATH, Signer, unix_s};
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, wait_for};

use super::{ALLOWED, Attempt, Row};
use crate::support::metric;
use crate::token_support::{entry, entry_at};

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const OTHER_TENANT: &str = "22222222-2222-4222-8222-222222222222";
/// Of an issuer with tenants, such as Entra ID.
const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";

pub(super) struct World {
    stack: Stack,
    issuer: FakeIssuer,
    /// Its keys are never to be had.
    down: FakeIssuer,
    rsa: Signer,
    ec: Signer,
    /// Only owned, so that its keys can be fetched.
    _tenants: FakeIssuer,
}

impl World {
    pub(super) async fn start() -> Self {
        let (rsa, ec) = (
            Signer::new("rsa", Algorithm::RS256),
            Signer::new("ec", Algorithm::ES256),
        );
        let issuer = FakeIssuer::start(&[&rsa, &ec]).await;
        let (tenants, down) = (
            FakeIssuer::start(&[&ec]).await,
            FakeIssuer::start(&[&ec]).await,
        );
        down.set_mode(IssuerMode::Down);
        let keys = format!(
            ", tenants: [{TENANT}], jwks_uri: \"{}{KEYS_PATH}\"",
            tenants.url()
        );
        let asking = ", max_age: 1h, required_claims: { sub: [] }";
        let issuers = entry(&issuer, "okta", asking)
            + &entry_at(TEMPLATE, "tenants", &keys)
            + &entry(&down, "down", "");
        let other = "  - { id: other, credentials: [ { token: { issuer: okta, claims: { team: x } } } ], products: [standard] }\n";
        let clients = format!("issuers:\n{issuers}clients:\n{other}");
        let own = "    credentials:\n      - { token: { issuer: okta, client: app-1 } }\n      - { token: { issuer: tenants, client: app-1 } }\n      - { token: { issuer: down, client: app-1 } }\n";
        let options = Options::default().edit_config(move |yaml| {
            let yaml = yaml.replacen("    credentials:\n", own, 1);
            yaml.replacen("clients:\n", &clients, 1)
        });
        let stack = Stack::start(options).await;
        for name in ["okta", "tenants"] {
            let label = format!("issuer=\"{name}\"");
            wait_for("the issuer's keys", async || {
                let keys = metric(&stack, "tollgate_issuer_keys", &[&label]).await;
                (keys > 0.0).then_some(())
            })
            .await;
        }
        Self {
            stack,
            issuer,
            down,
            rsa,
            ec,
            _tenants: tenants,
        }
    }

    fn ask(&self, token: &str) -> Attempt<'_> {
        let request = self
            .stack
            .callers
            .http1()
            .post(self.stack.callers.url(CHAT_PATH));
        Attempt::new(&self.stack, request.bearer_auth(token))
    }

    /// A token that is good but for one claim, which is taken out where it is `None`.
    fn claim(&self, name: &str, value: Option<Value>) -> Attempt<'_> {
        let mut claims = self.issuer.claims();
        let members = claims.as_object_mut().expect("an object");
        match value {
            Some(value) => members.insert(name.to_owned(), value),
            None => members.remove(name),
        };
        self.ask(&self.ec.sign(&claims))
    }

    /// A token with good claims and this header, signed whatever it says.
    fn header(&self, header: &str) -> Attempt<'_> {
        let payload = self.issuer.claims().to_string();
        self.ask(&self.ec.sign_text(header, &payload))
    }

    fn tenant(&self, iss: &str, tid: &str) -> Attempt<'_> {
        let now = unix_s();
        let iss = TEMPLATE.replace("{tenantid}", iss);
        let claims = json!({"iss": iss, "aud": "api://tollgate", "exp": now + 600, "tid": tid, "azp": "app-1"});
        self.ask(&self.ec.sign(&claims))
    }
}

/// A NumericDate as some issuers write it, with a point.
fn in_ten_minutes() -> f64 {
    let at = u32::try_from(unix_s() + 600).expect("before 2106");
    f64::from(at)
}

const fn row(
    what: &'static str,
    status: u16,
    reason: &'static str,
    ask: for<'a> fn(&'a World) -> Attempt<'a>,
) -> Row<World> {
    Row {
        what,
        status,
        reason,
        ask,
    }
}

pub(super) const ROWS: [Row<World>; 49] = [
    row("RS256", 200, ALLOWED, |it| {
        it.ask(&it.rsa.sign(&it.issuer.claims()))
    }),
    row("ES256", 200, ALLOWED, |it| {
        it.ask(&it.ec.sign(&it.issuer.claims()))
    }),
    row("several audiences", 200, ALLOWED, |it| {
        it.claim("aud", Some(json!(["x", "api://tollgate"])))
    }),
    row("exp with a fraction of zero", 200, ALLOWED, |it| {
        it.claim("exp", Some(json!(in_ten_minutes())))
    }),
    row("exp is 4e9", 200, ALLOWED, |it| {
        it.claim("exp", Some(json!(4e9)))
    }),
    row("exp with a fraction", 200, ALLOWED, |it| {
        it.claim("exp", Some(json!(in_ten_minutes() + 0.5)))
    }),
    row("nbf and iat with fractions", 200, ALLOWED, |it| {
        let mut claims = it.issuer.claims();
        claims["nbf"] = json!(in_ten_minutes() - 700.25);
        claims["iat"] = json!(in_ten_minutes() - 700.75);
        it.ask(&it.ec.sign(&claims))
    }),
    row("of an allowed tenant", 200, ALLOWED, |it| {
        it.tenant(TENANT, TENANT)
    }),
    row(
        "longer than is looked at",
        400,
        "credential_malformed",
        |it| it.ask(&format!("a.b.{}", "c".repeat(17 * 1024))),
    ),
    row("three words", 401, "token_malformed", |it| it.ask("a.b.c")),
    row("two parts", 401, "token_malformed", |it| it.ask("e30.e30")),
    row(
        "a signature that is not base64url",
        401,
        "token_malformed",
        |it| {
            let token = it.ec.sign(&it.issuer.claims());
            it.ask(&format!("{token}="))
        },
    ),
    row("encrypted", 401, "token_malformed", |it| {
        let header = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa"}"#;
        let token = it.ec.sign_text(header, "a key");
        it.ask(&format!("{token}.dGV4dA.dGFn"))
    }),
    row(
        "encrypted with a shared key",
        401,
        "token_malformed",
        |it| {
            let header = r#"{"alg":"dir","enc":"A256GCM"}"#;
            let token = it.ec.sign_text(header, "");
            it.ask(&format!("{token}.dGV4dA.dGFn"))
        },
    ),
    row("opaque", 401, "token_opaque", |it| {
        it.ask("2YotnFZFEjr1zCsicMWpAA")
    }),
    row("exp twice", 401, "token_duplicate_member", |it| {
        let payload = it
            .issuer
            .claims()
            .to_string()
            .replacen('{', r#"{"exp":1,"#, 1);
        it.ask(&it.ec.sign_text(r#"{"alg":"ES256","kid":"ec"}"#, &payload))
    }),
    row("crit", 401, "token_critical", |it| {
        it.header(r#"{"alg":"ES256","kid":"ec","crit":["x"]}"#)
    }),
    row("b64", 401, "token_critical", |it| {
        it.header(r#"{"alg":"ES256","kid":"ec","b64":false}"#)
    }),
    row("a logout token", 401, "token_type", |it| {
        it.header(r#"{"alg":"ES256","kid":"ec","typ":"logout+jwt"}"#)
    }),
    row("typ is a number", 401, "token_type", |it| {
        it.header(r#"{"alg":"ES256","kid":"ec","typ":1}"#)
    }),
    row("alg none", 401, "token_algorithm", |it| {
        it.header(r#"{"alg":"none","kid":"ec"}"#)
    }),
    row("HS256", 401, "token_algorithm", |it| {
        it.header(r#"{"alg":"HS256","kid":"rsa"}"#)
    }),
    row("not in the issuer's list", 401, "token_algorithm", |it| {
        it.header(r#"{"alg":"PS256","kid":"rsa"}"#)
    }),
    row("iss missing", 401, "token_issuer", |it| {
        it.claim("iss", None)
    }),
    row("iss of another case", 401, "token_issuer", |it| {
        it.claim("iss", Some(it.issuer.url().to_uppercase().into()))
    }),
    row(
        "of a tenant that is not allowed",
        401,
        "token_issuer",
        |it| it.tenant(OTHER_TENANT, OTHER_TENANT),
    ),
    row("tid of another tenant", 401, "token_tenant", |it| {
        it.tenant(TENANT, OTHER_TENANT)
    }),
    row("kid missing", 401, "token_key_missing", |it| {
        it.header(r#"{"alg":"ES256"}"#)
    }),
    row("kid unknown", 401, "token_key_unknown", |it| {
        it.header(r#"{"alg":"ES256","kid":"other"}"#)
    }),
    row("a key of another type", 401, "token_key_mismatch", |it| {
        it.header(r#"{"alg":"RS256","kid":"ec"}"#)
    }),
    row("another key of the same id", 401, "token_signature", |it| {
        it.ask(&Signer::new("ec", Algorithm::ES256).sign(&it.issuer.claims()))
    }),
    row("no signature", 401, "token_signature", |it| {
        let token = it.ec.sign(&it.issuer.claims());
        it.ask(&format!("{}.", token.rsplit_once('.').expect("dots").0))
    }),
    row("aud of another service", 401, "token_audience", |it| {
        it.claim("aud", Some("api://other".into()))
    }),
    row("aud is a number", 401, "token_audience", |it| {
        it.claim("aud", Some(1.into()))
    }),
    row("exp missing", 401, "token_expiry_missing", |it| {
        it.claim("exp", None)
    }),
    row("exp is a text", 401, "token_expiry_missing", |it| {
        it.claim("exp", Some("4102444800".into()))
    }),
    row("exp is 1e19", 401, "token_expiry_missing", |it| {
        it.claim("exp", Some(json!(1e19)))
    }),
    row("exp is negative", 401, "token_expiry_missing", |it| {
        it.claim("exp", Some(json!(-1.5)))
    }),
    row(
        "exp has passed, with a fraction",
        401,
        "token_expired",
        |it| it.claim("exp", Some(json!(in_ten_minutes() - 4200.5))),
    ),
    row(
        "nbf to come, with a fraction",
        401,
        "token_not_yet_valid",
        |it| it.claim("nbf", Some(json!(in_ten_minutes() + 0.5))),
    ),
    row("exp has passed", 401, "token_expired", |it| {
        it.claim("exp", Some((unix_s() - 3600).into()))
    }),
    row("nbf to come", 401, "token_not_yet_valid", |it| {
        it.claim("nbf", Some((unix_s() + 3600).into()))
    }),
    row("nbf is null", 401, "token_not_yet_valid", |it| {
        it.claim("nbf", Some(Value::Null))
    }),
    row("iat too long ago", 401, "token_too_old", |it| {
        it.claim("iat", Some((unix_s() - 7200).into()))
    }),
    row("iat missing", 401, "token_too_old", |it| {
        it.claim("iat", None)
    }),
    row("a required claim missing", 401, "token_claim", |it| {
        it.claim("sub", None)
    }),
    row("of no client", 403, "client_unknown", |it| {
        it.claim("azp", Some("app-2".into()))
    }),
    row("of two clients", 403, "client_ambiguous", |it| {
        it.claim("team", Some("x".into()))
    }),
    row(
        "of an issuer that is down",
        503,
        "issuer_unavailable",
        |it| it.ask(&it.ec.sign(&it.down.claims())),
    ),
];
