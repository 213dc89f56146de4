//! Exactly one credential from the headers of a request.
//!
//! Envoy merges repeated headers with a comma (RFC 9110, section 5.3), so a comma in a credential
//! header is two credentials: none of the forms we take contains one.

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
}

/// What a request proves itself with, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Everything else: only a key of ours can be meant.
    Key(&'a str),
    /// A bearer token with dots, which no key has and every JWS has (RFC 7515, section 7.1).
    Token(&'a str),
}

/// A header that may stand once.
#[derive(Clone, Copy, Default)]
enum Slot<'a> {
    #[default]
    Absent,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Slot<'a> {
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

    /// Whether a header carries a credential, good or not.
    pub fn is_any(&self) -> bool {
        let all = [self.authorization, self.api_key, self.subscription_key];
        all.iter().any(|slot| !matches!(slot, Slot::Absent))
    }

    /// The one credential among them.
    ///
    /// # Errors
    /// [`AuthError`] where there is none, more than one, or one that can't be read.
    pub fn credential(&self) -> Result<Credential<'a>, AuthError> {
        let mut found = None;
        for (slot, is_authorization) in [
            (self.authorization, true),
            (self.api_key, false),
            (self.subscription_key, false),
        ] {
            match slot {
                Slot::Absent => {}
                Slot::Once(value) if found.is_none() => found = Some((value, is_authorization)),
                Slot::Once(_) | Slot::Repeated => return Err(AuthError::Ambiguous),
            }
        }
        let (value, is_authorization) = found.ok_or(AuthError::Missing)?;
        if memchr::memchr(b',', value).is_some() {
            return Err(AuthError::Ambiguous);
        }
        if value.len() > MAX_CREDENTIAL_BYTES {
            return Err(AuthError::Malformed);
        }
        let value = std::str::from_utf8(value).map_err(|_| AuthError::Malformed)?;
        match is_authorization {
            true => bearer(value).map(|value| match value.contains('.') {
                true => Credential::Token(value),
                false => Credential::Key(value),
            }),
            false => non_empty(value).map(Credential::Key),
        }
    }
}

/// The token of `Bearer token` (RFC 6750, section 2.1; the scheme's case is free, RFC 9110, 11.1).
fn bearer(value: &str) -> Result<&str, AuthError> {
    let (scheme, token) = value.split_once(' ').ok_or(AuthError::Scheme)?;
    match scheme.eq_ignore_ascii_case("bearer") {
        true => non_empty(token),
        false => Err(AuthError::Scheme),
    }
}

fn non_empty(value: &str) -> Result<&str, AuthError> {
    let value = value.trim_matches(' ');
    match value.is_empty() {
        true => Err(AuthError::Missing),
        false => Ok(value),
    }
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
    fn two_credentials_are_ambiguous_even_if_they_are_equal() {
        let cases: [&[(&str, &str)]; 5] = [
            &[("api-key", "k"), ("authorization", "Bearer k")],
            &[("api-key", "k"), ("ocp-apim-subscription-key", "k")],
            &[("api-key", "k"), ("api-key", "k")],
            &[("authorization", "Bearer one,Bearer two")],
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
    fn what_is_no_credential_is_refused() {
        assert_eq!(credential(&[]), Err(AuthError::Missing));
        assert_eq!(credential(&[("x-other", "k")]), Err(AuthError::Missing));
        assert_eq!(credential(&[("api-key", "")]), Err(AuthError::Missing));
        assert_eq!(
            credential(&[("authorization", "Bearer ")]),
            Err(AuthError::Missing)
        );
        assert_eq!(
            credential(&[("authorization", "Basic eDp5")]),
            Err(AuthError::Scheme)
        );
        assert_eq!(
            credential(&[("authorization", "k")]),
            Err(AuthError::Scheme)
        );
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
