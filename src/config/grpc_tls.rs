//! `listen: { grpc_tls }`: what is written, and what it means.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::authorities::{DEFAULT_CHAIN_LENGTH, revocation, unchecked, usage};
use super::problem::Problem;
use super::problems::{Problems, not_empty};
use super::spanned::Spanned;
use super::written;
use crate::auth::MutualTls;
use crate::auth::certificate::{Authority, Certificates, Peers, Revocation, read_certificates};

/// What the authority is called in the log.
const NAME: &str = "listen.grpc_tls";

/// The endpoint's TLS; `None` where it has none.
pub(super) fn mutual_tls(
    listen: &written::Listen,
    directory: &Path,
    problems: &mut Problems,
) -> Option<Arc<MutualTls>> {
    let written = listen.grpc_tls.as_ref()?;
    let tls = &written.value;
    not_empty("trust", &tls.trust, problems);
    not_empty("clients", &tls.clients, problems);
    let names = names(&tls.clients.value, problems);
    let mut anchors = Vec::new();
    for path in &tls.trust.value {
        match read_certificates(&directory.join(&path.value)) {
            Ok(found) => anchors.extend(found),
            Err(error) => problems.push(Problem::at(path.referenced, error.to_string())),
        }
    }
    let lists = match &tls.revocation {
        Some(written) => revocation(written, directory, problems)?,
        // Without a file there is nothing that can't be read.
        None => Revocation::new(unchecked()).ok()?,
    };
    let certificates = Certificates {
        anchors,
        ..Certificates::default()
    };
    let usage = usage(tls.extended_key_usage);
    let authority = Authority::new(
        NAME.into(),
        certificates,
        usage,
        DEFAULT_CHAIN_LENGTH,
        lists,
    )
    .map_err(|error| problems.push(Problem::at(tls.trust.referenced, error.to_string())));
    let chain = read_certificates(&directory.join(&tls.certificate.value))
        .map_err(|error| problems.push(Problem::at(tls.certificate.referenced, error.to_string())));
    let key = read_key(&directory.join(&tls.key.value))
        .map_err(|message| problems.push(Problem::at(tls.key.referenced, message)));
    let peers = Peers::new(authority.ok()?, names);
    MutualTls::new(chain.ok()?, key.ok()?, peers)
        .map_err(|message| problems.push(Problem::at(tls.key.referenced, message)))
        .ok()
        .map(Arc::new)
}

/// Names that certificates can have.
fn names(written: &[Spanned<String>], problems: &mut Problems) -> Vec<String> {
    for name in written {
        let is_name = match name.value.split_once("://") {
            Some((_, rest)) => !rest.is_empty() && name.value.chars().all(is_of_uri),
            None => is_dns(&name.value),
        };
        if !is_name {
            let message = "not a name of a certificate: write `spiffe://…` or `envoy.example.com`";
            let help = "names are compared to the letter: `*` stands for nothing else in a URI";
            problems.push(Problem::at(name.referenced, message).help(help));
        }
    }
    written.iter().map(|it| it.value.clone()).collect()
}

/// What URIs are made of (RFC 3986, section 2), without what ends a path or, as `*`, is meant as a pattern.
fn is_of_uri(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/@!$&'()+,;=%".contains(c)
}

/// As certificates have them: also with a `*` for the first part (RFC 9525, section 6.3).
fn is_dns(name: &str) -> bool {
    let own = name.strip_prefix("*.").unwrap_or(name);
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let mut parts = own.split('.');
    parts.all(|it| !it.is_empty() && it.chars().all(is_inner))
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let unreadable = |error| format!("{} can't be read: {error}", path.display());
    let text = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| format!("{} has no private key in PEM", path.display()))
}

#[cfg(test)]
mod tests;
