//! What only a restart can change.

use std::path::PathBuf;

use super::{Config, IdentityConfig, Listen, Shown};
use crate::database::PostgresUrl;
use crate::limits::SharedOptions;
use crate::usage::LedgerOptions;

/// What only a restart can change.
#[derive(Clone)]
pub struct Fixed {
    listen: Listen,
    data_directory: Option<PathBuf>,
    database: Option<PostgresUrl>,
    ledger: Option<LedgerOptions>,
    redis: Option<SharedOptions>,
    redis_identity: Option<IdentityConfig>,
    shown: Shown,
}

impl Fixed {
    /// The first key whose value is different in another configuration.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let mut keys = self.keys(other).into_iter();
        keys.find_map(|(key, is_same)| (!is_same).then_some(key))
    }

    /// Every key, and whether its value is the same in another configuration.
    fn keys(&self, other: &Self) -> [(&'static str, bool); 9] {
        let Self {
            listen,
            data_directory,
            database,
            ledger,
            redis,
            redis_identity,
            shown:
                Shown {
                    metrics,
                    audit,
                    content,
                },
        } = self;
        [
            ("admin", listen.console == other.listen.console),
            ("listen", *listen == other.listen),
            ("data_directory", *data_directory == other.data_directory),
            ("database", *database == other.database),
            ("ledger", *ledger == other.ledger),
            (
                "limits.redis",
                *redis == other.redis && is_same(redis_identity.as_ref(), other),
            ),
            ("metrics", *metrics == other.shown.metrics),
            ("audit", *audit == other.shown.audit),
            ("content_log.file", *content == other.shown.content),
        ]
    }
}

/// Whether the tokens at Redis are the same ones. Whatever proves the identity may change meanwhile.
fn is_same(identity: Option<&IdentityConfig>, other: &Fixed) -> bool {
    match (identity, &other.redis_identity) {
        (Some(own), Some(other)) => own.is_same_principal(other),
        (own, other) => own.is_none() && other.is_none(),
    }
}

impl Config {
    /// What only a restart can change.
    pub fn fixed(&self) -> Fixed {
        Fixed {
            listen: self.listen.clone(),
            data_directory: self.data_directory.clone(),
            database: self.database.clone(),
            ledger: self.ledger.clone(),
            redis: self.redis.clone(),
            redis_identity: self.redis_identity.clone(),
            shown: self.shown.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::super::tests::{GOOD, read};
    use super::Fixed;

    const PAGE: &str = include_str!("../../docs/configuration.md");
    const ADMIN: &str = "admin: \"127.0.0.1:9090\"";

    fn fixed(text: &str) -> Fixed {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("key"), "0123456789abcdef").expect("written");
        // Relative paths would differ by the directory.
        let text = text.replace("DIR", &directory.path().display().to_string());
        let read = read("t.yaml", &text, Path::new("/etc"));
        read.map(|it| it.fixed())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The keys that the page names, as `limits.redis`.
    fn documented() -> BTreeSet<String> {
        let (_, after) = PAGE
            .split_once("changes what only a restart can (")
            .expect("the sentence");
        let (keys, _) = after.split_once(')').expect("its end");
        let code = keys.split('`').skip(1).step_by(2);
        code.map(|it| it.replace(": { ", ".").replace(" }", ""))
            .collect()
    }

    #[test]
    fn what_takes_a_restart_is_what_the_documentation_says() {
        let data = format!("{GOOD}data_directory: /data\n");
        let before = fixed(&data);
        let keys = before.keys(&before);
        let names: BTreeSet<_> = keys.iter().map(|it| it.0.to_owned()).collect();
        assert_eq!(names, documented());
        let mut changed = BTreeSet::new();
        let more = |it: &str| format!("{data}{it}\n");
        for (key, text) in [
            ("admin", more("admin: { console: true }")),
            ("listen", data.replace(ADMIN, "admin: \"127.0.0.1:9091\"")),
            ("data_directory", data.replace(": /data", ": /other")),
            (
                "database",
                more("database: { url: \"postgres://gate@db/tollgate\" }"),
            ),
            ("ledger", more("ledger: { retention: 30d }")),
            (
                "limits.redis",
                more("limits: { redis: { url: \"redis://r\", replicas: 2 } }"),
            ),
            ("metrics", more("metrics: { labels: { max_clients: 7 } }")),
            ("audit", more("audit: { file: /data/audit }")),
            (
                "content_log.file",
                more("content_log: { file: /data/content }"),
            ),
        ] {
            assert_eq!(before.difference(&fixed(&text)), Some(key), "{text}");
            changed.insert(key.to_owned());
        }
        assert_eq!(changed, names, "each key has a row");
    }

    #[test]
    fn names_of_end_users_need_no_restart() {
        let with = |it: &str| {
            fixed(&format!(
                "{GOOD}data_directory: /data\nledger: {{ {it} }}\n"
            ))
        };
        let before = with("end_users: keep");
        for other in [
            "end_users: drop",
            "end_users: hash, end_users_key: { file: DIR/key }",
        ] {
            assert_eq!(before.difference(&with(other)), None, "{other}");
        }
    }
}
