//! A request as somebody has saved it, or as the command line describes it.

use zeroize::Zeroizing;

use crate::access::{BodyKind, Target};
use crate::auth::KeyDigest;

/// The parts of a request that decide. It holds a credential, and is never printed.
pub(super) struct SavedRequest {
    pub(super) method: String,
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// Absent where the command line names no model.
    pub(super) body: Option<Vec<u8>>,
}

/// Why a text is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    /// The first line.
    #[error(
        "line 1 of the request is not a request line: write `POST /openai/v1/embeddings HTTP/1.1`"
    )]
    RequestLine,
    /// A header without a colon, or with an invalid name.
    #[error(
        "line {0} of the request is not a header: write `name: value`, and an empty line before the body"
    )]
    Header(usize),
}

impl SavedRequest {
    /// What the command line describes.
    pub(super) fn new(
        method: &str,
        target: &str,
        credential: Option<&[u8]>,
        model: Option<&str>,
    ) -> Self {
        let is_key = |value: &[u8]| std::str::from_utf8(value).is_ok_and(KeyDigest::is_meant);
        // What is not a key can only be a token.
        let header = |value: &[u8]| match is_key(value) {
            true => ("api-key".to_owned(), value.to_owned()),
            false => ("authorization".to_owned(), [b"Bearer ", value].concat()),
        };
        let is_form = Target::parse(method, target)
            .is_ok_and(|target| target.endpoint.operation().body_kind() == BodyKind::Form);
        let (content_type, body) = match (model, is_form) {
            (None, _) => (None, None),
            (Some(model), false) => {
                let body = serde_json::json!({ "model": model }).to_string();
                (Some("application/json"), Some(body))
            }
            (Some(model), true) => {
                let part = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n";
                let body = format!("{part}{model}\r\n--b--\r\n");
                (Some("multipart/form-data; boundary=b"), Some(body))
            }
        };
        let content_type =
            content_type.map(|it| ("content-type".to_owned(), it.as_bytes().to_vec()));
        let headers = credential.map(header).into_iter().chain(content_type);
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| (name, Zeroizing::new(value)))
                .collect(),
            body: body.map(String::into_bytes),
        }
    }

    /// Reads a request as HTTP/1.1 writes it (RFC 9112, section 2.1); a bare LF ends a line, too.
    pub(super) fn parse(text: &[u8]) -> Result<Self, RequestError> {
        let mut rest = text;
        let mut line = || {
            let end = memchr::memchr(b'\n', rest);
            let (line, after) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            rest = after;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            line.strip_suffix(b"\r").unwrap_or(line)
        };
        let first = std::str::from_utf8(line()).map_err(|_| RequestError::RequestLine)?;
        let mut words = first.split(' ').filter(|word| !word.is_empty());
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(RequestError::RequestLine);
        };
        if !target.starts_with('/') || words.next().is_some_and(|it| !it.starts_with("HTTP/")) {
            return Err(RequestError::RequestLine);
        }
        let (method, target) = (method.to_owned(), target.to_owned());
        let mut headers = Vec::new();
        for number in 2.. {
            let line = line();
            if line.is_empty() {
                break;
            }
            let header = header(line).ok_or(RequestError::Header(number))?;
            headers.push(header);
        }
        Ok(Self {
            method,
            target,
            headers,
            body: Some(rest.to_owned()),
        })
    }

    /// Whether a header may carry a key.
    pub(super) fn has_key(&self) -> bool {
        let names = ["authorization", "api-key", "ocp-apim-subscription-key"];
        let mut headers = self.headers.iter();
        headers.any(|(name, _)| names.contains(&name.as_str()))
    }

    /// Whether a header may carry a token.
    pub(super) fn has_token(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "authorization")
    }
}

fn header(line: &[u8]) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at(colon);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let name = std::str::from_utf8(name).ok()?;
    if name.is_empty() || !name.bytes().all(|byte| is_token(&byte)) {
        return None;
    }
    let value = value.strip_prefix(b":")?.trim_ascii();
    Some((name.to_ascii_lowercase(), Zeroizing::new(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_request_is_read_with_either_line_ending() {
        for text in [
            "POST /openai/v1/embeddings HTTP/1.1\r\nApi-Key: k\r\nX: a:b\r\n\r\n{\"model\":\"m\"}\n",
            "POST /openai/v1/embeddings\nApi-Key:k\nX: a:b\n\n{\"model\":\"m\"}\n",
        ] {
            let request = SavedRequest::parse(text.as_bytes()).expect("a request");
            assert_eq!(request.method, "POST");
            assert_eq!(request.target, "/openai/v1/embeddings");
            let headers: Vec<_> = request
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect();
            assert_eq!(headers, [("api-key", &b"k"[..]), ("x", b"a:b")]);
            assert_eq!(request.body.as_deref(), Some(&b"{\"model\":\"m\"}\n"[..]));
        }
    }

    #[test]
    fn what_is_no_request_says_which_line() {
        for (text, error) in [
            ("", RequestError::RequestLine),
            ("POST", RequestError::RequestLine),
            ("POST openai", RequestError::RequestLine),
            ("POST /a b", RequestError::RequestLine),
            ("GET / HTTP/1.1\nno header\n\n", RequestError::Header(2)),
            ("GET / HTTP/1.1\na: b\nx y: z\n", RequestError::Header(3)),
            ("GET / HTTP/1.1\n: b\n", RequestError::Header(2)),
        ] {
            let refused = SavedRequest::parse(text.as_bytes()).map(|_| ());
            assert_eq!(refused, Err(error), "{text}");
        }
    }

    #[test]
    fn a_credential_of_the_command_line_goes_where_a_caller_would_send_it() {
        let token = SavedRequest::new("GET", "/", Some(b"a.b.c"), None);
        assert_eq!(token.headers[0].0, "authorization");
        assert_eq!(token.headers[0].1.as_slice(), b"Bearer a.b.c");
        assert!(token.has_token());
        let key = SavedRequest::new("GET", "/", Some(b"tgk_a"), Some("m"));
        assert_eq!(key.headers[0].0, "api-key");
        assert_eq!(key.body.as_deref(), Some(&br#"{"model":"m"}"#[..]));
    }

    #[test]
    fn a_model_is_written_as_the_operation_takes_it() {
        let path = "/openai/v1/audio/transcriptions";
        let request = SavedRequest::new("POST", path, None, Some("whisper"));
        let (name, value) = request.headers.first().expect("a content-type");
        assert_eq!(name, "content-type");
        let content_type = std::str::from_utf8(value).expect("text");
        let body = request.body.as_deref().expect("a form");
        let form = crate::access::Form::parse(content_type, body).expect("a form");
        assert_eq!(form.field("model"), Ok(Some("whisper")));
    }
}
