//! From what is written to what it means; every problem is found, not only the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use super::audit::audit;
use super::backends::background;
use super::clients::{Kept, clients};
use super::decisions::decisions;
use super::end_users::end_users;
use super::envoy::Surface;
use super::events::events;
use super::grpc_tls::mutual_tls;
use super::identity::identity;
use super::issuers::Issuers;
use super::ledger::ledger;
use super::listen::{check_control, listen};
use super::metrics::metrics;
use super::pools::pools;
use super::prices::prices;
use super::problem::Problem;
use super::problems::Problems;
use super::products::products;
use super::surroundings::Surroundings;
use super::{
    Config, IdentityConfig, Shown, authorities, content_log, database, duration, files, limits,
    redis, written,
};
use crate::access::{BodyLimits, MAX_BODY_BYTES};
use crate::database::PostgresUrl;
use crate::events::Target;
use crate::limits::SharedOptions;
use crate::policy::Policy;
use crate::usage::LedgerOptions;

const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Anything less would refuse what every application sends.
const MIN_REQUEST_BYTES: usize = 1024;

#[expect(
    clippy::too_many_lines,
    reason = "a line or two for each section of the file, in the order in which one needs another"
)]
pub(super) fn validate(mut file: written::File, directory: &Path) -> Result<Config, Problems> {
    let mut problems = Problems::new();
    let storage = Storage::read(&file, directory, &mut problems);
    let surface = Surface::read(&file, directory, &mut problems);
    let listen = listen(&file, &mut problems);
    let mutual_tls = mutual_tls(&file.listen, directory, &mut problems);
    let (body_limits, drain_timeout) = bounds(&file, &mut problems);
    let decision_keys = decisions(file.decisions.as_ref(), directory, &mut problems);
    let reader = limits::Reader::new(&file);
    let limits = limits::settings(file.limits.as_ref(), &reader, &mut problems);
    let pools = pools(&mut file.backends, &file.pools, directory, &mut problems);
    let products = products(
        &file.products,
        &reader,
        (&file.backends.value, file.content_log.as_ref()),
        &mut problems,
    );
    let content = content_log::rules(file.content_log.as_ref(), &mut problems);
    let background = background(&file, &products, &mut problems);
    let identity = identity(&file.identity, directory, &mut problems);
    let mut issuers = Issuers::read(&file.issuers, directory, &mut problems);
    let (clients, keys) = clients(
        &file.clients,
        &storage.kept,
        &products,
        &mut issuers,
        &reader,
        &mut problems,
    );
    let (tokens, key_refreshes) = issuers.finish(&clients, &mut problems);
    let certificates = authorities::certificates(
        &file.listen,
        &file.certificate_authorities,
        &file.clients,
        &clients,
        Surroundings::new(directory, identity.as_ref()),
        &mut problems,
    );
    let prices = prices(&file.prices, pools.backends(), &mut problems);
    match (listen, identity) {
        (Some(listen), Some(identity)) if problems.is_empty() => Ok(Config {
            envoy: surface.settings(&listen, &clients, body_limits),
            listen,
            identity,
            policy: Policy {
                clients: clients.into_iter().collect(),
                keys,
                certificates,
                tokens: Arc::new(tokens),
                pools: Arc::new(pools),
                background,
                prices: Arc::new(prices),
                drain_timeout,
                decision_keys,
                mutual_tls,
                body_limits,
                keeps_instance_headers: file.response_headers.keeps_instance(),
                limits: Arc::new(limits),
                events: storage.events,
                content,
            },
            key_refreshes,
            files: storage.files,
            ledger: storage.ledger,
            end_users: storage.kept.end_users,
            data_directory: storage.data_directory,
            database: storage.database,
            redis: storage.redis,
            redis_identity: storage.redis_identity,
            shown: storage.shown,
            warnings: Vec::new(),
        }),
        _ => Err(problems),
    }
}

/// Where things are kept and read from, and what is shown of them.
struct Storage {
    files: Vec<PathBuf>,
    data_directory: Option<PathBuf>,
    database: Option<PostgresUrl>,
    ledger: Option<LedgerOptions>,
    kept: Kept,
    redis: Option<SharedOptions>,
    redis_identity: Option<IdentityConfig>,
    events: Option<Arc<Target>>,
    shown: Shown,
}

impl Storage {
    fn read(file: &written::File, directory: &Path, problems: &mut Problems) -> Self {
        check_control(file, problems);
        let data_directory =
            database::data_directory(file.data_directory.as_ref(), directory, problems);
        let database = database::database(file.database.as_ref(), directory, problems);
        let has_directory = data_directory.is_some();
        let redis = file.limits.as_ref().and_then(|it| it.redis.as_ref());
        let audit = audit(file.audit.as_ref(), directory, problems);
        Self {
            files: files::of(file, directory),
            ledger: ledger(file.ledger.as_ref(), has_directory, problems),
            kept: Kept {
                issued_keys: file.data_directory.is_some() || file.database.is_some(),
                end_users: end_users(file, directory, problems),
            },
            data_directory,
            database,
            redis: redis::redis(redis, directory, problems),
            redis_identity: redis.and_then(|it| redis::identity(it, directory, problems)),
            events: events(file.limits.as_ref(), directory, problems).map(Arc::new),
            shown: Shown {
                metrics: metrics(file.metrics.as_ref(), problems),
                content: content_log::file(
                    file.content_log.as_ref(),
                    audit.as_ref(),
                    directory,
                    problems,
                ),
                audit,
            },
        }
    }
}

/// How large bodies may be, and how long streams may go on.
fn bounds(file: &written::File, problems: &mut Problems) -> (BodyLimits, Duration) {
    let drain_timeout = drain_timeout(file.drain_timeout.as_ref(), problems);
    (body_limits(file, problems), drain_timeout)
}

fn drain_timeout(written: Option<&Spanned<String>>, problems: &mut Problems) -> Duration {
    let Some(written) = written else {
        return DEFAULT_DRAIN_TIMEOUT;
    };
    duration::parse(&written.value).unwrap_or_else(|| {
        let message = format!("`{}` is not a valid duration", written.value);
        problems
            .push(Problem::at(written.referenced, message).help("write `30s`, `500ms` or `2m`"));
        DEFAULT_DRAIN_TIMEOUT
    })
}

fn body_limits(file: &written::File, problems: &mut Problems) -> BodyLimits {
    let mut limit = |written: &Option<Spanned<usize>>, default: usize| {
        let Some(written) = written else {
            return default;
        };
        if !(MIN_REQUEST_BYTES..=MAX_BODY_BYTES).contains(&written.value) {
            let message = format!("must be from {MIN_REQUEST_BYTES} to {MAX_BODY_BYTES} bytes");
            let why = "each request holds its body in memory, in Envoy and here";
            problems.push(Problem::at(written.referenced, message).help(why));
        }
        written.value
    };
    let default = BodyLimits::default();
    BodyLimits {
        ordinary: limit(&file.max_request_bytes, default.ordinary),
        audio: limit(&file.max_audio_request_bytes, default.audio),
    }
}
