//! Known answers: the examples of RFC 7515, 7519, 7797 and 8037, the rules of RFC 7519, section 4.1 and
//! RFC 8725, and published attacks, one row each.
//!
//! We are stricter than the RFCs where they leave a choice; a row says so with "stricter".

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm as Alg;
use serde_json::{Value, json};

use crate::auth::Algorithm;
use crate::auth::token::testing::{self, Signer, issuer, key_set, rules};
use crate::auth::token::{TokenError, Tokens};

/// `exp` of the claims of RFC 7515, appendix A.1 and RFC 7519, section 3.1.
const EXPIRY: u64 = 1_300_819_380;
/// Ten minutes before.
const NOW: u64 = EXPIRY - 600;
/// The payload of RFC 7515, appendix A.1 to A.3 and A.5: iss `joe`, exp, is_root.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const HS256: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const ES256: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ES512: &str = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
const ED25519: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// The public keys of RFC 7515, appendix A.2 to A.4, and of RFC 8037, appendix A.2.
fn published_keys() -> [Value; 4] {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    [
        json!({"kid": "2010-12-29", "kty": "RSA", "n": n, "e": "AQAB"}),
        json!({"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d", "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
        json!({"kid": "p521", "kty": "EC", "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}),
        json!({"kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
    ]
}

/// An issuer with the published keys and one of this test.
fn tokens(signer: &Signer) -> Tokens {
    let keys = [published_keys().as_slice(), &[signer.jwk()]].concat();
    testing::tokens([issuer(rules("joe", "api"), &keys, ("azp", "app", "app"))])
}

/// Where a row comes from, what it is, the token, and what must come of it.
type Row = (&'static str, &'static str, String, Result<(), TokenError>);

async fn check(tokens: &Tokens, rows: Vec<Row>) {
    for (section, what, token, expected) in rows {
        let got = testing::at(tokens, &token, NOW).await.map(|_| ());
        assert_eq!(got, expected, "{section}: {what}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of signatures")]
fn the_signatures_of_the_rfcs_verify_and_no_other_does() {
    let keys = key_set(&published_keys());
    for (section, kid, algorithm, signed, signature) in [
        (
            "RFC 7515, A.2",
            "2010-12-29",
            Algorithm::Rs256,
            format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}"),
            RS256,
        ),
        (
            "RFC 7515, A.3",
            "e9bc097a-ce51-4036-9562-d2ade882db0d",
            Algorithm::Es256,
            format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}"),
            ES256,
        ),
        (
            "RFC 7515, A.4",
            "p521",
            Algorithm::Es512,
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA".to_owned(),
            ES512,
        ),
        (
            "RFC 8037, A.4",
            "ed",
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            ED25519,
        ),
    ] {
        let verifies = |kid: &str, signed: &str, signature: &str| {
            let keys = keys.find(kid).expect("a key");
            let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
            keys.iter()
                .any(|key| key.fits(algorithm) && key.verifies(algorithm, signed, &signature))
        };
        assert!(verifies(kid, &signed, signature), "{section}");
        assert!(
            !verifies(kid, &format!("{signed}A"), signature),
            "{section}: changed"
        );
        for other in [RS256, ES256, ED25519, ES512, HS256, ""] {
            let is_own = other == signature;
            assert_eq!(
                verifies(kid, &signed, other),
                is_own,
                "{section}: with {other:.10}"
            );
        }
        for other in [
            "2010-12-29",
            "e9bc097a-ce51-4036-9562-d2ade882db0d",
            "p521",
            "ed",
        ] {
            assert_eq!(
                verifies(other, &signed, signature),
                other == kid,
                "{section}: by {other}"
            );
        }
    }
}

#[tokio::test]
async fn the_tokens_of_the_rfcs_are_refused_each_for_its_reason() {
    let rows: Vec<Row> = vec![
        ("RFC 7515, A.1; RFC 7519, 3.1", "HS256: symmetric", format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.{HS256}"), Err(TokenError::Algorithm)),
        ("RFC 7515, A.2", "RS256 without kid (stricter)", format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{RS256}"), Err(TokenError::KeyMissing)),
        ("RFC 7515, A.3", "ES256 without kid (stricter)", format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{ES256}"), Err(TokenError::KeyMissing)),
        ("RFC 7515, A.4", "ES512 without kid (stricter)", format!("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.{ES512}"), Err(TokenError::KeyMissing)),
        ("RFC 7515, A.5; RFC 7519, 6.1", "alg none", format!("eyJhbGciOiJub25lIn0.{PAYLOAD}."), Err(TokenError::Algorithm)),
        ("RFC 7515, A.6", "general JSON serialisation", general(), Err(TokenError::Malformed)),
        ("RFC 7515, A.7", "flattened JSON serialisation", flattened(), Err(TokenError::Malformed)),
        ("RFC 7515, E", "crit", "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.".to_owned(), Err(TokenError::Critical)),
        ("RFC 7515, F", "detached payload", format!("eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ..{ES256}"), Err(TokenError::Malformed)),
        ("RFC 7797, 4.2", "b64 false: a dot in the payload", "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.$.02.A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY".to_owned(), Err(TokenError::Malformed)),
        ("RFC 7797, 4.2", "b64 false, detached", "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY".to_owned(), Err(TokenError::Critical)),
        ("RFC 8037, A.4", "Ed25519 without kid (stricter)", format!("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.{ED25519}"), Err(TokenError::KeyMissing)),
    ];
    check(&tokens(&Signer::new("1", Alg::ES256)), rows).await;
}

fn general() -> String {
    json!({"payload": PAYLOAD, "signatures": [
        {"protected": "eyJhbGciOiJSUzI1NiJ9", "header": {"kid": "2010-12-29"}, "signature": RS256},
        {"protected": "eyJhbGciOiJFUzI1NiJ9", "header": {"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"}, "signature": ES256},
    ]})
    .to_string()
}

fn flattened() -> String {
    json!({"payload": PAYLOAD, "protected": "eyJhbGciOiJFUzI1NiJ9",
        "header": {"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"}, "signature": ES256})
    .to_string()
}

/// The claims of RFC 7519, section 3.1, with what an issuer's rules ask for besides.
fn claims(change: &str, value: Option<Value>) -> Value {
    let mut claims = json!({"iss": "joe", "exp": EXPIRY, "http://example.com/is_root": true,
        "aud": "api", "azp": "app"});
    let members = claims.as_object_mut().expect("an object");
    match value {
        Some(value) => members.insert(change.to_owned(), value),
        None => members.remove(change),
    };
    claims
}

#[tokio::test]
async fn the_claims_of_rfc_7519_have_their_types_and_meanings() {
    let signer = Signer::new("1", Alg::ES256);
    let mut rows: Vec<Row> = Vec::new();
    for (section, claim, value, expected) in claim_rows() {
        let token = signer.sign(&claims(claim, value));
        rows.push((section, claim, token, expected));
    }
    check(&tokens(&signer), rows).await;
}

type ClaimRow = (
    &'static str,
    &'static str,
    Option<Value>,
    Result<(), TokenError>,
);

#[expect(clippy::too_many_lines, reason = "a table of tokens")]
fn claim_rows() -> Vec<ClaimRow> {
    const MISSING: TokenError = TokenError::ExpiryMissing;
    let mut rows: Vec<ClaimRow> = vec![
        (
            "RFC 7519, 4: unknown claims are ignored",
            "other",
            Some(json!({"a": [1]})),
            Ok(()),
        ),
        (
            "RFC 7519, 4.1.1: a string",
            "iss",
            Some(json!(1)),
            Err(TokenError::Issuer),
        ),
        (
            "RFC 7519, 4.1.1: a string",
            "iss",
            Some(json!(["joe"])),
            Err(TokenError::Issuer),
        ),
        (
            "RFC 7519, 4.1.1: case-sensitive",
            "iss",
            Some(json!("Joe")),
            Err(TokenError::Issuer),
        ),
        (
            "RFC 7519, 4.1.1 (stricter: required)",
            "iss",
            None,
            Err(TokenError::Issuer),
        ),
        (
            "RFC 7519, 4.1.3: one string",
            "aud",
            Some(json!("api")),
            Ok(()),
        ),
        (
            "RFC 7519, 4.1.3: an array",
            "aud",
            Some(json!(["other", "api"])),
            Ok(()),
        ),
        (
            "RFC 7519, 4.1.3: not ours",
            "aud",
            Some(json!(["other"])),
            Err(TokenError::Audience),
        ),
        (
            "RFC 7519, 4.1.3: case-sensitive",
            "aud",
            Some(json!("API")),
            Err(TokenError::Audience),
        ),
        (
            "RFC 7519, 4.1.3 (stricter: required)",
            "aud",
            None,
            Err(TokenError::Audience),
        ),
        (
            "RFC 7519, 4.1.4: not on it",
            "exp",
            Some(json!(NOW)),
            Err(TokenError::Expired),
        ),
        (
            "RFC 7519, 4.1.4: a second before it",
            "exp",
            Some(json!(NOW + 1)),
            Ok(()),
        ),
        (
            "RFC 7519, 4.1.4 (stricter: required)",
            "exp",
            None,
            Err(MISSING),
        ),
        (
            "RFC 7519, 2: NumericDate",
            "exp",
            Some(json!(1_300_819_380.5)),
            Ok(()),
        ),
        (
            "RFC 7519, 2: NumericDate",
            "exp",
            Some(json!(1.300_819_38e9)),
            Ok(()),
        ),
        (
            "RFC 7519, 2: NumericDate (decided for the shorter life)",
            "exp",
            Some(json!(1_300_818_780.9)),
            Err(TokenError::Expired),
        ),
        (
            "RFC 7519, 2: NumericDate (decided for the shorter life)",
            "nbf",
            Some(json!(1_300_818_780.1)),
            Err(TokenError::NotYetValid),
        ),
        (
            "RFC 7519, 2: NumericDate",
            "nbf",
            Some(json!(1_300_818_779.1)),
            Ok(()),
        ),
        (
            "RFC 7519, 4.1.5: from it on",
            "nbf",
            Some(json!(NOW)),
            Ok(()),
        ),
        (
            "RFC 7519, 4.1.5: a second before it",
            "nbf",
            Some(json!(NOW + 1)),
            Err(TokenError::NotYetValid),
        ),
        (
            "RFC 7519, 4.1.5: a number",
            "nbf",
            Some(json!("0")),
            Err(TokenError::NotYetValid),
        ),
        (
            "RFC 7519, 4.1.6: says nothing of validity",
            "iat",
            Some(json!(NOW + 1)),
            Ok(()),
        ),
        ("RFC 7519, 4.1.7: ignored", "jti", Some(json!(1)), Ok(())),
        (
            "RFC 7519, 4.1.2: names the user where it is text",
            "sub",
            Some(json!(1)),
            Ok(()),
        ),
    ];
    // CVE-2026-25537: claims of another type passed as absent, and what that fix left.
    for wrong in [
        json!(null),
        json!(EXPIRY.to_string()),
        json!(1e19),
        json!(u64::MAX),
        json!(-1),
        json!([EXPIRY]),
        json!({"a": 1}),
        json!(true),
    ] {
        rows.push(("CVE-2026-25537", "exp", Some(wrong), Err(MISSING)));
    }
    for wrong in [
        json!(null),
        json!(1),
        json!({"api": 1}),
        json!([]),
        json!([["api"]]),
        json!(["api", null]),
    ] {
        rows.push((
            "CVE-2026-25537",
            "aud",
            Some(wrong),
            Err(TokenError::Audience),
        ));
    }
    for wrong in [json!(null), json!(true), json!({"iss": "joe"})] {
        rows.push((
            "CVE-2026-25537",
            "iss",
            Some(wrong),
            Err(TokenError::Issuer),
        ));
    }
    for wrong in [
        json!(null),
        json!(-1),
        json!(1e19),
        json!([0]),
        json!(false),
    ] {
        rows.push((
            "CVE-2026-25537",
            "nbf",
            Some(wrong),
            Err(TokenError::NotYetValid),
        ));
    }
    rows
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of tokens")]
async fn published_attacks_are_refused() {
    let signer = Signer::new("1", Alg::ES256);
    let good = claims("", None).to_string();
    let header = |more: Value| {
        let mut header = json!({"alg": "ES256", "kid": "1"});
        let members = header.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        header.to_string()
    };
    let plain = signer.sign_text(&header(json!({})), &good);
    let (message, _) = plain.rsplit_once('.').expect("three parts");
    let attacker = Signer::new("1", Alg::ES256);
    let other = signer.sign(&claims("sub", Some("eve".into())));
    let (_, other_signature) = other.rsplit_once('.').expect("three parts");
    let tokens = tokens(&signer);
    let rows: Vec<Row> = vec![
        ("RFC 7515, 5.2", "a good one", plain.clone(), Ok(())),
        (
            "CVE-2015-9235",
            "alg none",
            signer.sign_text(&header(json!({"alg": "none"})), &good),
            Err(TokenError::Algorithm),
        ),
        (
            "CVE-2015-9235",
            "alg nOnE",
            signer.sign_text(&header(json!({"alg": "nOnE"})), &good),
            Err(TokenError::Algorithm),
        ),
        (
            "RFC 8725, 2.1",
            "HS256 with a public key",
            signer.sign_text(&header(json!({"alg": "HS256", "kid": "2010-12-29"})), &good),
            Err(TokenError::Algorithm),
        ),
        (
            "RFC 8725, 3.1",
            "a key of another type",
            signer.sign_text(&header(json!({"kid": "2010-12-29"})), &good),
            Err(TokenError::KeyMismatch),
        ),
        (
            "CVE-2018-0114",
            "a key in the header",
            attacker.sign_text(&header(json!({"jwk": attacker.jwk()})), &good),
            Err(TokenError::Signature),
        ),
        (
            "RFC 8725, 3.10",
            "a key set of the caller's",
            attacker.sign_text(&header(json!({"jku": "https://evil.example/"})), &good),
            Err(TokenError::Signature),
        ),
        (
            "RFC 8725, 3.10",
            "a kid that is a path",
            signer.sign_text(&header(json!({"kid": "../../dev/null"})), &good),
            Err(TokenError::KeyUnknown),
        ),
        (
            "CVE-2022-21449",
            "r and s are zero",
            format!("{message}.{}", "A".repeat(86)),
            Err(TokenError::Signature),
        ),
        (
            "CVE-2026-35030",
            "a remembered token with another signature",
            format!("{message}.{other_signature}"),
            Err(TokenError::Signature),
        ),
        (
            "CVE-2026-35030",
            "a remembered token without one",
            format!("{message}."),
            Err(TokenError::Signature),
        ),
        (
            "RFC 8725, 2.4",
            "a member twice",
            signer.sign_text(&header(json!({})), &good.replacen('{', r#"{"exp":1,"#, 1)),
            Err(TokenError::DuplicateMember),
        ),
        (
            "RFC 8725, 3.11",
            "a logout token",
            signer.sign_text(&header(json!({"typ": "logout+jwt"})), &good),
            Err(TokenError::Type),
        ),
        (
            "RFC 7519, 5.1",
            "typ in any case",
            signer.sign_text(&header(json!({"typ": "jwt"})), &good),
            Ok(()),
        ),
        (
            "RFC 7516, 3.1",
            "encrypted",
            format!("{plain}.a.b"),
            Err(TokenError::Malformed),
        ),
    ];
    check(&tokens, rows).await;
}
