//! Where replicas count their limits together: what is written, and what it means.

use std::path::Path;

use super::IdentityConfig;
use super::identity::identity_for;
use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_secret;
use super::written::{Redis, WhenUnavailable};
use crate::auth::certificate::parse_certificates;
use crate::limits::{self, ServerUrl, Servers, SharedOptions};

/// Azure Managed Redis and Azure Cache for Redis
/// (<https://learn.microsoft.com/azure/redis/entra-for-authentication>).
const REDIS_SCOPE: &str = "https://redis.azure.com/.default";
const DEFAULT_KEY_PREFIX: &str = "tollgate";
/// Shares of a limit that is divided among more than these would be of no use.
const MAX_REPLICAS: u64 = 1_000;

pub(super) fn redis(
    written: Option<&Spanned<Redis>>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<SharedOptions> {
    let whole = written?;
    let written = &whole.value;
    let servers = servers(whole, problems);
    let trust = match &written.ca_file {
        None => None,
        Some(path) => Some(trust(path, servers.as_ref(), directory, problems)?),
    };
    let password = match &written.password {
        None => None,
        Some(place) => match read_secret(&place.value, directory) {
            Ok(password) => Some(password),
            Err(message) => {
                problems.push(Problem::at(place.referenced, message));
                return None;
            }
        },
    };
    if !(1..=MAX_REPLICAS).contains(&written.replicas.value) {
        let message = format!("must be from 1 to {MAX_REPLICAS}");
        let help = "so many replicas share the limits while the servers do not answer";
        problems.push(Problem::at(written.replicas.referenced, message).help(help));
    }
    let prefix = written.key_prefix.as_ref();
    let is_odd =
        |prefix: &&Spanned<String>| prefix.value.is_empty() || prefix.value.contains(['{', '}']);
    if let Some(odd) = prefix.filter(is_odd) {
        let message = "must have a character, and no braces";
        let help = "a cluster keeps keys together by what is between braces";
        problems.push(Problem::at(odd.referenced, message).help(help));
    }
    Some(SharedOptions {
        servers: servers?,
        trust,
        username: written.username.clone(),
        password,
        key_prefix: prefix.map_or(DEFAULT_KEY_PREFIX, |it| &it.value).to_owned(),
        when_unavailable: match written.when_unavailable {
            WhenUnavailable::LocalShare => limits::WhenUnavailable::LocalShare,
            WhenUnavailable::Refuse => limits::WhenUnavailable::Refuse,
        },
        replicas: written.replicas.value,
        answer_timeout: SharedOptions::ANSWER_TIMEOUT,
    })
}

/// Whose tokens are the password.
pub(super) fn identity(
    whole: &Spanned<Redis>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<IdentityConfig> {
    let written = &whole.value;
    let own = written.identity.as_ref()?;
    let mut wrong = |at, message: &str, help: &str| {
        problems.push(Problem::at(at, message).help(help));
    };
    if let Some(password) = &written.password {
        let message = "either `password` or `identity` may be set";
        wrong(
            password.referenced,
            message,
            "the identity's tokens are the password",
        );
    }
    if written.username.is_none() {
        let message = "`identity` needs a `username`";
        let help = "write the object id of the identity: that is its user at Azure's Redis";
        wrong(own.referenced, message, help);
    }
    let urls = written.url.iter();
    let urls = urls.chain(written.cluster.iter().flatten());
    let urls = urls.chain(written.sentinel.iter().flat_map(|it| &it.urls));
    if let Some(plain) = urls
        .into_iter()
        .find(|it| !it.value.starts_with("rediss://"))
    {
        let message = "the identity's token is sent over TLS alone";
        wrong(plain.referenced, message, "write `rediss://HOST:PORT`");
    }
    identity_for(REDIS_SCOPE, own, directory, problems)
}

fn servers(whole: &Spanned<Redis>, problems: &mut Problems) -> Option<Servers> {
    let written = &whole.value;
    match (&written.url, &written.cluster, &written.sentinel) {
        (Some(url), None, None) => Some(Servers::Single(address(url, problems)?)),
        (None, Some(nodes), None) => Some(Servers::Cluster(addresses(nodes, whole, problems)?)),
        (None, None, Some(sentinel)) => {
            let sentinels = addresses(&sentinel.urls, whole, problems)?;
            let all = sentinel.urls.iter().zip(&sentinels);
            for (written, _) in all.filter(|(_, url)| !url.has_port()) {
                let message = "the address of a sentinel needs its port, which mostly is 26379";
                problems.push(Problem::at(written.referenced, message));
            }
            Some(Servers::Sentinel {
                sentinels,
                name: sentinel.name.clone(),
            })
        }
        _ => {
            let message = "`redis` must have exactly one of `url`, `cluster` and `sentinel`";
            problems.push(Problem::at(whole.referenced, message));
            None
        }
    }
}

fn addresses(
    written: &[Spanned<String>],
    whole: &Spanned<Redis>,
    problems: &mut Problems,
) -> Option<Vec<ServerUrl>> {
    let found: Vec<_> = written
        .iter()
        .filter_map(|url| address(url, problems))
        .collect();
    if found.len() < written.len() {
        return None;
    }
    for (written, _) in written
        .iter()
        .zip(&found)
        .filter(|(_, url)| url.database() != 0)
    {
        let message = "only `url` may end with the number of a database";
        let help = "clusters have one database; gateways that do not share limits need different `key_prefix`";
        problems.push(Problem::at(written.referenced, message).help(help));
    }
    let secured = found.iter().filter(|url| url.is_tls()).count();
    let message = match secured {
        _ if found.is_empty() => "at least one address is needed",
        0 => return Some(found),
        all if all == found.len() => return Some(found),
        _ => "all addresses must begin with `rediss://`, or none",
    };
    problems.push(Problem::at(whole.referenced, message));
    None
}

fn address(written: &Spanned<String>, problems: &mut Problems) -> Option<ServerUrl> {
    let parsed = ServerUrl::parse(&written.value);
    let failed = |error: limits::BadServerUrl| {
        let help = "write `redis://HOST:PORT`, or `rediss://HOST:PORT` for TLS, and the password under `password`";
        problems.push(Problem::at(written.referenced, error.to_string()).help(help));
    };
    parsed.map_err(failed).ok()
}

fn trust(
    path: &Spanned<std::path::PathBuf>,
    servers: Option<&Servers>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<Vec<u8>> {
    let mut failed = |message: String| problems.push(Problem::at(path.referenced, message));
    if servers.is_some_and(|servers| !servers.is_tls()) {
        failed("`ca_file` needs an address that begins with `rediss://`".to_owned());
        return None;
    }
    let file = directory.join(&path.value);
    let read = std::fs::read(&file);
    let read = read.map_err(|error| failed(format!("{}: {error}", file.display())));
    let text = read.ok()?;
    if parse_certificates(&text).is_none() {
        failed(format!("{}: not a certificate in PEM", file.display()));
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::read;
    use crate::limits::{Servers, SharedOptions, WhenUnavailable};

    const BEFORE: &str = "listen: { grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }\nidentity: { managed_identity: {} }\nbackends: [ { name: sweden } ]\n";

    fn parse(redis: &str) -> Result<Option<SharedOptions>, String> {
        let text = format!("{BEFORE}limits: {{ redis: {{ {redis} }} }}\n");
        let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
        parsed
            .map(|config| config.redis)
            .map_err(|error| error.lines().concat())
    }

    #[test]
    fn each_way_to_run_servers_is_read() {
        let one = parse("url: \"rediss://cache:6380\", replicas: 4").expect("good");
        let one = one.expect("options");
        assert!(matches!(one.servers, Servers::Single(_)) && one.servers.is_tls());
        assert_eq!(one.when_unavailable, WhenUnavailable::LocalShare);
        assert_eq!((&*one.key_prefix, one.replicas), ("tollgate", 4));
        let cluster = parse(
            "cluster: [\"redis://a:6379\", \"redis://b:6379\"], replicas: 2, when_unavailable: refuse, key_prefix: eu",
        );
        let cluster = cluster.expect("good").expect("options");
        assert_eq!(cluster.servers.urls().len(), 2);
        assert_eq!(cluster.when_unavailable, WhenUnavailable::Refuse);
        let sentinel = parse("sentinel: { urls: [\"redis://a:26379\"], name: main }, replicas: 1");
        let sentinel = sentinel.expect("good").expect("options");
        assert!(matches!(sentinel.servers, Servers::Sentinel { .. }));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (redis, reason) in [
            ("replicas: 2", "exactly one of"),
            (
                "url: \"redis://a\", cluster: [\"redis://a\"], replicas: 2",
                "exactly one of",
            ),
            ("url: \"redis://a\"", "replicas"),
            ("url: \"redis://a\", replicas: 0", "must be from 1 to 1000"),
            ("url: \"redis://:pw@a\", replicas: 1", "no password in it"),
            ("url: \"a:6379\", replicas: 1", "not the address"),
            ("url: \"redis://a/two\", replicas: 1", "not the address"),
            (
                "cluster: [\"redis://a/2\"], replicas: 1",
                "only `url` may end with",
            ),
            (
                "sentinel: { urls: [\"redis://a:26379/2\"], name: main }, replicas: 1",
                "only `url` may end with",
            ),
            (
                "sentinel: { urls: [\"redis://a\"], name: main }, replicas: 1",
                "needs its port",
            ),
            ("cluster: [], replicas: 1", "at least one address"),
            (
                "cluster: [\"redis://a\", \"rediss://b\"], replicas: 1",
                "or none",
            ),
            (
                "url: \"redis://a\", ca_file: ca.pem, replicas: 1",
                "`ca_file` needs",
            ),
            (
                "url: \"rediss://a\", ca_file: ca.pem, replicas: 1",
                "No such file",
            ),
            (
                "url: \"redis://a\", password: secret, replicas: 1",
                "write where the secret is",
            ),
            (
                "url: \"redis://a\", password: { env: TOLLGATE_NO_SUCH }, replicas: 1",
                "is not set",
            ),
            (
                "url: \"redis://a\", key_prefix: \"a{b\", replicas: 1",
                "no braces",
            ),
            (
                "url: \"redis://a\", when_unavailable: allow, replicas: 1",
                "allow",
            ),
        ] {
            let error = parse(redis).expect_err(redis);
            assert!(error.contains(reason), "{redis}: {error}");
        }
    }
}
