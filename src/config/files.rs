//! The files that a configuration is made of: itself, and those that it names and is read from.
//!
//! Revocation lists and key files of issuers are not among them: they have a refresh of their own.

use std::path::{Path, PathBuf};

use super::file::File;

/// Every file whose change makes another configuration.
pub(super) fn of(file: &File, directory: &Path) -> Vec<PathBuf> {
    let secret = file.identity.value.client_secret.as_ref();
    let secret = secret.and_then(|it| it.secret.value.file.as_deref());
    let authorities = file.certificate_authorities.iter();
    let issuers = file.issuers.iter();
    authorities
        .flat_map(|authority| authority.files())
        .chain(issuers.filter_map(|issuer| issuer.ca_file()))
        .chain(secret)
        .map(|path| directory.join(path))
        .collect()
}
