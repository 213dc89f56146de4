//! Certificate authorities: what is written, and what it means.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::identities::identities;
use super::problem::Problem;
use super::validate::{Problems, check_id, not_empty, twice};
use super::{duration, file};
use crate::access::Client;
use crate::auth::CertificateRing;
use crate::auth::certificate::{
    Authority as Meaning, CrlMode, CrlSource, ExtendedKeyUsage, Revocation as Lists,
    read_certificates,
};

/// Leaf, three intermediates and the anchor.
const DEFAULT_CHAIN_LENGTH: usize = 5;
/// A leaf and its anchor at least; webpki follows six intermediates at most.
const CHAIN_LENGTHS: std::ops::RangeInclusive<usize> = 2..=8;
/// How often lists are read again.
const DEFAULT_REFRESH: Duration = Duration::from_secs(600);
const MIN_REFRESH: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authority {
    name: Spanned<String>,
    trust: Spanned<Vec<Spanned<PathBuf>>>,
    #[serde(default)]
    intermediates: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    extended_key_usage: Usage,
    max_chain_length: Option<Spanned<usize>>,
    revocation: Spanned<Revocation>,
}

impl Authority {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name.value
    }

    /// The files that it is read from.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let all = self.trust.value.iter().chain(&self.intermediates);
        all.map(|path| path.value.as_path())
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Usage {
    #[default]
    ClientAuth,
    ClientAuthIfPresent,
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    crl: Mode,
    #[serde(default)]
    files: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    urls: Vec<Spanned<String>>,
    #[serde(default)]
    distribution_hosts: Vec<Spanned<String>>,
    refresh: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Required,
    Soft,
    Off,
}

/// Authorities and identities, or `None` where certificates are not accepted.
pub(super) fn certificates(
    listen: &file::Listen,
    written: &[Authority],
    clients: (&[file::Client], &[Arc<Client>]),
    directory: &Path,
    problems: &mut Problems,
) -> Option<Arc<CertificateRing>> {
    let authorities = authorities(written, directory, problems);
    let identities = identities(clients, written, problems);
    let Some(how) = &listen.client_certificates else {
        if let Some(first) = written.first() {
            problems.push(not_accepted(first.name.referenced));
        }
        let with_certificates = clients
            .0
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
    let file::ClientCertificates::Xfcc = how.value;
    if identities.is_empty() && problems.is_empty() {
        let message = "certificates are accepted, and no client has one";
        problems.push(Problem::at(how.referenced, message));
    }
    Some(Arc::new(CertificateRing::new(authorities, identities)))
}

fn not_accepted(at: serde_saphyr::Location) -> Problem {
    let help = "write `client_certificates: xfcc` in `listen` where Envoy asks for certificates and sanitises the header";
    Problem::at(at, "certificates are not accepted here").help(help)
}

fn authorities(written: &[Authority], directory: &Path, problems: &mut Problems) -> Vec<Meaning> {
    let mut names = HashSet::new();
    let mut meanings = Vec::new();
    for authority in written {
        check_id("certificate authority", &authority.name, problems);
        if !names.insert(&authority.name.value) {
            problems.push(twice("certificate authority", &authority.name));
        }
        not_empty("trust", &authority.trust, problems);
        meanings.extend(self::authority(authority, directory, problems));
    }
    meanings
}

fn authority(written: &Authority, directory: &Path, problems: &mut Problems) -> Option<Meaning> {
    let mut read = |paths: &[Spanned<PathBuf>]| {
        let mut all = Vec::new();
        for path in paths {
            match read_certificates(&directory.join(&path.value)) {
                Ok(found) => all.extend(found),
                Err(error) => problems.push(Problem::at(path.referenced, error.to_string())),
            }
        }
        all
    };
    let anchors = read(&written.trust.value);
    let intermediates = read(&written.intermediates);
    let length = match &written.max_chain_length {
        None => DEFAULT_CHAIN_LENGTH,
        Some(length) if CHAIN_LENGTHS.contains(&length.value) => length.value,
        Some(length) => {
            let message = "a chain has from 2 to 8 certificates, the leaf and the anchor included";
            problems.push(Problem::at(length.referenced, message));
            DEFAULT_CHAIN_LENGTH
        }
    };
    let usage = match written.extended_key_usage {
        Usage::ClientAuth => ExtendedKeyUsage::ClientAuth,
        Usage::ClientAuthIfPresent => ExtendedKeyUsage::ClientAuthIfPresent,
        Usage::Any => ExtendedKeyUsage::Any,
    };
    let revocation = revocation(&written.revocation, directory, problems)?;
    let name = Arc::from(written.name.value.as_str());
    Meaning::new(name, &anchors, intermediates, (usage, length), revocation)
        .map_err(|error| problems.push(Problem::at(written.trust.referenced, error.to_string())))
        .ok()
}

fn revocation(
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
        let message =
            "revocation has a source (`files`, `urls`, `distribution_hosts`), or it is `crl: off`";
        problems.push(Problem::at(at, message));
    }
    let mut addresses = Vec::new();
    for url in urls {
        match Url::parse(&url.value) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => addresses.push(parsed),
            _ => problems.push(Problem::at(url.referenced, "no http or https address")),
        }
    }
    for host in distribution_hosts {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
        if host.value.is_empty() || !host.value.chars().all(plain) {
            let message = "no host: write `crl.example.com` or `crl.example.com:8080`";
            problems.push(Problem::at(host.referenced, message));
        }
    }
    let refresh = match refresh {
        None => DEFAULT_REFRESH,
        Some(text) => match duration::parse(&text.value) {
            Some(time) if time >= MIN_REFRESH => time,
            _ => {
                let message = "no duration of at least 100ms";
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
