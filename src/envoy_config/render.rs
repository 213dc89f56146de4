//! From the templates to text.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

use super::scalar::scalar;
use super::settings::{Backend, Settings};
use crate::upstream::MAX_ATTEMPTS;

/// The templates by the names that they include each other by.
const TEMPLATES: [(&str, &str); 29] = [
    ("envoy.yaml", include_str!("templates/envoy.yaml")),
    ("listener.yaml", include_str!("templates/listener.yaml")),
    (
        "backend-tls.yaml",
        include_str!("templates/backend-tls.yaml"),
    ),
    (
        "cluster-limits.yaml",
        include_str!("templates/cluster-limits.yaml"),
    ),
    (
        "cluster-in-order.yaml",
        include_str!("templates/cluster-in-order.yaml"),
    ),
    (
        "retry-replica.yaml",
        include_str!("templates/retry-replica.yaml"),
    ),
    ("send.lua", include_str!("templates/send.lua")),
    ("note.lua", include_str!("templates/note.lua")),
    (
        "backend-failed.lua",
        include_str!("templates/backend-failed.lua"),
    ),
    (
        "backend-in-order.lua",
        include_str!("templates/backend-in-order.lua"),
    ),
    ("guards.yaml", include_str!("templates/guards.yaml")),
    ("tracing.yaml", include_str!("templates/tracing.yaml")),
    (
        "cluster-tracing.yaml",
        include_str!("templates/cluster-tracing.yaml"),
    ),
    (
        "discovery-bootstrap.yaml",
        include_str!("templates/discovery-bootstrap.yaml"),
    ),
    (
        "discovery-listeners.yaml",
        include_str!("templates/discovery-listeners.yaml"),
    ),
    (
        "discovery-routes.yaml",
        include_str!("templates/discovery-routes.yaml"),
    ),
    (
        "discovery-clusters.yaml",
        include_str!("templates/discovery-clusters.yaml"),
    ),
    (
        "connection-manager.yaml",
        include_str!("templates/connection-manager.yaml"),
    ),
    ("routes.yaml", include_str!("templates/routes.yaml")),
    (
        "pool-choice.yaml",
        include_str!("templates/pool-choice.yaml"),
    ),
    ("pool-first.yaml", include_str!("templates/pool-first.yaml")),
    (
        "pool-attempt.yaml",
        include_str!("templates/pool-attempt.yaml"),
    ),
    ("backend.lua", include_str!("templates/backend.lua")),
    ("filters.yaml", include_str!("templates/filters.yaml")),
    (
        "local-replies.yaml",
        include_str!("templates/local-replies.yaml"),
    ),
    ("access-log.yaml", include_str!("templates/access-log.yaml")),
    ("clusters.yaml", include_str!("templates/clusters.yaml")),
    (
        "cluster-tollgate.yaml",
        include_str!("templates/cluster-tollgate.yaml"),
    ),
    (
        "cluster-backend.yaml",
        include_str!("templates/cluster-backend.yaml"),
    ),
];

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A file that Envoy starts with.
    Whole,
    /// The configuration of the HTTP connection manager: all parts below but the clusters.
    ConnectionManager,
    /// Its `route_config`.
    Routes,
    /// Its `http_filters` before the router.
    Filters,
    /// Its `local_reply_config`.
    LocalReplies,
    /// Its `access_log`.
    AccessLog,
    /// The clusters.
    Clusters,
}

impl Part {
    /// What can be written without the rest: its name, and what it is.
    pub const NAMED: [(Self, &'static str, &'static str); 6] = [
        (
            Self::ConnectionManager,
            "connection-manager",
            "The configuration of the HTTP connection manager: all other parts but the clusters",
        ),
        (Self::Routes, "routes", "Its `route_config`"),
        (
            Self::Filters,
            "filters",
            "Its `http_filters`, before the router",
        ),
        (
            Self::LocalReplies,
            "local-replies",
            "Its `local_reply_config`",
        ),
        (Self::AccessLog, "access-log", "Its `access_log`"),
        (Self::Clusters, "clusters", "The clusters"),
    ];

    /// The part of a name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::NAMED.into_iter();
        all.find(|(_, own, _)| *own == name).map(|it| it.0)
    }

    const fn template(self) -> &'static str {
        match self {
            Self::Whole => "envoy.yaml",
            Self::ConnectionManager => "connection-manager.yaml",
            Self::Routes => "routes.yaml",
            Self::Filters => "filters.yaml",
            Self::LocalReplies => "local-replies.yaml",
            Self::AccessLog => "access-log.yaml",
            Self::Clusters => "clusters.yaml",
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Envoy can't reach a backend without an address.
    #[error("backend `{0}` has no `endpoint`: write `endpoint: https://NAME.openai.azure.com`")]
    NoEndpoint(String),
    /// tollgate listens for Envoys that are elsewhere.
    #[error(
        "nothing says where Envoys reach tollgate, which listens with `grpc_tls`: write `envoy: {{ tollgate: {{ address: \"NAME:PORT\", certificate: FILE, key: FILE, ca_file: FILE }} }}`"
    )]
    NoTollgate,
    /// Nothing says which Gateway callers connect to.
    #[error(
        "nothing says which Gateway it is for: write `envoy: {{ kubernetes: {{ gateway: {{ name: NAME, namespace: NAMESPACE }} }} }}`{0}"
    )]
    NoGateway(&'static str),
    /// A control plane checks the names of backends, and no addresses.
    #[error(
        "backend `{0}` has an address for an endpoint: write its name, which its certificate has"
    )]
    NoName(String),
    /// What was written is not YAML, which a test would have found.
    #[error("what is written for Envoy can't be read: {0}")]
    Unreadable(String),
    /// A template is wrong, which a test would have found.
    #[error("the template can't be filled in: {}", chain(.0))]
    Template(#[from] Error),
}

