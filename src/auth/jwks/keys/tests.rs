use proptest::prelude::*;
use serde_json::json;

use super::*;

fn set(keys: Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a key set")
}

/// RFC 7515, appendix A.2.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

#[test]
fn keys_that_we_cannot_verify_with_are_passed_over() {
    let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    let short = RSA_N.get(..160).expect("a start");
    for key in [
        json!({"kid": "1", "kty": "oct", "k": "AAAA"}),
        json!({"kid": "1", "kty": "RSA", "n": short, "e": "AQAB"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "use": "enc"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "use": ["enc"]}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "use": ["sig"]}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "issuer": ["a"]}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": ["RS256"]}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "key_ops": "encrypt"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "RSA-OAEP"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "HS256"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "ES256"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "key_ops": ["encrypt"]}),
        json!({"kid": "1", "kty": "EC", "crv": "P-521", "x": x, "y": y}),
        json!({"kid": "1", "kty": "EC", "crv": "P-384", "x": x, "y": y}),
        json!({"kid": "1", "kty": "EC", "crv": "P-256", "x": x, "y": "AA"}),
        json!({"kid": "1", "kty": "EC", "crv": "P-256", "x": x, "y": ""}),
        json!({"kid": "1", "kty": "EC", "crv": "P-256", "x": x, "y": x}),
        json!({"kid": "1", "kty": "OKP", "crv": "Ed25519", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
        json!({"kid": "1", "kty": "OKP", "crv": "X25519", "x": x}),
        json!({"kid": 1, "kty": "RSA", "n": RSA_N, "e": "AQAB"}),
        json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"}),
        json!("key"),
    ] {
        let read = set(json!([key]));
        assert!(read.is_empty(), "{key}");
        assert_eq!(read.skipped(), 1, "{key}");
    }
}

/// A key whose x and one whose y begins with a zero, which is left out.
#[test]
fn coordinates_without_their_leading_zeros_are_padded() {
    use crate::auth::token::testing::Signer;
    let (mut short_x, mut short_y) = (false, false);
    while !(short_x && short_y) {
        let signer = Signer::new("1", jsonwebtoken::Algorithm::ES256);
        let mut jwk = signer.jwk();
        for (name, seen) in [("x", &mut short_x), ("y", &mut short_y)] {
            let whole = URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("text"));
            if let Some(rest) = whole.expect("base64url").strip_prefix(&[0]) {
                jwk[name] = URL_SAFE_NO_PAD.encode(rest).into();
                *seen = true;
            }
        }
        let token = signer.sign(&json!({}));
        let (signed, signature) = token.rsplit_once('.').expect("dots");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let set = set(json!([jwk]));
        let [key] = set.find("1").expect("read") else {
            panic!("one key");
        };
        assert!(key.verifies(Algorithm::Es256, signed, &signature), "{jwk}");
    }
}

#[test]
fn members_that_are_null_restrict_nothing() {
    let key = json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB",
        "use": null, "alg": null, "key_ops": null, "issuer": null});
    assert_eq!(set(json!([key])).len(), 1);
}

#[test]
fn an_unusable_key_costs_that_key_only() {
    let good = json!({"kid": "good", "kty": "RSA", "n": RSA_N, "e": "AQAB"});
    for bad in [
        r#"{"kid":"bad","kid":"worse","kty":"RSA"}"#,
        r#"{"kid":"bad","x":{"a":1,"a":1}}"#,
        r#"{"kid":"bad","exp":1e400}"#,
        r#"{"kid":"bad","n":"\ud800"}"#,
        r#"["key"]"#,
        "null",
        &format!("{}1{}", "[".repeat(1000), "]".repeat(1000)),
    ] {
        let text = format!("{{\"keys\":[{bad},{good}],\"next\":1e400}}");
        let with_mark = format!("\u{feff}{text}");
        for text in [text, with_mark] {
            let set = KeySet::parse(text.as_bytes()).expect(bad);
            assert!(set.find("good").is_some(), "{bad:.40}");
            assert_eq!((set.len(), set.skipped()), (1, 1), "{bad:.40}");
        }
    }
}

#[test]
fn what_is_no_key_set_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"[[]]"#,
        r#"{"keys":[]} {}"#,
        "\u{feff}",
        "<html>",
    ] {
        let read = KeySet::parse(text.as_bytes()).err();
        assert_eq!(read, Some(KeySetError::Malformed), "{text}");
    }
    let many = json!({"keys": vec![json!({}); MAX_KEYS + 1]}).to_string();
    assert_eq!(
        KeySet::parse(many.as_bytes()).err(),
        Some(KeySetError::TooMany)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_set_or_refused(bytes: Vec<u8>, text in "\\PC{0,60}") {
        let _ = KeySet::parse(&bytes);
        let odd = json!({"keys": [{"kid": text, "kty": text, "n": text, "e": text, "crv": text, "x": text}]});
        prop_assert!(KeySet::parse(odd.to_string().as_bytes()).expect("a set").is_empty());
    }
}
