//! Clients, their products and their keys: what is written, and what it means.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_saphyr::Location;

use super::spanned::Spanned;

use super::issuers::Issuers;
use super::limits::{self, Whose};
use super::options::options;
use super::problem::Problem;
use super::problems::{Problems, check_id, duplicate, not_empty, unknown};
use super::{moment, written};
use crate::access::{Client, ClientId, ClientRules, EndUsers, Labels, MAX_LABELS, Product};
use crate::auth::{KeyDigest, KeyRing, Validity};

/// What is kept besides the file.
pub(super) struct Kept {
    /// Keys may be issued at run time.
    pub(super) issued_keys: bool,
    /// What is kept of the names of end users.
    pub(super) end_users: EndUsers,
}

/// Every client. Where keys are issued at run time, one may come without a credential of the file's.
pub(super) fn clients(
    written: &[written::Client],
    kept: &Kept,
    products: &HashMap<String, Arc<Product>>,
    issuers: &mut Issuers,
    limits: &limits::Reader,
    problems: &mut Problems,
) -> (Vec<Arc<Client>>, KeyRing) {
    let (mut clients, mut keys) = (Vec::new(), KeyRing::default());
    let mut ids = HashMap::new();
    for client in written {
        check_id("client", &client.id, problems);
        match ids.get(&client.id.value) {
            Some(first) => problems.push(duplicate("client", &client.id, *first)),
            None => {
                ids.insert(&client.id.value, client.id.referenced);
            }
        }
        if !issuers.is_default(&client.id.value) && !kept.issued_keys {
            not_empty("credentials", &client.credentials, problems);
        }
        not_empty("products", &client.products, problems);
        let mut own = Vec::new();
        for name in &client.products.value {
            match products.get(&name.value) {
                Some(product) => own.push(Arc::clone(product)),
                None => {
                    let known = products.keys().map(String::as_str);
                    problems.push(unknown("product", "products", name, known));
                }
            }
        }
        let mut meaning = Client::new(ClientId::new(client.id.value.as_str()), own);
        meaning.labels = labels(client.labels.as_ref(), problems);
        meaning.options = options(client, &kept.end_users, problems);
        meaning.limits = client_rules(client, limits, problems);
        let meaning = Arc::new(meaning);
        issuers.add_client(&client.credentials.value, &meaning, problems);
        add_keys(&client.credentials, &meaning, &mut keys, written, problems);
        clients.push(meaning);
    }
    (clients, keys)
}

fn client_rules(
    client: &written::Client,
    limits: &limits::Reader,
    problems: &mut Problems,
) -> ClientRules {
    let own = client.limits.as_ref();
    let per_user = own.and_then(|it| it.per_user.as_ref());
    let per_user = per_user.map(|it| &*it.value);
    ClientRules {
        own: limits.rules(own, Whose::Client, problems),
        per_user: limits.rules(per_user, Whose::Other, problems),
        priority: limits::priority(client.priority.as_ref().map(|it| it.value)),
    }
}

fn labels(written: Option<&Spanned<BTreeMap<String, String>>>, problems: &mut Problems) -> Labels {
    let Some(written) = written else {
        return Labels::default();
    };
    Labels::new(&written.value).unwrap_or_else(|error| {
        let help = format!(
            "labels are what usage is charged under, such as `labels: {{ team: search }}`; at most {MAX_LABELS}"
        );
        problems.push(Problem::at(written.referenced, error.to_string()).help(help));
        Labels::default()
    })
}

fn add_keys(
    credentials: &Spanned<Vec<written::Credential>>,
    client: &Arc<Client>,
    keys: &mut KeyRing,
    all: &[written::Client],
    problems: &mut Problems,
) {
    let mut slots = HashMap::new();
    for credential in &credentials.value {
        let kinds = (&credential.key, &credential.token, &credential.certificate);
        let key = match kinds {
            (Some(key), None, None) => key,
            (None, Some(_), None) | (None, None, Some(_)) => continue,
            _ => {
                let message =
                    "a credential must have exactly one of `key`, `token` and `certificate`";
                problems.push(Problem::at(credentials.referenced, message));
                continue;
            }
        };
        let at = key.slot.referenced;
        if let Some(first) = slots.get(&key.slot.value) {
            let message = format!("client `{}` has two keys in this slot", client.id);
            let help = "a client has a primary and a secondary key, so that one can be replaced while the other one is in use";
            problems.push(Problem::at(at, message).help(help).first(Some(*first)));
        } else {
            slots.insert(key.slot.value, at);
        }
        let Some(digest) = KeyDigest::from_hex(&key.sha256.value) else {
            let message = "not a SHA-256 digest: write 64 hexadecimal digits";
            let help = "`tollgate key generate` makes a key and prints this line";
            problems.push(Problem::at(key.sha256.referenced, message).help(help));
            continue;
        };
        let validity = validity(key, problems);
        if let Err(error) = keys.add(digest, key.slot.value, validity, Arc::clone(client)) {
            let first = first_with(&digest, all);
            problems.push(Problem::at(key.sha256.referenced, error.to_string()).first(first));
        }
    }
}

/// Where a digest is for the first time.
fn first_with(digest: &KeyDigest, all: &[written::Client]) -> Option<Location> {
    let credentials = all.iter().flat_map(|it| &it.credentials.value);
    let mut digests = credentials
        .filter_map(|it| it.key.as_ref())
        .map(|it| &it.sha256);
    let is_it = |it: &&Spanned<String>| KeyDigest::from_hex(&it.value).as_ref() == Some(digest);
    digests.find(is_it).map(|it| it.referenced)
}

fn validity(key: &written::Key, problems: &mut Problems) -> Validity {
    let mut moment = |written: Option<&Spanned<String>>| {
        let written = written?;
        let parsed = moment::parse(&written.value);
        if parsed.is_none() {
            let message = format!("`{}` is not a valid date or time", written.value);
            let help = "write a date such as 2027-01-01 (midnight UTC), or a time such as 2027-01-01T12:00:00Z";
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
        let message = "`not_after` must be after `not_before`: the key would never be valid";
        problems.push(Problem::at(at.referenced, message));
    }
    validity
}
