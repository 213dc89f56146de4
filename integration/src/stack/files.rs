//! The certificates of one stack, made new each time.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::client::GATEWAY_HOST;
use super::failure::Failure;
use crate::fakes::certificates::CertificateAuthority;
use crate::fakes::server::{ANY_LOCAL_PORT, Listen};

/// One authority, which the callers and Envoy trust, and what it signed.
pub(super) struct Files {
    pki: CertificateAuthority,
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// Writes the authority's certificate and the gateway's certificate and key.
    pub(super) fn write(directory: &Path) -> Result<Self, Failure> {
        let pki = CertificateAuthority::new("tollgate tests").map_err(failed)?;
        let gateway = pki.server(&[GATEWAY_HOST]).map_err(failed)?;
        let files = Self {
            authority: directory.join("authority.pem"),
            certificate: directory.join("gateway.pem"),
            key: directory.join("gateway.key"),
            pki,
        };
        write(&files.authority, files.authority_pem())?;
        write(&files.certificate, &gateway.certificate_pem)?;
        write(&files.key, &gateway.key_pem)?;
        Ok(files)
    }

    /// The authority's certificate.
    pub(super) fn authority_pem(&self) -> &str {
        self.pki.certificate_pem()
    }

    /// A free port of this machine with a certificate for `host`, and for the machine's own name and address.
    pub(super) fn listen_as(&self, host: &str) -> Result<Listen, Failure> {
        let certified = self
            .pki
            .server(&[host, "localhost", "127.0.0.1"])
            .map_err(failed)?;
        Ok(Listen {
            address: ANY_LOCAL_PORT,
            tls: Some(certified.server_config().map_err(failed)?),
        })
    }
}

/// Writes a file of the stack.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::new(path.display(), error))
}

fn failed(error: impl Display) -> Failure {
    Failure::new("the test's certificates", error)
}
