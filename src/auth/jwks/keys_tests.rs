use proptest::prelude::*;
use serde_json::json;

use super::*;

fn set(keys: Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a key set")
}

/// RFC 7515, appendix A.2.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515, appendix A.3.
const ES256: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 8037, appendix A.4.
const EDDSA: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

#[test]
fn the_examples_of_rfc_7515_and_rfc_8037_verify() {
    let keys = set(json!([
        {"kid": "A.2", "kty": "RSA", "n": RSA_N, "e": "AQAB"},
        {"kid": "A.3", "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kid": "A.4", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]));
    for (id, algorithm, signed, signature) in [
        (
            "A.2",
            Algorithm::Rs256,
            format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}"),
            RS256,
        ),
        (
            "A.3",
            Algorithm::Es256,
            format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}"),
            ES256,
        ),
        (
            "A.4",
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            EDDSA,
        ),
    ] {
        let key = &keys.find(id).expect("the key")[0];
        assert!(key.verifies(algorithm, &signed, signature), "{id}");
        let other = signed.replacen("eyJ", "eyK", 1);
        assert!(!key.verifies(algorithm, &other, signature), "{id}: changed");
        let at = signature.len() / 2;
        let mut wrong = signature.to_owned();
        let new = if wrong.get(at..=at) == Some("A") {
            "B"
        } else {
            "A"
        };
        wrong.replace_range(at..=at, new);
        assert!(!key.verifies(algorithm, &signed, &wrong), "{id}: signature");
    }
}

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
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "RSA-OAEP"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "HS256"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "ES256"}),
        json!({"kid": "1", "kty": "RSA", "n": RSA_N, "e": "AQAB", "key_ops": ["encrypt"]}),
        json!({"kid": "1", "kty": "EC", "crv": "P-521", "x": x, "y": y}),
        json!({"kid": "1", "kty": "EC", "crv": "P-384", "x": x, "y": y}),
        json!({"kid": "1", "kty": "EC", "crv": "P-256", "x": x, "y": "AA"}),
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

#[test]
fn what_is_no_key_set_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
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
