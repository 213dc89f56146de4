//! Certificates from PEM files and directories.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The file or directory can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// Not PEM, or malformed PEM.
    #[error("{} is not a PEM file of certificates", .0.display())]
    NoPem(PathBuf),
    /// A directory without a `.pem` or `.crt` file.
    #[error("{} has no .pem or .crt file", .0.display())]
    Empty(PathBuf),
}

/// The certificates of a PEM file, or of every `.pem` and `.crt` file of a directory.
///
/// # Errors
/// [`PemError`] if anything can't be read: an authority that is only partly readable is an error.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let unreadable = |error| PemError::Unreadable {
        path: path.to_owned(),
        error,
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return file(path);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let extension = entry.extension().and_then(|it| it.to_str());
        if matches!(extension, Some("pem" | "crt")) {
            files.push(entry);
        }
    }
    if files.is_empty() {
        return Err(PemError::Empty(path.to_owned()));
    }
    files.sort();
    let mut all = Vec::new();
    for path in files {
        all.extend(file(&path)?);
    }
    Ok(all)
}

fn file(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = std::fs::read(path).map_err(|error| PemError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    parse(&text).ok_or_else(|| PemError::NoPem(path.to_owned()))
}

/// The certificates of a text in PEM, at least one; `None` if it has none or is broken.
pub fn parse(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    read.ok().filter(|found| !found.is_empty())
}
