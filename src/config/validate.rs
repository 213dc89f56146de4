//! From what is written to what it means; every problem is found, not only the first.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_saphyr::{Location, Spanned};

use super::issuers::Issuers;
use super::problem::Problem;
use super::{
    Config, GrpcAddress, IdentityConfig, IdentitySource, Listen, ManagedIdentity, authorities,
    duration, file, moment,
};
use crate::access::{Client, ClientId, Deployment, Product, ProductId};
use crate::auth::{KeyDigest, KeyRing, Validity};

/// Azure OpenAI in Azure's public cloud; others: <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>.
const DEFAULT_SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest id of a client, product or backend: it is a metric label and a log field.
const MAX_ID_CHARS: usize = 64;

pub(super) type Problems = Vec<Problem>;

pub(super) fn validate(file: file::File, directory: &Path) -> Result<Config, Problems> {
    let mut problems = Problems::new();
    let listen = listen(&file.listen, &mut problems);
    let identity = identity(file.identity, directory, &mut problems);
    let products = products(&file.products, &mut problems);
    let mut issuers = Issuers::read(&file.issuers, directory, &mut problems);
    let (clients, keys) = clients(&file.clients, &products, &mut issuers, &mut problems);
    let (tokens, key_refreshes) = issuers.finish(&clients, &mut problems);
    let certificates = authorities::certificates(
        &file.listen,
        &file.certificate_authorities,
        (&file.clients, &clients),
        directory,
        &mut problems,
    );
    let backend = backend(&file.backends, &mut problems);
    let drain_timeout = drain_timeout(file.drain_timeout.as_ref(), &mut problems);
    match (listen, identity, backend) {
        (Some(listen), Some(identity), Some(backend)) if problems.is_empty() => Ok(Config {
            listen,
            identity,
            clients,
            keys,
            certificates,
            tokens: Arc::new(tokens),
            key_refreshes,
            backend,
            drain_timeout,
        }),
        _ => Err(problems),
    }
}

fn listen(listen: &file::Listen, problems: &mut Problems) -> Option<Listen> {
    let grpc = match listen.grpc.value.strip_prefix("unix:") {
        Some("") => Err("the path of the socket is missing after `unix:`"),
        Some(path) => Ok(GrpcAddress::Unix(PathBuf::from(path))),
        None => match listen.grpc.value.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(GrpcAddress::Tcp(address)),
            Ok(_) => Err("the gRPC endpoint must be a Unix socket or a loopback address"),
            Err(_) => Err("no address: write `unix:/path/to/socket` or `127.0.0.1:9000`"),
        },
    };
    let grpc = grpc.map_err(|message| {
        let why = "whoever reaches this endpoint can ask it for the identity's token, so only Envoy beside it may";
        problems.push(Problem::at(listen.grpc.referenced, message).help(why));
    });
    let admin = listen.admin.value.parse().map_err(|_| {
        let message = "no address: write `127.0.0.1:9090` or `0.0.0.0:9090`";
        problems.push(Problem::at(listen.admin.referenced, message));
    });
    Some(Listen {
        grpc: grpc.ok()?,
        admin: admin.ok()?,
    })
}

