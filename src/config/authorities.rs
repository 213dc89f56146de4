//! Certificate authorities: what is written, and what it means.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_saphyr::Location;

use super::spanned::Spanned;

use super::duration;
use super::identities::identities;
use super::problem::Problem;
use super::problems::{Problems, check_id, duplicate, not_empty};
use super::surroundings::Surroundings;
use super::written::{
    Authority, Client as WrittenClient, ClientCertificates, Listen, Mode, Revocation, Trust, Usage,
};
use crate::access::Client;
use crate::auth::certificate::{
    Authority as Meaning, Certificates, CrlMode, CrlSource, ExtendedKeyUsage, Revocation as Lists,
    read_certificates,
};
use crate::auth::{CertificateRing, Url};

/// Leaf, three intermediates and the anchor.
pub(super) const DEFAULT_CHAIN_LENGTH: usize = 5;
/// A leaf and its anchor at least; webpki follows six intermediates at most.
const CHAIN_LENGTHS: std::ops::RangeInclusive<usize> = 2..=8;
/// How often lists are read again.
const DEFAULT_REFRESH: Duration = Duration::from_secs(600);
const MIN_REFRESH: Duration = Duration::from_millis(100);

/// Authorities and identities, or `None` where certificates are not accepted.
pub(super) fn certificates(
    listen: &Listen,
    written: &[Authority],
    written_clients: &[WrittenClient],
    clients: &[Arc<Client>],
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Arc<CertificateRing>> {
    let authorities = authorities(written, around, problems);
    let identities = identities(written_clients, clients, written, problems);
    let Some(how) = &listen.client_certificates else {
        if let Some(first) = written.first() {
            problems.push(not_accepted(first.name.referenced));
        }
        let with_certificates = written_clients
            .iter()
            .flat_map(|client| &client.credentials.value);
        if let Some(first) = with_certificates
            .filter_map(|it| it.certificate.as_ref())
            .next()
        {
            problems.push(not_accepted(first.referenced));
        }
        return None;
    };
    let ClientCertificates::Xfcc = how.value;
    if identities.is_empty() && problems.is_empty() {
        let message = "certificates are accepted, but no client has one";
        problems.push(Problem::at(how.referenced, message));
    }
    Some(Arc::new(CertificateRing::new(authorities, identities)))
}

fn not_accepted(at: Location) -> Problem {
    let help = "write `client_certificates: xfcc` in `listen` where Envoy asks for certificates and sanitises the header";
    Problem::at(at, "certificates are not accepted here").help(help)
}

fn authorities(
    written: &[Authority],
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Vec<Meaning> {
    let mut names = HashMap::new();
    let mut meanings = Vec::new();
    for authority in written {
        check_id("certificate authority", &authority.name, problems);
        let name = &authority.name;
        match names.get(&name.value) {
            Some(first) => problems.push(duplicate("certificate authority", name, *first)),
            None => {
                names.insert(&name.value, name.referenced);
            }
        }
        not_empty("trust", &authority.trust, problems);
        meanings.extend(self::authority(authority, around, problems));
    }
    meanings
}

fn authority(
    written: &Authority,
    around: Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Meaning> {
    let read = |path: &Path, at, problems: &mut Problems| match read_certificates(
        &around.directory.join(path),
    ) {
        Ok(found) => found,
        Err(error) => {
            problems.push(Problem::at(at, error.to_string()));
            Vec::new()
        }
    };
    let mut certificates = Certificates::default();
    for trust in &written.trust.value {
        match &trust.value {
            Trust::File(path) => {
                let found = read(path, trust.referenced, problems);
                certificates.anchors.extend(found);
            }
            Trust::KeyVault(vault) => {
                let source = vault.source(trust.referenced, around, problems);
                certificates.sources.extend(source);
            }
        }
    }
    for path in &written.intermediates {
        let found = read(&path.value, path.referenced, problems);
        certificates.intermediates.extend(found);
    }
    let length = match &written.max_chain_length {
        None => DEFAULT_CHAIN_LENGTH,
        Some(length) if CHAIN_LENGTHS.contains(&length.value) => length.value,
        Some(length) => {
            let message =
                "must be from 2 to 8 certificates, including the leaf and the trust anchor";
            problems.push(Problem::at(length.referenced, message));
            DEFAULT_CHAIN_LENGTH
        }
    };
    let usage = usage(written.extended_key_usage);
    let revocation = revocation(&written.revocation, around.directory, problems)?;
    let name = Arc::from(written.name.value.as_str());
    Meaning::new(name, certificates, usage, length, revocation)
        .map_err(|error| problems.push(Problem::at(written.trust.referenced, error.to_string())))
        .ok()
}

pub(super) const fn usage(written: Usage) -> ExtendedKeyUsage {
    match written {
        Usage::ClientAuth => ExtendedKeyUsage::ClientAuth,
        Usage::ClientAuthIfPresent => ExtendedKeyUsage::ClientAuthIfPresent,
        Usage::Any => ExtendedKeyUsage::Any,
    }
}

/// No lists are looked at.
pub(super) fn unchecked() -> CrlSource {
    CrlSource {
        mode: CrlMode::Off,
        files: Vec::new(),
        urls: Vec::new(),
        distribution_hosts: Vec::new(),
        refresh: DEFAULT_REFRESH,
    }
}

pub(super) fn revocation(
    written: &Spanned<Revocation>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<Lists> {
    let at = written.referenced;
    let Revocation {
        crl,
        files,
        urls,
        distribution_hosts,
        refresh,
    } = &written.value;
    let mode = match crl {
        Mode::Required => CrlMode::Required,
        Mode::Soft => CrlMode::Soft,
        Mode::Off => CrlMode::Off,
    };
    let has_source = !(files.is_empty() && urls.is_empty() && distribution_hosts.is_empty());
    if has_source != (mode != CrlMode::Off) {
        let message = "`revocation` must either have a source (`files`, `urls`, `distribution_hosts`) or be `crl: off`";
        problems.push(Problem::at(at, message));
    }
    let mut addresses = Vec::new();
    for url in urls {
        match Url::parse(&url.value) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => addresses.push(parsed),
            _ => problems.push(Problem::at(url.referenced, "not an http or https URL")),
        }
    }
    for host in distribution_hosts {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        if host.value.is_empty() || !host.value.chars().all(plain) {
            let message = "not a host: write `crl.example.com` or `crl.example.com:8080`";
            problems.push(Problem::at(host.referenced, message));
        }
    }
    let refresh = match refresh {
        None => DEFAULT_REFRESH,
        Some(text) => match duration::parse(&text.value) {
            Some(time) if time >= MIN_REFRESH => time,
            _ => {
                let message = "must be a duration of at least 100ms";
                problems.push(Problem::at(text.referenced, message));
                DEFAULT_REFRESH
            }
        },
    };
    let source = CrlSource {
        mode,
        files: files
            .iter()
            .map(|file| directory.join(&file.value))
            .collect(),
        urls: addresses,
        distribution_hosts: distribution_hosts
            .iter()
            .map(|it| it.value.clone())
            .collect(),
        refresh,
    };
    Lists::new(source)
        .map_err(|(file, error)| problems.push(Problem::at(at, format!("{file}: {error}"))))
        .ok()
}

#[cfg(test)]
mod tests;
