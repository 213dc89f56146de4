use super::*;
use crate::access::Operation;

fn options(user_from: Option<UserSource>) -> ClientOptions {
    ClientOptions {
        user_from,
        ..ClientOptions::default()
    }
}

fn of_headers(headers: &[(&str, &[u8])]) -> Result<Option<String>, OptionError> {
    let options = options(Some(UserSource::Header("x-end-user".into())));
    let user = options.user_of_headers(headers.iter().copied())?;
    Ok(user.map(|user| user.to_string()))
}

fn of_body(options: &ClientOptions, body: &str) -> Result<Option<String>, OptionError> {
    let parsed =
        RequestBody::read(Operation::ChatCompletions, body.as_bytes()).expect("a valid body");
    let user = options.user_of_body(&parsed, body.as_bytes())?;
    Ok(user.map(|user| user.to_string()))
}

#[test]
fn a_header_names_the_user_once_and_in_bounds() {
    let named = |value: &[u8]| of_headers(&[("x-other", b"x"), ("x-end-user", value)]);
    assert_eq!(of_headers(&[("x-other", b"x")]), Ok(None));
    assert_eq!(
        named(b"anna@acme.com"),
        Ok(Some("anna@acme.com".to_owned()))
    );
    assert_eq!(named("Zoë".as_bytes()), Ok(Some("Zoë".to_owned())));
    assert!(named(&[b'a'; 256]).is_ok());
    for wrong in [&b""[..], b"a\tb", b"a\0", b"\xff", &[b'a'; 257]] {
        assert_eq!(named(wrong), Err(OptionError::User), "{wrong:?}");
    }
    let twice: [(&str, &[u8]); 2] = [("x-end-user", b"a"), ("x-end-user", b"a")];
    assert_eq!(of_headers(&twice), Err(OptionError::User));
}

#[test]
fn a_body_names_the_user_in_bounds() {
    let trusted = options(Some(UserSource::Body));
    let escaped = format!(r#"{{"user":"{}"}}"#, r"\u0061".repeat(256));
    for (body, user) in [
        (r#"{"model":"a"}"#, None),
        (r#"{"user":null}"#, None),
        (r#"{"user":"anna"}"#, Some("anna")),
        (r#"{"us\u0065r":"Zo\u00eb"}"#, Some("Zoë")),
        (&escaped, Some(&*"a".repeat(256))),
    ] {
        assert_eq!(
            of_body(&trusted, body),
            Ok(user.map(str::to_owned)),
            "{body}"
        );
    }
    let long = format!(r#"{{"user":"{}"}}"#, "a".repeat(257));
    for body in [
        r#"{"user":""}"#,
        r#"{"user":7}"#,
        r#"{"user":{"id":"a"}}"#,
        r#"{"user":["a"]}"#,
        r#"{"user":"a\nb"}"#,
        r#"{"user":"a\u0000"}"#,
        r#"{"user":"\ud800"}"#,
        &long,
    ] {
        assert_eq!(of_body(&trusted, body), Err(OptionError::User), "{body}");
    }
    let twice = RequestBody::read(Operation::ChatCompletions, br#"{"user":"a","User":"b"}"#);
    assert!(twice.is_err(), "nobody can say which one is meant");
}

#[test]
fn a_client_that_is_not_trusted_names_nobody() {
    let header: [(&str, &[u8]); 1] = [("x-end-user", b"anna")];
    for untrusted in [options(None), options(Some(UserSource::Body))] {
        assert_eq!(untrusted.user_of_headers(header.into_iter()), Ok(None));
    }
    let by_header = options(Some(UserSource::Header("x-end-user".into())));
    for untrusted in [options(None), by_header] {
        assert_eq!(of_body(&untrusted, r#"{"user":"anna"}"#), Ok(None));
        assert_eq!(
            of_body(&untrusted, r#"{"user":7}"#),
            Ok(None),
            "it decides nothing"
        );
    }
}

#[test]
fn a_version_is_allowed_by_its_path_and_its_query() {
    let dated = |version: &str| format!("/openai/deployments/a/embeddings?api-version={version}");
    let version = |text| AllowedVersion::Dated(ApiVersion::parse(text).expect("a version"));
    let only_v1 = [AllowedVersion::V1];
    let only_dated = [version("2024-10-21"), version("2025-03-01-preview")];
    let v1 = "/openai/v1/embeddings".to_owned();
    let v1_preview = "/openai/v1/embeddings?api-version=preview".to_owned();
    let v1_dated = "/openai/v1/embeddings?api-version=2024-10-21".to_owned();
    for (path, by_v1, by_dated) in [
        (v1, true, false),
        (v1_preview, true, false),
        (v1_dated, true, false),
        (dated("2024-10-21"), false, true),
        (dated("2025-03-01-preview"), false, true),
        (dated("2024-10-21-preview"), false, false),
        (dated("2024-06-01"), false, false),
        (dated("v1"), false, false),
        (dated("preview"), false, false),
    ] {
        let target = Target::parse("POST", &path).expect("a good path");
        let check = |allowed: Option<&[AllowedVersion]>| {
            let options = ClientOptions {
                api_versions: allowed.map(<[_]>::to_vec),
                ..ClientOptions::default()
            };
            options.check_version(&target).is_ok()
        };
        assert!(
            check(None),
            "{path}: without the option every version is allowed"
        );
        assert_eq!(check(Some(&only_v1)), by_v1, "{path}");
        assert_eq!(check(Some(&only_dated)), by_dated, "{path}");
        assert!(!check(Some(&[])), "{path}: no version, no request");
    }
}
