//! The files that a configuration is made of: itself, and those that it names and is read from.
//!
//! Revocation lists and key files of issuers are not among them: they have a refresh of their own.

use std::path::{Path, PathBuf};

use super::spanned::Spanned;
use super::written::{Authority, File, GrpcTls, Trust};

/// Every file whose change makes another configuration.
pub(super) fn of(file: &File, directory: &Path) -> Vec<PathBuf> {
    let redis = file.limits.as_ref().and_then(|it| it.redis.as_ref());
    let of_backends = file.backends.value.iter();
    let of_redis = redis.and_then(|it| it.value.identity.as_ref());
    let identities = std::iter::once(&file.identity)
        .chain(of_backends.filter_map(|it| it.identity.as_ref()))
        .chain(of_redis);
    let secrets = identities.filter_map(|it| {
        let secret = it.value.client_secret.as_ref()?;
        secret.secret.value.file.as_ref()
    });
    let password = redis.and_then(|it| it.value.password.as_ref());
    let events = file.limits.as_ref().and_then(|it| it.events.as_ref());
    let ledger = file.ledger.as_ref();
    let decisions = file.decisions.iter().flat_map(|it| &it.keys.value);
    let end_users_key = ledger.and_then(|it| it.value.end_users_key.as_ref()?.value.file.as_ref());
    let authorities = file.certificate_authorities.iter();
    let issuers = file.issuers.iter();
    let grpc_tls = file.listen.grpc_tls.as_ref();
    authorities
        .flat_map(of_authority)
        .chain(issuers.filter_map(|issuer| Some(&issuer.ca_file.as_ref()?.value)))
        .chain(
            file.backends
                .value
                .iter()
                .filter_map(|it| Some(&it.ca_file.as_ref()?.value)),
        )
        .chain(secrets)
        .chain(end_users_key)
        .chain(grpc_tls.into_iter().flat_map(of_grpc_tls))
        .chain(decisions.filter_map(|it| it.value.file.as_ref()))
        .chain(redis.and_then(|it| Some(&it.value.ca_file.as_ref()?.value)))
        .chain(password.and_then(|it| it.value.file.as_ref()))
        .chain(events.and_then(|it| Some(&it.value.bearer_file.as_ref()?.value)))
        .map(|path| directory.join(path))
        .collect()
}

fn of_grpc_tls(written: &Spanned<GrpcTls>) -> impl Iterator<Item = &PathBuf> {
    let tls = &written.value;
    let trust = tls.trust.value.iter().map(|path| &path.value);
    trust.chain([&tls.certificate.value, &tls.key.value])
}

fn of_authority(authority: &Authority) -> impl Iterator<Item = &PathBuf> {
    let anchors = authority.trust.value.iter();
    let anchors = anchors.filter_map(|it| match &it.value {
        Trust::File(path) => Some(path),
        Trust::KeyVault(_) => None,
    });
    anchors.chain(authority.intermediates.iter().map(|path| &path.value))
}

#[cfg(test)]
mod tests;
