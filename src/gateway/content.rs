//! How a request says that its body is written: only what is read here may go on.

use super::refusal::{Reason, Refusal};
use crate::access::{BodyKind, Endpoint, Target};

/// Refuses a body in another media type than the operation's, or in a content coding: a reader behind us
/// could make something else of it (RFC 9110, sections 8.3 and 8.4).
pub(crate) fn check_content<'a>(
    target: &Target,
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), Refusal> {
    let Endpoint::Create { operation, .. } = target.endpoint else {
        return Ok(());
    };
    let (mut media_type, mut coding) = (None, None);
    for (name, value) in headers {
        match name {
            "content-type" => media_type = Some(value),
            "content-encoding" => coding = Some(value),
            _ => {}
        }
    }
    if coding.is_some_and(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return Err(Reason::ContentEncoding.into());
    }
    let media_type = media_type.and_then(|it| std::str::from_utf8(it).ok());
    let kind = operation.body_kind();
    let expected = match kind {
        BodyKind::Json => "application/json",
        BodyKind::Form => "multipart/form-data",
    };
    match media_type.is_some_and(|it| is_of(it, kind, expected)) {
        true => Ok(()),
        false => Err(Refusal::about(Reason::ContentType, expected)),
    }
}

/// Whether a `content-type` is of a media type: JSON in UTF-8 where it says a charset. That of a form is
/// for the form's reader, as its parts may say another one.
fn is_of(media_type: &str, kind: BodyKind, expected: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let is_utf_8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(expected))
        && (kind == BodyKind::Form || parts.all(is_utf_8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(path: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let target = Target::parse("POST", path).expect("a path");
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        check_content(&target, headers)
            .err()
            .map(|refusal| refusal.reason.label())
    }

    #[test]
    fn json_and_forms_are_what_they_say() {
        for (path, written) in [
            ("chat/completions", "application/json"),
            ("chat/completions", "Application/JSON; charset=\"UTF-8\""),
            ("chat/completions", "application/json;charset=utf-8"),
            ("audio/transcriptions", "multipart/form-data; boundary=x"),
            (
                "audio/transcriptions",
                "multipart/form-data; charset=ISO-8859-1; boundary=x",
            ),
        ] {
            let path = format!("/openai/v1/{path}");
            assert_eq!(
                reason(&path, &[("content-type", written)]),
                None,
                "{written}"
            );
        }
        for (path, written) in [
            ("chat/completions", "text/plain"),
            ("chat/completions", "application/json; charset=utf-16"),
            ("chat/completions", "application/json,text/plain"),
            ("chat/completions", "multipart/form-data; boundary=x"),
            ("audio/transcriptions", "application/json"),
            ("files", "application/x-www-form-urlencoded"),
        ] {
            let path = format!("/openai/v1/{path}");
            let headers = [("content-type", written)];
            assert_eq!(reason(&path, &headers), Some("content_type"), "{written}");
        }
        let chat = "/openai/v1/chat/completions";
        assert_eq!(reason(chat, &[]), Some("content_type"), "none");
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let chat = "/openai/v1/chat/completions";
        let json = ("content-type", "application/json");
        for coding in ["gzip", "deflate", "br", "gzip, identity", ""] {
            let headers = [json, ("content-encoding", coding)];
            assert_eq!(reason(chat, &headers), Some("content_encoding"), "{coding}");
        }
        let headers = [json, ("content-encoding", "Identity")];
        assert_eq!(reason(chat, &headers), None);
    }
}
