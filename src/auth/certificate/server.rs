//! A server's certificate and its key, as files: whether they belong together, and for how long they serve.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::decoded::Decoded;
use super::{CertificateError, pem};

/// Why it can't be said whether a key belongs to a certificate.
#[derive(Debug, thiserror::Error)]
pub enum ServerKeyError {
    /// The file can't be read.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// It has no private key that can be used.
    #[error("there is no private key in PEM that can be used")]
    NoKey,
}

/// The certificate of a server, from a PEM file.
pub struct ServerCertificate {
    leaf: Decoded,
}

impl ServerCertificate {
    /// Reads a file; the first certificate is the server's.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let chain = pem::certificates(file).map_err(|error| error.to_string())?;
        let leaf = chain.first().ok_or(CertificateError::Malformed);
        let leaf = leaf.and_then(Decoded::read);
        let leaf = leaf.map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { leaf })
    }

    /// From when until when it is valid, since 1970.
    pub fn validity(&self) -> (Duration, Duration) {
        self.leaf.validity()
    }

    /// Whether the key of a PEM file is its own.
    ///
    /// # Errors
    /// [`ServerKeyError`]
    pub fn is_of_key(&self, file: &Path) -> Result<bool, ServerKeyError> {
        let text = Zeroizing::new(std::fs::read(file).map_err(ServerKeyError::Unreadable)?);
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| ServerKeyError::NoKey)?;
        let public = public_half(key.secret_der()).ok_or(ServerKeyError::NoKey)?;
        Ok(self.leaf.key().2 == public)
    }
}

/// The public half of a private key, as a certificate has it (RFC 3279, section 2.3; RFC 8410, section 4).
fn public_half(der: &[u8]) -> Option<Vec<u8>> {
    let of = |key: &dyn AsRef<[u8]>| key.as_ref().to_vec();
    for curve in [
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P521_SHA512_ASN1_SIGNING,
    ] {
        if let Ok(pair) = EcdsaKeyPair::from_private_key_der(curve, der) {
            return Some(of(pair.public_key()));
        }
    }
    if let Ok(pair) = rsa::KeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der)) {
        return Some(of(pair.public_key()));
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
    Some(of(pair.public_key()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};

    use super::*;

    #[test]
    fn a_key_is_a_certificates_own_or_another_ones() {
        let folder = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        for kind in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &PKCS_ECDSA_P384_SHA384,
            &PKCS_ED25519,
            &PKCS_RSA_SHA256,
        ] {
            let own = rcgen::KeyPair::generate_for(kind).expect("a key");
            let other = rcgen::KeyPair::generate_for(kind).expect("a key");
            let params = CertificateParams::new(["a.example".to_owned()]).expect("good");
            let signed = params.self_signed(&own).expect("signed");
            let file = write("tls.crt", &signed.pem());
            let certificate = ServerCertificate::read(&file).expect("a certificate");
            let (own, other) = (own.serialize_pem(), other.serialize_pem());
            let is_of = |text: &str| certificate.is_of_key(&write("tls.key", text));
            assert!(is_of(&own).expect("a key"), "{kind:?}");
            assert!(!is_of(&other).expect("a key"), "{kind:?}");
            let error = is_of(&signed.pem()).expect_err("a certificate");
            assert!(matches!(error, ServerKeyError::NoKey), "{error}");
            assert!(certificate.is_of_key(&folder.path().join("none")).is_err());
        }
        let error = ServerCertificate::read(&write("not.pem", "-")).err();
        assert!(error.is_some_and(|it| it.contains("not.pem")));
    }
}
