//! Exactly one credential from the headers of a request.
//!
//! Many SDKs send one key in two headers (`api-key: K` and `authorization: Bearer K`), or an empty one
//! as well: values that are equal to the byte are one credential, and an empty value does not count. Two
//! different ones are ambiguous. Envoy merges repeated headers with a comma (RFC 9110, section 5.3), so
//! a comma in a credential header is two credentials: none of the forms we take contains one.

use super::AuthError;

/// Headers that carry a caller's credential. None of them reaches a backend.
pub const CREDENTIAL_HEADERS: [&str; 7] = [
    "authorization",
    "api-key",
    "ocp-apim-subscription-key",
    "x-api-key",
    "x-forwarded-client-cert",
    "proxy-authorization",
    "cookie",
];

/// Longest credential that is looked at, in bytes.
const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;

/// The credential headers of one request, as they came.
#[derive(Clone, Copy, Default)]
pub struct PresentedHeaders<'a> {
    authorization: Slot<'a>,
    api_key: Slot<'a>,
    subscription_key: Slot<'a>,
    /// The key that a browser put into `sec-websocket-protocol`.
    subprotocol: Option<&'a str>,
}

/// What a request proves itself with, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Everything else: only a tollgate key can be meant.
    Key(&'a str),
    /// A bearer token with dots, which no key has and every JWS has (RFC 7515, section 7.1).
    Token(&'a str),
}

/// A header that may occur once.
#[derive(Clone, Copy, Default)]
enum Slot<'a> {
    #[default]
    Absent,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Slot<'a> {
    /// Its text; none where it is empty.
    fn value(self) -> Result<Option<&'a str>, AuthError> {
        let value = match self {
            Self::Absent => return Ok(None),
            Self::Once(value) => value,
            Self::Repeated => return Err(AuthError::Ambiguous),
        };
        if memchr::memchr(b',', value).is_some() {
            return Err(AuthError::Ambiguous);
        }
        if value.len() > MAX_CREDENTIAL_BYTES {
            return Err(AuthError::Malformed);
        }
        let value = std::str::from_utf8(value).map_err(|_| AuthError::Malformed)?;
        Ok(non_empty(value))
    }

    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }
}

impl<'a> PresentedHeaders<'a> {
    /// Notes a header if it is one that we take a credential from; names are in lower case.
    pub fn add(&mut self, name: &str, value: &'a [u8]) {
        match name {
            "authorization" => self.authorization.add(value),
            "api-key" => self.api_key.add(value),
            "ocp-apim-subscription-key" => self.subscription_key.add(value),
            _ => {}
        }
    }

    /// Notes the key among the subprotocols of a WebSocket.
    pub fn add_subprotocol(&mut self, key: &'a str) {
        self.subprotocol = Some(key);
    }

    /// Whether a header carries a credential, good or not.
    pub fn is_any(&self) -> bool {
        !matches!(self.credential(), Err(AuthError::Missing))
    }

    /// Whether the credential is in `authorization` only, where tokens are.
    pub fn is_bearer(&self) -> bool {
        let has = |slot: Slot<'_>| matches!(slot.value(), Ok(Some(_)));
        has(self.authorization)
            && !has(self.api_key)
            && !has(self.subscription_key)
            && self.subprotocol.is_none()
    }

    /// The one credential among them.
    ///
    /// # Errors
    /// [`AuthError`] where there is none, more than one, or one that can't be read.
    pub fn credential(&self) -> Result<Credential<'a>, AuthError> {
        let authorization = bearer(self.authorization.value()?)?;
        let api_key = self.api_key.value()?;
        let subscription_key = self.subscription_key.value()?;
        let mut values = [authorization, api_key, subscription_key, self.subprotocol]
            .into_iter()
            .flatten();
        let value = values.next().ok_or(AuthError::Missing)?;
        if values.any(|other| other != value) {
            return Err(AuthError::Ambiguous);
        }
        Ok(match authorization {
            Some(token) if token.contains('.') => Credential::Token(token),
            _ => Credential::Key(value),
        })
    }
}

/// The token of `Bearer token` (RFC 6750, section 2.1; the scheme's case is free, RFC 9110, 11.1);
/// none where there is only the scheme.
fn bearer(value: Option<&str>) -> Result<Option<&str>, AuthError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    match scheme.eq_ignore_ascii_case("bearer") {
        true => Ok(non_empty(token)),
        false => Err(AuthError::Scheme),
    }
}

