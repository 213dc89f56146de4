//! Trust anchors in Azure Key Vault: the public part of a certificate, or a secret with certificates
//! in PEM (<https://learn.microsoft.com/rest/api/keyvault/>).
//!
//! The access token is asked for with a scope that we know, and sent with the first request: a vault's
//! challenge could only name another, and whose word would that be?
//! Of a certificate the vault's certificate is read, not the secret of the same name, which has the
//! private key in it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{AzureTokenSource, TokenSource};
use crate::auth::certificate::{AnchorSource, FetchedAnchors, parse_certificates};
use crate::auth::{FetchError, Fetcher, Url};

/// The version of Key Vault's API.
const API_VERSION: &str = "7.4";
/// Longest that the token and the object together may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// What a vault holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultObject {
    /// A certificate, by name.
    Certificate(String),
    /// A secret with certificates in PEM, by name.
    Secret(String),
}

/// An object of a vault, fetched with the gateway's identity.
pub struct KeyVaultSource {
    url: Url,
    object: VaultObject,
    /// The address without the API's version, for people.
    name: String,
    refresh: Duration,
    tokens: AzureTokenSource,
    fetcher: Fetcher,
}

/// `CertificateBundle`, of which one field is wanted.
#[derive(Deserialize)]
struct CertificateBundle {
    cer: String,
}

/// `SecretBundle`; an operator may have put a key next to the certificates.
#[derive(Deserialize)]
struct SecretBundle {
    value: String,
}

impl KeyVaultSource {
    /// An object of a vault, whose address has no path; `tokens` are of the vault's scope.
    pub fn new(
        vault: &Url,
        object: VaultObject,
        refresh: Duration,
        tokens: AzureTokenSource,
        fetcher: Fetcher,
    ) -> Self {
        let path = match &object {
            VaultObject::Certificate(name) => format!("/certificates/{name}"),
            VaultObject::Secret(name) => format!("/secrets/{name}"),
        };
        let mut url = vault.clone();
        url.set_path(&path);
        let name = url.to_string();
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        Self {
            url,
            object,
            name,
            refresh,
            tokens,
            fetcher,
        }
    }

    async fn ask(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let token = self
            .tokens
            .fetch()
            .await
            .map_err(|error| format!("the identity has no token for the vault: {error}"))?;
        let fetched = self
            .fetcher
            .get_as(&self.url, token.authorization().clone())
            .await;
        let body = Zeroizing::new(fetched.map_err(explain)?);
        read(&self.object, &body)
    }
}

impl AnchorSource for KeyVaultSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn refresh(&self) -> Duration {
        self.refresh
    }

    fn fetch(&self) -> FetchedAnchors<'_> {
        Box::pin(async move {
            let asked = timeout(FETCH_TIMEOUT, self.ask()).await;
            asked.unwrap_or_else(|_| {
                let seconds = FETCH_TIMEOUT.as_secs();
                Err(format!("no answer within {seconds} s"))
            })
        })
    }
}

/// What to do about a vault's answer.
fn explain(error: FetchError) -> String {
    let help = match &error {
        FetchError::Status(_, status) => match status.as_u16() {
            401 => ": the vault does not accept the identity's token (is it for another tenant?)",
            403 => ": the identity may not read it, or the vault's firewall blocks the request",
            404 => ": there is no such object",
            _ => "",
        },
        _ => "",
    };
    format!("{error}{help}")
}

/// The certificates in a vault's answer.
fn read(object: &VaultObject, body: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let garbage = "the vault's answer is not what its API promises";
    match object {
        VaultObject::Certificate(_) => {
            let bundle: CertificateBundle =
                serde_json::from_slice(body).map_err(|_| garbage.to_owned())?;
            let der = STANDARD
                .decode(bundle.cer)
                .map_err(|_| garbage.to_owned())?;
            Ok(vec![der.into()])
        }
        VaultObject::Secret(_) => {
            let bundle: SecretBundle =
                serde_json::from_slice(body).map_err(|_| garbage.to_owned())?;
            let text = Zeroizing::new(bundle.value);
            parse_certificates(text.as_bytes())
                .ok_or_else(|| "the secret has no certificates in PEM".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_certificate_and_is_not_repeated() {
        let certificate = VaultObject::Certificate("a".to_owned());
        let secret = VaultObject::Secret("a".to_owned());
        for (object, body) in [
            (&certificate, ""),
            (&certificate, "{}"),
            (&certificate, r#"{"cer": 7}"#),
            (&certificate, r#"{"cer": "hunter2!"}"#),
            (&secret, r#"{"value": "hunter2!"}"#),
            (
                &secret,
                r#"{"value": "-----BEGIN CERTIFICATE-----\nhunter2!\n"}"#,
            ),
            (&secret, "<html>hunter2!</html>"),
        ] {
            let error = read(object, body.as_bytes()).expect_err(body);
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(
            read(&certificate, br#"{"cer": "MAA=", "x5t": "AA"}"#),
            Ok(vec![vec![0x30, 0].into()])
        );
    }
}
