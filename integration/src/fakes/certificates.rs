//! A throw-away certificate authority, for the demo and for tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

/// Nothing the fakes sign is meant to run out during a test or a demo.
const FIRST_YEAR: i32 = 2024;
const LAST_YEAR: i32 = 2049;

/// Something went wrong with a certificate or a key.
pub type CertificateError = Box<dyn std::error::Error + Send + Sync>;

/// A certificate with its private key, both in PEM.
#[derive(Clone)]
pub struct CertifiedKey {
    /// The certificate, and whatever chain follows it.
    pub certificate_pem: String,
    /// PKCS #8. To be written with mode 0600 only.
    pub key_pem: String,
}

impl CertifiedKey {
    /// What a TLS server needs to serve with this certificate, on HTTP/2 and HTTP/1.1.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        self.config(None)
    }

    /// The same of a server that asks its clients for certificates of an authority.
    pub fn server_config_asking(
        &self,
        authority: &CertificateAuthority,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        self.config(Some(authority))
    }

    fn config(
        &self,
        authority: Option<&CertificateAuthority>,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes())
                .collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let pem = authority.certificate_pem().as_bytes();
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(pem)?)?;
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// An authority that signs what the demo and the tests need.
pub struct CertificateAuthority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// A new authority, self-signed.
    pub fn new(common_name: &str) -> Result<Self, CertificateError> {
        let params = authority_parameters(common_name)?;
        let key = KeyPair::generate()?;
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self {
            certificate_pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// An authority that [`Self::new`] made before, of the same common name.
    pub fn reopen(common_name: &str, certified: &CertifiedKey) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pem(&certified.key_pem)?;
        Ok(Self {
            certificate_pem: certified.certificate_pem.clone(),
            issuer: Issuer::new(authority_parameters(common_name)?, key),
        })
    }

    /// The authority's own certificate, which clients are to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority with its key, to be used again with [`Self::reopen`].
    pub fn certified_key(&self) -> CertifiedKey {
        CertifiedKey {
            certificate_pem: self.certificate_pem.clone(),
            key_pem: self.issuer.key().serialize_pem(),
        }
    }

    /// A server's certificate for these DNS names and IP addresses.
    pub fn server(&self, names: &[&str]) -> Result<CertifiedKey, CertificateError> {
        let common_name = names.first().copied().unwrap_or("server");
        let names = names.iter().map(|&name| name.to_owned()).collect();
        self.leaf(
            parameters(common_name, names)?,
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A client's certificate for a URI such as `spiffe://acme/factory/7`.
    pub fn client(&self, uri: &str) -> Result<CertifiedKey, CertificateError> {
        self.leaf(
            client_parameters(uri, uri)?,
            ExtendedKeyUsagePurpose::ClientAuth,
        )
    }

    /// The same with a common name and a serial number, by which a revocation list can name it.
    pub fn device(
        &self,
        common_name: &str,
        uri: &str,
        serial: u64,
    ) -> Result<CertifiedKey, CertificateError> {
        let mut params = client_parameters(common_name, uri)?;
        params.serial_number = Some(SerialNumber::from(serial));
        self.leaf(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The authority's revocation list with these serial numbers, in PEM.
    pub fn revocation_list(&self, revoked: &[u64]) -> Result<String, CertificateError> {
        let at = date_time_ymd(FIRST_YEAR, 2, 1);
        let revoked = revoked.iter().map(|&serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: at,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: at,
            next_update: date_time_ymd(LAST_YEAR, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?.pem()?)
    }

    fn leaf(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<CertifiedKey, CertificateError> {
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(CertifiedKey {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn client_parameters(common_name: &str, uri: &str) -> Result<CertificateParams, CertificateError> {
    let mut params = parameters(common_name, Vec::new())?;
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    Ok(params)
}

fn authority_parameters(common_name: &str) -> Result<CertificateParams, CertificateError> {
    let mut params = parameters(common_name, Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn parameters(
    common_name: &str,
    names: Vec<String>,
) -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = date_time_ymd(LAST_YEAR, 12, 31);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_certificate_serves() {
        let authority = CertificateAuthority::new("demo").expect("an authority");
        let server = authority.server(&["localhost", "127.0.0.1"]);
        let config = server.expect("a certificate").server_config();
        let alpn = config.expect("a usable key").alpn_protocols.clone();
        assert_eq!(alpn, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }

    #[test]
    fn a_reopened_authority_signs_with_the_same_key() {
        let made = CertificateAuthority::new("demo").expect("an authority");
        let again = CertificateAuthority::reopen("demo", &made.certified_key());
        let again = again.expect("the authority once more");
        assert_eq!(again.certificate_pem(), made.certificate_pem());
        assert_eq!(
            again.certified_key().key_pem,
            made.certified_key().key_pem,
            "what it signs would not chain to the certificate that clients trust"
        );
    }
}
