//! TLS for an endpoint that only certain programs may reach: both sides prove who they are (RFC 8446, section 4.4.2; RFC 8705
//! calls it mutual TLS). Chain, revocation and names are judged as for callers; rustls proves that the other side has the
//! certificate's key.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::{
    AlertDescription, CertificateError as TlsCertificateError, DigitallySignedStruct,
    DistinguishedName, Error, InvalidMessage, OtherError, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use super::certificate::{CertificateError, PeerError, Peers};

/// HTTP/2, which gRPC needs (RFC 7301).
const ALPN: &[u8] = b"h2";

/// The endpoint's own certificate, and who may connect.
#[derive(Debug)]
pub struct MutualTls {
    server: Arc<ServerConfig>,
    peers: Arc<Peers>,
}

impl MutualTls {
    /// An endpoint with this chain, leaf first, and its key.
    ///
    /// # Errors
    /// Why TLS can't be offered with them.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        peers: Peers,
    ) -> Result<Self, String> {
        let peers = Arc::new(peers);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier {
            peers: Arc::clone(&peers),
            provider: Arc::clone(&provider),
        });
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut server = builder
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => "the key is not the certificate's".to_owned(),
                error => error.to_string(),
            })?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        // A session that is resumed would not show its certificate again.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self {
            server: Arc::new(server),
            peers,
        })
    }

    /// What a handshake goes by.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// Who may connect.
    pub const fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }
}

#[derive(Debug)]
struct Verifier {
    peers: Arc<Peers>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(end_entity)
            .chain(intermediates)
            .cloned()
            .collect();
        let now = SystemTime::checked_add(&UNIX_EPOCH, Duration::from_secs(now.as_secs()));
        match self.peers.check(&chain, now.unwrap_or(UNIX_EPOCH)) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(error) => Err(alert(error).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// What the other side is told (RFC 8446, section 6.2); of anything else, that its certificate is not accepted.
const ALERTS: [(CertificateError, TlsCertificateError); 4] = [
    (CertificateError::Expired, TlsCertificateError::Expired),
    (
        CertificateError::NotYetValid,
        TlsCertificateError::NotValidYet,
    ),
    (CertificateError::Revoked, TlsCertificateError::Revoked),
    (
        CertificateError::Untrusted,
        TlsCertificateError::UnknownIssuer,
    ),
];

fn alert(error: PeerError) -> TlsCertificateError {
    let known = ALERTS
        .into_iter()
        .find(|(it, _)| PeerError::from(*it) == error);
    known.map_or_else(
        || TlsCertificateError::Other(OtherError(Arc::new(error))),
        |(_, alert)| alert,
    )
}

/// Alerts about what this side has shown (RFC 8446, section 6.2).
const fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // An authority of the same name, with another key.
            | AlertDescription::DecryptError
    )
}

/// Why a handshake has failed, for people.
pub fn handshake_failure(error: &io::Error) -> String {
    let failed = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    let told = match failed {
        Some(Error::InvalidCertificate(told)) => told,
        Some(Error::NoCertificatesPresented) => return "it shows no certificate".to_owned(),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            return "it does not speak TLS".to_owned();
        }
        Some(Error::AlertReceived(alert)) if is_about_certificate(*alert) => {
            return format!("it does not accept the certificate of this endpoint ({alert:?})");
        }
        _ => return error.to_string(),
    };
    match ALERTS.into_iter().find(|(_, alert)| alert == told) {
        Some((error, _)) => error.to_string(),
        None => match told {
            TlsCertificateError::Other(other) => other.to_string(),
            other => format!("{other:?}"),
        },
    }
}
