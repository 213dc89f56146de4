//! The rows of keys, and of what is not a credential at all.

use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey};

use super::{ALLOWED, Attempt, Row};

/// Longer than any credential that is looked at.
const TOO_LONG_BYTES: usize = 17 * 1024;
const SECONDARY: u32 = 10;
const EARLY: u32 = 11;
const EXPIRED: u32 = 12;
const SUSPENDED: u32 = 13;
const REVOKED: u32 = 14;
const UNKNOWN: u32 = 15;

pub(super) struct World(Stack);

impl World {
    pub(super) async fn start() -> Self {
        let clients: String = [
            (SECONDARY, "slot: secondary, not_before: 2020-01-01, not_after: 2999-01-01"),
            (EARLY, "slot: primary, not_before: 2999-01-01"),
            (EXPIRED, "slot: primary, not_after: 2020-01-01"),
            (SUSPENDED, "slot: primary, state: suspended"),
            (REVOKED, "slot: primary, state: revoked"),
        ]
        .map(|(number, rest)| {
            let sha256 = TestKey::numbered(number).sha256();
            format!("  - id: app-{number}\n    credentials: [ {{ key: {{ sha256: \"{sha256}\", {rest} }} }} ]\n    products: [standard]\n")
        })
        .concat();
        let options = Options::default().edit_config(move |yaml| {
            yaml.replacen("clients:\n", &format!("clients:\n{clients}"), 1)
        });
        Self(Stack::start(options).await)
    }

    fn with(&self, headers: &[(&str, &str)]) -> Attempt<'_> {
        let request = self.0.callers.http1().post(self.0.callers.url(CHAT_PATH));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        Attempt::new(&self.0, request)
    }

    fn key(&self) -> &str {
        self.0.key.text()
    }

    fn numbered(&self, number: u32) -> Attempt<'_> {
        self.with(&[("api-key", TestKey::numbered(number).text())])
    }
}

const fn row(
    what: &'static str,
    status: u16,
    reason: &'static str,
    ask: for<'a> fn(&'a World) -> Attempt<'a>,
) -> Row<World> {
    Row {
        what,
        status,
        reason,
        ask,
    }
}

pub(super) const ROWS: [Row<World>; 23] = [
    row("api-key", 200, ALLOWED, |it| {
        it.with(&[("api-key", it.key())])
    }),
    row("bearer", 200, ALLOWED, |it| {
        it.with(&[("authorization", &format!("Bearer {}", it.key()))])
    }),
    row("API Management's header", 200, ALLOWED, |it| {
        it.with(&[("ocp-apim-subscription-key", it.key())])
    }),
    row("secondary, in its time", 200, ALLOWED, |it| {
        it.numbered(SECONDARY)
    }),
    row("no header", 401, "credential_missing", |it| it.with(&[])),
    row("an empty header", 401, "credential_missing", |it| {
        it.with(&[("api-key", "")])
    }),
    row("one key in two headers", 200, ALLOWED, |it| {
        it.with(&[
            ("api-key", it.key()),
            ("authorization", &format!("Bearer {}", it.key())),
        ])
    }),
    row("an empty Bearer beside a key", 200, ALLOWED, |it| {
        it.with(&[("api-key", it.key()), ("authorization", "Bearer ")])
    }),
    row(
        "two keys in two headers",
        400,
        "credential_ambiguous",
        |it| {
            it.with(&[
                ("api-key", it.key()),
                ("authorization", &format!("Bearer {}x", it.key())),
            ])
        },
    ),
    row("one header twice", 400, "credential_ambiguous", |it| {
        it.with(&[("api-key", it.key()), ("api-key", it.key())])
    }),
    row("two in one header", 400, "credential_ambiguous", |it| {
        it.with(&[("api-key", &format!("{0},{0}", it.key()))])
    }),
    row("too long", 400, "credential_malformed", |it| {
        it.with(&[("api-key", &"k".repeat(TOO_LONG_BYTES))])
    }),
    row("Basic", 401, "credential_scheme", |it| {
        it.with(&[("authorization", "Basic eDp5")])
    }),
    row("Bearer without anything", 401, "credential_missing", |it| {
        it.with(&[("authorization", "Bearer")])
    }),
    row("a key of Azure's", 401, "key_malformed", |it| {
        it.with(&[("api-key", "0123456789abcdef0123456789abcdef")])
    }),
    row("one character less", 401, "key_malformed", |it| {
        it.with(&[("api-key", &it.key()[1..])])
    }),
    row("mistyped", 401, "key_checksum", |it| {
        it.with(&[("api-key", &it.key().replacen("Test", "Tset", 1))])
    }),
    row("of nobody", 401, "key_unknown", |it| it.numbered(UNKNOWN)),
    row("before its time", 401, "key_not_yet_valid", |it| {
        it.numbered(EARLY)
    }),
    row("after its time", 401, "key_expired", |it| {
        it.numbered(EXPIRED)
    }),
    row("suspended", 401, "key_suspended", |it| {
        it.numbered(SUSPENDED)
    }),
    row("revoked", 401, "key_revoked", |it| it.numbered(REVOKED)),
    row("in the query string", 400, "key_in_query", |it| {
        let path = format!("{CHAT_PATH}&subscription-key={}", it.key());
        let request = it.0.callers.http1().post(it.0.callers.url(&path));
        Attempt::new(&it.0, request.header("api-key", it.key()))
    }),
];