fn identity(
    identity: Spanned<file::Identity>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentityConfig> {
    let at = identity.referenced;
    let identity = identity.value;
    let scope = match identity.scope {
        None => DEFAULT_SCOPE.to_owned(),
        Some(scope) => {
            if !(scope.value.starts_with("https://") && scope.value.ends_with("/.default")) {
                let message = "a scope is a URL that ends in `/.default`";
                problems.push(
                    Problem::at(scope.referenced, message)
                        .help(format!("Azure OpenAI's is {DEFAULT_SCOPE}")),
                );
            }
            scope.value
        }
    };
    let source = match (
        identity.managed_identity,
        identity.workload_identity,
        identity.client_secret,
    ) {
        (Some(managed), None, None) => managed_identity(managed, problems)?,
        (None, Some(workload), None) => IdentitySource::WorkloadIdentity {
            tenant_id: workload.tenant_id,
            client_id: workload.client_id,
            token_file: workload.token_file.map(|file| directory.join(file)),
        },
        (None, None, Some(application)) => client_secret(application, directory, problems)?,
        _ => {
            let message = "exactly one of `managed_identity`, `workload_identity` and `client_secret` must be there";
            problems.push(Problem::at(at, message));
            return None;
        }
    };
    Some(IdentityConfig { source, scope })
}

fn managed_identity(
    managed: Spanned<file::ManagedIdentity>,
    problems: &mut Problems,
) -> Option<IdentitySource> {
    let file::ManagedIdentity {
        client_id,
        object_id,
        resource_id,
    } = managed.value;
    let which = match (client_id, object_id, resource_id) {
        (None, None, None) => ManagedIdentity::SystemAssigned,
        (Some(id), None, None) => ManagedIdentity::ClientId(id),
        (None, Some(id), None) => ManagedIdentity::ObjectId(id),
        (None, None, Some(id)) => ManagedIdentity::ResourceId(id),
        _ => {
            let message = "a user-assigned identity is named by one of `client_id`, `object_id` and `resource_id`";
            problems.push(Problem::at(managed.referenced, message));
            return None;
        }
    };
    Some(IdentitySource::ManagedIdentity(which))
}

fn client_secret(
    application: file::ClientSecret,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentitySource> {
    let at = application.secret.referenced;
    for id in [&application.tenant_id, &application.client_id] {
        if id.value.is_empty() {
            problems.push(Problem::at(id.referenced, "this id is empty"));
        }
    }
    let secret = read_secret(&application.secret.value, directory)
        .map_err(|message| problems.push(Problem::at(at, message)))
        .ok()?;
    Some(IdentitySource::ClientSecret {
        tenant_id: application.tenant_id.value,
        client_id: application.client_id.value,
        secret,
    })
}

fn read_secret(secret: &file::SecretRef, directory: &Path) -> Result<SecretString, String> {
    let value = match (&secret.env, &secret.file) {
        (Some(name), None) => std::env::var(name)
            .map_err(|_| format!("the environment variable {name} is not set"))?,
        (None, Some(file)) => {
            let path = directory.join(file);
            std::fs::read_to_string(&path)
                .map_err(|error| format!("{} can't be read: {error}", path.display()))?
        }
        _ => {
            return Err("a secret is read from `env` or from `file`: write one of them".to_owned());
        }
    };
    match value.trim() {
        "" => Err("the secret is empty".to_owned()),
        secret => Ok(secret.into()),
    }
}

fn products(written: &[file::Product], problems: &mut Problems) -> HashMap<String, Arc<Product>> {
    let mut products = HashMap::new();
    for product in written {
        check_id("product", &product.id, problems);
        not_empty("deployments", &product.deployments, problems);
        not_empty("operations", &product.operations, problems);
        for name in &product.deployments.value {
            if Deployment::parse(&name.value).is_none() {
                let message = format!("`{}` is no name of a deployment", name.value);
                let help = "letters, digits, `-`, `_` and `.`, at most 64 of them";
                problems.push(Problem::at(name.referenced, message).help(help));
            }
        }
        let meaning = Arc::new(Product {
            id: ProductId::new(product.id.value.as_str()),
            deployments: product
                .deployments
                .value
                .iter()
                .map(|name| name.value.clone())
                .collect(),
            operations: product.operations.value.iter().map(|it| it.value).collect(),
            requires: product.requires.meaning(),
        });
        if products.insert(product.id.value.clone(), meaning).is_some() {
            problems.push(twice("product", &product.id));
        }
    }
    products
}

fn clients(
    written: &[file::Client],
    products: &HashMap<String, Arc<Product>>,
    issuers: &mut Issuers,
    problems: &mut Problems,
) -> (Vec<Arc<Client>>, KeyRing) {
    let (mut clients, mut keys) = (Vec::new(), KeyRing::default());
    let mut ids = HashSet::new();
    for client in written {
        check_id("client", &client.id, problems);
        if !ids.insert(&client.id.value) {
            problems.push(twice("client", &client.id));
        }
        if !issuers.is_default(&client.id.value) {
            not_empty("credentials", &client.credentials, problems);
        }
        not_empty("products", &client.products, problems);
        let mut own = Vec::new();
        for name in &client.products.value {
            match products.get(&name.value) {
                Some(product) => own.push(Arc::clone(product)),
                None => problems.push(unknown_product(name, products)),
            }
        }
        let meaning = Arc::new(Client {
            id: ClientId::new(client.id.value.as_str()),
            products: own,
        });
        issuers.add_client(&client.credentials.value, &meaning, problems);
        add_keys(&client.credentials, &meaning, &mut keys, problems);
        clients.push(meaning);
    }
    (clients, keys)
}

fn add_keys(
    credentials: &Spanned<Vec<file::Credential>>,
    client: &Arc<Client>,
    keys: &mut KeyRing,
    problems: &mut Problems,
) {
    let mut slots = HashSet::new();
    for credential in &credentials.value {
        let kinds = (&credential.key, &credential.token, &credential.certificate);
        let key = match kinds {
            (Some(key), None, None) => key,
            (None, Some(_), None) | (None, None, Some(_)) => continue,
            _ => {
                let message = "a credential is one of `key`, `token` and `certificate`";
                problems.push(Problem::at(credentials.referenced, message));
                continue;
            }
        };
        if !slots.insert(key.slot.value) {
            let message = format!("client `{}` has two keys in this slot", client.id);
            let help = "a client has a primary and a secondary key, so that one can be replaced while the other one is in use";
            problems.push(Problem::at(key.slot.referenced, message).help(help));
        }
        let Some(digest) = KeyDigest::from_hex(&key.sha256.value) else {
            let message = "no SHA-256: 64 hexadecimal digits";
            let help = "`tollgate key generate` makes a key and prints this line";
            problems.push(Problem::at(key.sha256.referenced, message).help(help));
            continue;
        };
        let validity = validity(key, problems);
        if let Err(error) = keys.add(digest, key.slot.value, validity, Arc::clone(client)) {
            problems.push(Problem::at(key.sha256.referenced, error.to_string()));
        }
    }
}

fn validity(key: &file::Key, problems: &mut Problems) -> Validity {
    let mut moment = |written: Option<&Spanned<String>>| {
        let written = written?;
        let parsed = moment::parse(&written.value);
        if parsed.is_none() {
            let message = format!("`{}` is no moment", written.value);
            let help = "write a date, 2027-01-01 (its beginning in UTC), or 2027-01-01T12:00:00Z";
            problems.push(Problem::at(written.referenced, message).help(help));
        }
        parsed
    };
    let validity = Validity {
        not_before: moment(key.not_before.as_ref()),
        not_after: moment(key.not_after.as_ref()),
        state: key.state,
    };
    if let (Some(from), Some(until), Some(at)) =
        (validity.not_before, validity.not_after, &key.not_after)
        && until <= from
    {
        let message = "`not_after` is not after `not_before`: the key would never be good";
        problems.push(Problem::at(at.referenced, message));
    }
    validity
}

fn backend(backends: &Spanned<Vec<file::Backend>>, problems: &mut Problems) -> Option<Arc<str>> {
    let [backend] = backends.value.as_slice() else {
        let message = format!(
            "exactly one backend is supported, here are {}",
            backends.value.len()
        );
        problems.push(Problem::at(backends.referenced, message));
        return None;
    };
    check_id("backend", &backend.name, problems);
    Some(backend.name.value.as_str().into())
}

fn drain_timeout(written: Option<&Spanned<String>>, problems: &mut Problems) -> Duration {
    let Some(written) = written else {
        return DEFAULT_DRAIN_TIMEOUT;
    };
    duration::parse(&written.value).unwrap_or_else(|| {
        let message = format!("`{}` is no duration", written.value);
        problems
            .push(Problem::at(written.referenced, message).help("write `30s`, `500ms` or `2m`"));
        DEFAULT_DRAIN_TIMEOUT
    })
}

/// Ids are metric labels and log fields: short, and of characters that need no quoting anywhere.
pub(super) fn check_id(what: &str, id: &Spanned<String>, problems: &mut Problems) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.value.is_empty() || id.value.len() > MAX_ID_CHARS || !id.value.chars().all(plain) {
        let message = format!("`{}` is no id of a {what}", id.value);
        let help = format!("letters, digits, `-`, `_` and `.`, at most {MAX_ID_CHARS} of them");
        problems.push(Problem::at(id.referenced, message).help(help));
    }
}

pub(super) fn not_empty<T>(what: &str, list: &Spanned<Vec<T>>, problems: &mut Problems) {
    if list.value.is_empty() {
        problems.push(empty(what, list.referenced));
    }
}

fn empty(what: &str, at: Location) -> Problem {
    Problem::at(at, format!("`{what}` is empty: it would allow nothing"))
}

pub(super) fn twice(what: &str, id: &Spanned<String>) -> Problem {
    Problem::at(
        id.referenced,
        format!("there is another {what} `{}` above", id.value),
    )
}

fn unknown_product(name: &Spanned<String>, products: &HashMap<String, Arc<Product>>) -> Problem {
    let mut known: Vec<_> = products.keys().map(String::as_str).collect();
    known.sort_unstable();
    let help = match known.as_slice() {
        [] => "there is no product in this file".to_owned(),
        known => format!("products of this file: {}", known.join(", ")),
    };
    Problem::at(
        name.referenced,
        format!("there is no product `{}`", name.value),
    )
    .help(help)
}
