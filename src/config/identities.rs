//! The certificates of clients: what is written, and what it means.

use std::collections::HashMap;
use std::sync::Arc;

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::{Problems, unknown};
use super::written::{self, Authority, Certificate};
use crate::access::Client;
use crate::auth::certificate::{CertificateIdentity, Field, FieldError, IdentityIndex};

/// The identities of all clients.
pub(super) fn identities(
    written: &[written::Client],
    clients: &[Arc<Client>],
    authorities: &[Authority],
    problems: &mut Problems,
) -> IdentityIndex {
    let shared = |authority: &Authority| Arc::<str>::from(authority.name.value.as_str());
    let names: HashMap<&str, Arc<str>> = authorities
        .iter()
        .map(|it| (it.name.value.as_str(), shared(it)))
        .collect();
    let mut index = IdentityIndex::default();
    let mut all = Vec::new();
    for (written, client) in written.iter().zip(clients) {
        for credential in &written.credentials.value {
            let Some(certificate) = &credential.certificate else {
                continue;
            };
            match &certificate.value.pinned_sha256 {
                Some(pin) => add_pin(certificate, pin, client, &mut index, problems),
                None => {
                    let identity = identity(certificate, &names, problems);
                    all.extend(identity.map(|it| (it, client, certificate.referenced)));
                }
            }
        }
    }
    for (identity, client, _) in &all {
        index.add(identity.clone(), Arc::clone(client));
    }
    for (identity, client, at) in all {
        if let Err(error) = index.check(&identity, client) {
            problems.push(Problem::at(at, error.to_string()));
        }
    }
    index
}

fn identity(
    written: &Spanned<Certificate>,
    names: &HashMap<&str, Arc<str>>,
    problems: &mut Problems,
) -> Option<CertificateIdentity> {
    let Some(authority) = &written.value.authority else {
        let message = "a certificate needs an `authority` and fields, or `pinned_sha256` if it is self-signed";
        problems.push(Problem::at(written.referenced, message));
        return None;
    };
    let Some(name) = names.get(authority.value.as_str()) else {
        let known = names.keys().copied();
        problems.push(unknown(
            "certificate authority",
            "certificate_authorities",
            authority,
            known,
        ));
        return None;
    };
    let before = problems.len();
    let fields = fields(&written.value, problems);
    if problems.len() > before {
        return None;
    }
    CertificateIdentity::new(Arc::clone(name), fields)
        .map_err(|error| problems.push(Problem::at(written.referenced, error.to_string())))
        .ok()
}

fn add_pin(
    written: &Spanned<Certificate>,
    pin: &Spanned<String>,
    client: &Arc<Client>,
    index: &mut IdentityIndex,
    problems: &mut Problems,
) {
    let others = fields(&written.value, problems);
    if written.value.authority.is_some() || !others.is_empty() {
        let message = "`pinned_sha256` stands for the whole certificate: remove the other fields";
        problems.push(Problem::at(written.referenced, message));
    }
    let added = Field::thumbprint(&pin.value).map_err(|error| error.to_string());
    let added = added.and_then(|pin| {
        index
            .pin(pin, Arc::clone(client))
            .map_err(|error| error.to_string())
    });
    if let Err(message) = added {
        problems.push(Problem::at(pin.referenced, message));
    }
}

/// The fields that are set; invalid ones are reported as problems.
fn fields(written: &Certificate, problems: &mut Problems) -> Vec<Field> {
    type Read = fn(&str) -> Result<Field, FieldError>;
    let table: [(&Option<Spanned<String>>, Read); 10] = [
        (&written.thumbprint_sha256, |it| {
            Field::thumbprint(it).map(Field::ThumbprintSha256)
        }),
        (&written.thumbprint_sha1, |it| {
            Field::thumbprint(it).map(Field::ThumbprintSha1)
        }),
        (&written.serial, Field::serial),
        (&written.subject, |it| Field::text(Field::Subject, it)),
        (&written.common_name, |it| {
            Field::text(Field::CommonName, it)
        }),
        (&written.dns_san, |it| Field::text(Field::DnsSan, it)),
        (&written.uri_san, |it| Field::text(Field::UriSan, it)),
        (&written.email_san, |it| Field::text(Field::EmailSan, it)),
        (&written.issuer_subject, |it| {
            Field::text(Field::IssuerSubject, it)
        }),
        (&written.issuer_thumbprint, |it| {
            Field::thumbprint(it).map(Field::IssuerThumbprint)
        }),
    ];
    let mut fields = Vec::new();
    for (value, read) in table {
        let Some(value) = value else { continue };
        match read(&value.value) {
            Ok(field) => fields.push(field),
            Err(error) => problems.push(Problem::at(value.referenced, error.to_string())),
        }
    }
    fields
}