fn non_empty(value: &str) -> Option<&str> {
    Some(value.trim_matches(' ')).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential<'a>(headers: &[(&str, &'a str)]) -> Result<&'a str, AuthError> {
        let mut presented = PresentedHeaders::default();
        for (name, value) in headers {
            presented.add(name, value.as_bytes());
        }
        presented.credential().map(|credential| match credential {
            Credential::Key(text) | Credential::Token(text) => text,
        })
    }

    #[test]
    fn each_header_that_we_take_is_read() {
        assert_eq!(credential(&[("api-key", "k")]), Ok("k"));
        assert_eq!(credential(&[("ocp-apim-subscription-key", "k")]), Ok("k"));
        assert_eq!(credential(&[("authorization", "Bearer k")]), Ok("k"));
        assert_eq!(credential(&[("authorization", "bearer  k ")]), Ok("k"));
    }

    #[test]
    fn a_bearer_token_with_dots_is_a_token_and_all_else_is_a_key() {
        let read = |name: &str, value: &'static str| {
            let mut presented = PresentedHeaders::default();
            presented.add(name, value.as_bytes());
            presented.credential()
        };
        assert_eq!(
            read("authorization", "Bearer a.b.c"),
            Ok(Credential::Token("a.b.c"))
        );
        assert_eq!(
            read("authorization", "Bearer tgk_a"),
            Ok(Credential::Key("tgk_a"))
        );
        assert_eq!(read("api-key", "a.b.c"), Ok(Credential::Key("a.b.c")));
    }

    #[test]
    fn equal_values_are_one_credential_and_an_empty_one_is_none() {
        let cases: [&[(&str, &str)]; 8] = [
            &[("api-key", "k"), ("authorization", "Bearer k")],
            &[("api-key", "k"), ("ocp-apim-subscription-key", "k")],
            &[("api-key", "k"), ("authorization", "bearer  k ")],
            &[("api-key", "k"), ("authorization", "Bearer")],
            &[("api-key", "k"), ("authorization", "Bearer ")],
            &[("api-key", "k"), ("authorization", "")],
            &[("api-key", ""), ("authorization", "Bearer k")],
            &[
                ("ocp-apim-subscription-key", "k"),
                ("api-key", "k"),
                ("authorization", "Bearer k"),
            ],
        ];
        for headers in cases {
            assert_eq!(credential(headers), Ok("k"), "{headers:?}");
        }
    }

    #[test]
    fn a_token_in_two_headers_is_a_token_whatever_their_order() {
        let token = "a.b.c";
        for names in [["api-key", "authorization"], ["authorization", "api-key"]] {
            let mut presented = PresentedHeaders::default();
            for name in names {
                match name {
                    "authorization" => presented.add(name, b"Bearer a.b.c"),
                    _ => presented.add(name, token.as_bytes()),
                }
            }
            assert_eq!(presented.credential(), Ok(Credential::Token(token)));
        }
    }

    #[test]
    fn different_values_are_ambiguous_wherever_they_stand() {
        let cases: [&[(&str, &str)]; 7] = [
            &[("api-key", "k"), ("authorization", "Bearer K")],
            &[("api-key", "k"), ("authorization", "Bearer k2")],
            &[("api-key", "k"), ("ocp-apim-subscription-key", "k2")],
            &[("api-key", "k"), ("api-key", "k")],
            &[("authorization", "Bearer one,Bearer two")],
            &[("authorization", "Bearer k,Bearer k")],
            &[("api-key", "k,k")],
        ];
        for headers in cases {
            assert_eq!(
                credential(headers),
                Err(AuthError::Ambiguous),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_subprotocols_key_is_a_credential_like_the_others() {
        let mut presented = PresentedHeaders::default();
        presented.add_subprotocol("k");
        assert_eq!(presented.credential(), Ok(Credential::Key("k")));
        presented.add("api-key", b"k");
        assert_eq!(presented.credential(), Ok(Credential::Key("k")));
        presented.add("authorization", b"Bearer other");
        assert_eq!(presented.credential(), Err(AuthError::Ambiguous));
    }

    #[test]
    fn what_is_not_a_credential_is_refused() {
        assert_eq!(credential(&[]), Err(AuthError::Missing));
        assert_eq!(credential(&[("x-other", "k")]), Err(AuthError::Missing));
        assert_eq!(credential(&[("api-key", "")]), Err(AuthError::Missing));
        for scheme in ["Bearer", "Bearer ", ""] {
            assert_eq!(
                credential(&[("authorization", scheme)]),
                Err(AuthError::Missing)
            );
        }
        for other in ["Basic eDp5", "k", "Bearerk"] {
            assert_eq!(
                credential(&[("api-key", "k"), ("authorization", other)]),
                Err(AuthError::Scheme)
            );
        }
        let long = "k".repeat(MAX_CREDENTIAL_BYTES + 1);
        assert_eq!(credential(&[("api-key", &long)]), Err(AuthError::Malformed));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut presented = PresentedHeaders::default();
        presented.add("api-key", b"\xff\xfe");
        assert_eq!(presented.credential(), Err(AuthError::Malformed));
    }
}
