//! A token of an identity, fetched once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use secrecy::SecretString;
use serde::Deserialize;

use super::finding::Subject;
use super::patience::{in_words, within};
use crate::upstream::{AzureTokenSource, IdentityConfig, IdentitySource, TokenSource};

/// Longest claim that is shown.
const MAX_CLAIM_CHARS: usize = 120;

/// A token, and what it says of itself.
pub(super) struct Token {
    /// The header that carries it.
    pub(super) authorization: HeaderValue,
    /// What it says; none of it where only its issuer can read it.
    pub(super) claims: Claims,
    /// The token alone, for what takes it as a password.
    pub(super) password: Option<SecretString>,
}

/// The claims by which a resource decides.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Claims {
    aud: Option<String>,
    tid: Option<String>,
    /// The principal that roles are assigned to.
    oid: Option<String>,
    appid: Option<String>,
}

impl Claims {
    fn of(authorization: &HeaderValue) -> Option<Self> {
        let payload = authorization.to_str().ok()?.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Who the token is for, and of which tenant.
    pub(super) fn in_words(&self) -> String {
        let audience = self.aud.as_deref().map(shown);
        let tenant = self.tid.as_deref().map(shown);
        match (audience, tenant) {
            (Some(audience), Some(tenant)) => format!("audience {audience}, tenant {tenant}"),
            (Some(audience), None) => format!("audience {audience}"),
            (None, Some(tenant)) => format!("tenant {tenant}"),
            (None, None) => "which only its issuer can read".to_owned(),
        }
    }

    /// Whom to give a role.
    pub(super) fn principal(&self) -> String {
        match (&self.oid, &self.appid) {
            (Some(id), _) => format!("the principal {}", shown(id)),
            (None, Some(id)) => format!("the application {}", shown(id)),
            (None, None) => "the gateway's identity".to_owned(),
        }
    }
}

fn shown(claim: &str) -> String {
    claim.chars().take(MAX_CLAIM_CHARS).collect()
}

/// Fetches a token as the service does; `None` where there is none, which is said.
pub(super) async fn fetch(config: &IdentityConfig, subject: &mut Subject) -> Option<Token> {
    let fetched = within(AzureTokenSource::new(config.clone()).fetch()).await;
    match fetched {
        Ok(token) => {
            let authorization = token.authorization().clone();
            let claims = Claims::of(&authorization).unwrap_or_default();
            let lifetime = in_words(token.lifetime());
            let said = format!(
                "it has a token for {lifetime} ({}), asked for with the scope {}",
                claims.in_words(),
                config.scope
            );
            subject.ok("token", said);
            Some(Token {
                authorization,
                claims,
                password: token.token(),
            })
        }
        Err(error) => {
            subject.error(
                "token",
                format!(
                    "it has no token; {} was asked: {error}",
                    issuer(&config.source)
                ),
                remedy(&config.source),
            );
            None
        }
    }
}

/// Who gives tokens.
fn issuer(source: &IdentitySource) -> &'static str {
    match source {
        IdentitySource::ManagedIdentity(_) => {
            "the endpoint of this machine's managed identities (169.254.169.254, or IDENTITY_ENDPOINT)"
        }
        IdentitySource::WorkloadIdentity { .. } | IdentitySource::ClientSecret { .. } => "Entra ID",
    }
}

fn remedy(source: &IdentitySource) -> &'static str {
    match source {
        IdentitySource::ManagedIdentity(_) => {
            "run this where the service runs, and see that the machine has this managed identity"
        }
        IdentitySource::WorkloadIdentity { .. } => {
            "run this in the service's pod, and see that its service account is federated with the application, and that tenant and application are right"
        }
        IdentitySource::ClientSecret { .. } => {
            "see that tenant, application and secret are right, and that the secret has not expired"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whom_it_is_for_and_nothing_else() {
        let payload = r#"{"aud":"https://a","tid":"t-1","oid":"o-1","appid":"p-1","secret":"x"}"#;
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let header = format!("Bearer e30.{payload}.signature");
        let header = HeaderValue::from_str(&header).expect("a header");
        let claims = Claims::of(&header).expect("claims");
        assert_eq!(claims.in_words(), "audience https://a, tenant t-1");
        assert_eq!(claims.principal(), "the principal o-1");
    }

    #[test]
    fn what_can_not_be_read_is_not_shown() {
        for opaque in ["Bearer abc", "Bearer a.b.c", "Bearer a.eyJhdWQiOjd9.c"] {
            let claims = Claims::of(&HeaderValue::from_static(opaque)).unwrap_or_default();
            assert_eq!(claims.in_words(), "which only its issuer can read");
            assert_eq!(claims.principal(), "the gateway's identity");
        }
    }
}