/// An error with what has caused it: of templates that include each other the outermost is named first, and
/// the reason comes last.
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |it| it.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

/// Writes a part of the configuration.
///
/// # Errors
/// [`RenderError`]
pub fn render(settings: &Settings, part: Part) -> Result<String, RenderError> {
    write_template(part.template(), settings, None)
}

/// Fills a template in. `discovery` has the files that Envoy reads again when they change, by what they hold;
/// without it all is in one file.
///
/// # Errors
/// [`RenderError`]
pub(super) fn write_template(
    name: &str,
    settings: &Settings,
    discovery: Option<&BTreeMap<&str, String>>,
) -> Result<String, RenderError> {
    if let Some(backend) = settings.backends.iter().find(|it| it.host.is_none()) {
        return Err(RenderError::NoEndpoint(backend.name.clone()));
    }
    if settings.tollgate.is_none() {
        return Err(RenderError::NoTollgate);
    }
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    templates.set_syntax(syntax);
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    // What a block gives is text of ours; what a value gives goes through `write`.
    templates.set_auto_escape_callback(|_| AutoEscape::Custom("yaml".into()));
    templates.set_formatter(write);
    templates.add_filter("at", at);
    templates.add_filter("lua", lua);
    templates.add_filter("regex", regex);
    templates.add_global("attempts", attempts(settings.backends.len()));
    let version = settings.version.unwrap_or_default();
    templates.add_global("version", Value::from_safe_string(version.to_string()));
    templates.add_global("refreshes", version.refreshes());
    templates.add_global("after", after(&settings.backends));
    templates.add_global("known", known(&settings.backends));
    templates.add_global("places", places(&settings.backends));
    templates.add_global(
        "discovery",
        discovery.cloned().map_or(Value::from(false), Value::from),
    );
    for (name, text) in TEMPLATES {
        templates.add_template(name, text)?;
    }
    let text = templates.get_template(name)?.render(Serde(settings))?;
    Ok(text.trim_end().to_owned() + "\n")
}

/// Writes a value as a scalar; nothing else can be written.
fn write(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    let text = match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) if value.is_safe() => text.to_owned(),
        (ValueKind::String, Some(text)) => scalar(text),
        (ValueKind::Number, _) => value.to_string(),
        (kind, _) => {
            let message = format!("{kind} is not a scalar");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
    };
    out.write_str(&text).map_err(Error::from)
}

/// For each backend by its name itself and then all others, as they are asked where the order is fixed.
fn after(backends: &[Backend]) -> Value {
    let order = |first: &Backend| {
        let others = backends.iter().filter(|it| it.name != first.name);
        let all: Vec<_> = std::iter::once(first).chain(others).map(Serde).collect();
        Value::from_iter(all)
    };
    let orders: BTreeMap<String, Value> = backends
        .iter()
        .map(|it| (it.name.clone(), order(it)))
        .collect();
    Value::from(orders)
}

/// The backends and where each of them is, as tollgate is told: `NAME=HOST:PORT`, with a space between two.
fn known(backends: &[Backend]) -> String {
    let all: Vec<_> = backends.iter().map(place).collect();
    all.join(" ")
}

/// A backend and where it is: `NAME=HOST:PORT`.
fn place(backend: &Backend) -> String {
    let host = backend.host.as_deref().unwrap_or_default();
    format!("{}={host}:{}", backend.name, backend.port)
}

/// For each backend by its name how an order has it.
fn places(backends: &[Backend]) -> Value {
    let named = |it: &Backend| (it.name.clone(), format!("{},", place(it)));
    let places: BTreeMap<String, String> = backends.iter().map(named).collect();
    Value::from(places)
}

/// The attempts after the first, and how many there have been before each.
fn attempts(backends: usize) -> Value {
    let numbers = 2..=backends.clamp(2, MAX_ATTEMPTS);
    let attempt = |number| BTreeMap::from([("number", number), ("before", number - 1)]);
    numbers.map(attempt).map(Value::from).collect()
}

/// A text as Lua writes one (Lua 5.1, section 2.1): what is not plain is an escape.
fn lua(text: &str) -> Value {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'.' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("\\{byte:03}")),
        }
    }
    out.push('"');
    Value::from_safe_string(out)
}

/// A text as a regular expression that nothing else matches (<https://github.com/google/re2/wiki/Syntax>).
fn regex(text: &str) -> String {
    let escaped = |it: char| match it.is_alphanumeric() {
        true => it.to_string(),
        false => format!("\\{it}"),
    };
    text.chars().map(escaped).collect()
}

/// Moves a block to the right by so many spaces; empty lines stay empty.
fn at(block: &str, spaces: usize) -> Value {
    let indent = " ".repeat(spaces);
    let lines = block.trim_end().lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{indent}{line}\n"),
    });
    Value::from_safe_string(lines.collect())
}

#[cfg(test)]
pub(super) mod tests;
