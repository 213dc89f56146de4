//! Tokens from Entra ID and from managed-identity endpoints, through azure_identity.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::ExposeSecret;

use super::{
    IdentityConfig, IdentityError, IdentitySource, IssuedToken, ManagedIdentity, TokenSource,
};

/// Fetches the token that the configuration describes.
#[derive(Debug)]
pub struct AzureTokenSource(IdentityConfig);

impl AzureTokenSource {
    /// A source for this identity.
    pub fn new(config: IdentityConfig) -> Self {
        Self(config)
    }

    /// A credential with an empty cache: azure_identity would go on to return its cached token
    /// until five minutes before the end, where we want a new one at half of its life.
    fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        match &self.0.source {
            IdentitySource::ManagedIdentity(which) => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: user_assigned(which),
                    client_options: client_options(),
                };
                Ok(ManagedIdentityCredential::new(Some(options))?)
            }
            IdentitySource::WorkloadIdentity {
                tenant_id,
                client_id,
                token_file,
            } => {
                let options = WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions {
                        client_options: client_options(),
                    },
                    tenant_id: tenant_id.clone(),
                    client_id: client_id.clone(),
                    token_file_path: token_file.clone(),
                };
                Ok(WorkloadIdentityCredential::new(Some(options))?)
            }
            IdentitySource::ClientSecret {
                tenant_id,
                client_id,
                secret,
            } => {
                let options = ClientSecretCredentialOptions {
                    client_options: client_options(),
                };
                let secret = Secret::new(secret.expose_secret().to_owned());
                Ok(ClientSecretCredential::new(
                    tenant_id,
                    client_id.clone(),
                    secret,
                    Some(options),
                )?)
            }
        }
    }

    async fn fetch_token(&self) -> Result<IssuedToken, IdentityError> {
        let failed = |error: azure_core::Error| IdentityError::Source(in_one_line(&error));
        let credential = self.credential().map_err(failed)?;
        let token = credential
            .get_token(&[&self.0.scope], None)
            .await
            .map_err(failed)?;
        let expires: SystemTime = token.expires_on.into();
        let lifetime = expires
            .duration_since(SystemTime::now())
            .map_err(|_| IdentityError::AlreadyExpired)?;
        IssuedToken::new(token.token.secret(), lifetime)
    }
}

impl TokenSource for AzureTokenSource {
    fn fetch(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<IssuedToken, IdentityError>> + Send + '_>> {
        Box::pin(self.fetch_token())
    }
}

/// What has gone wrong, with its causes. The outermost text says the same as its cause between the name of a class and a
/// link to a page for programmers.
fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    /// A cause below these is a number of the operating system's.
    const MAX_CAUSES: usize = 6;
    let causes = std::iter::successors(error.source(), |it| it.source());
    let mut said: Vec<String> = Vec::new();
    for cause in causes.take(MAX_CAUSES) {
        let text = cause.to_string();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !said.iter().any(|it| it.contains(&line)) {
            said.push(line);
        }
    }
    if said.is_empty() {
        let text = error.to_string();
        let text = text
            .split("To troubleshoot, visit")
            .next()
            .unwrap_or_default();
        said.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    said.join(": ")
}

/// Retries are the refresher's own business: it knows how long the token that it holds still lives.
fn client_options() -> ClientOptions {
    ClientOptions {
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
}

fn user_assigned(which: &ManagedIdentity) -> Option<UserAssignedId> {
    match which {
        ManagedIdentity::SystemAssigned => None,
        ManagedIdentity::ClientId(id) => Some(UserAssignedId::ClientId(id.clone())),
        ManagedIdentity::ObjectId(id) => Some(UserAssignedId::ObjectId(id.clone())),
        ManagedIdentity::ResourceId(id) => Some(UserAssignedId::ResourceId(id.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let refused = std::io::Error::other("Connection refused");
        let request = azure_core::Error::with_error(
            azure_core::error::ErrorKind::Io,
            refused,
            "the request\nfailed",
        );
        let outer = azure_core::Error::with_error(
            azure_core::error::ErrorKind::Credential,
            request,
            "ACredential authentication failed. the request failed\nTo troubleshoot, visit https://a",
        );
        assert_eq!(
            in_one_line(&outer),
            "the request failed: Connection refused"
        );
        let alone = azure_core::Error::with_message(
            azure_core::error::ErrorKind::Credential,
            "no\ntoken\nTo troubleshoot, visit https://a",
        );
        assert_eq!(in_one_line(&alone), "no token");
    }
}
