//! `tollgate explain`: how a request is decided, step by step, without secrets.

mod explanation;
mod limits;
mod request;
mod steps;

use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use self::explanation::Explanation;
use self::request::SavedRequest;
use self::steps::{Asking, ForwardedCertificate};
use super::remote::Control;
use super::say;
use crate::auth::CertificateRing;
use crate::auth::certificate::{AuthorityState, CrlState};
use crate::config::{Config, KeyRefresh, moment};
use crate::control::Replica;

/// How long to wait for lists and trust anchors, and how often to check.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Largest request that is read, in bytes: what Envoy lets through.
const MAX_REQUEST_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Args)]
pub(super) struct ExplainArguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// A saved request, as HTTP/1.1 writes it: request line, headers, an empty line, the body. `-` is
    /// standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "method", "credential", "model"])]
    request: Option<PathBuf>,
    /// The path with its query, as in /openai/v1/embeddings.
    #[arg(long, required_unless_present = "request")]
    path: Option<String>,
    /// The method.
    #[arg(long, default_value = "POST")]
    method: String,
    /// The file with the key or the token, never the text itself: other users of the machine can see
    /// a command line. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
    /// The body's `model`, for paths that name no deployment.
    #[arg(long)]
    model: Option<String>,
    /// The client certificate and its chain, as a PEM file, leaf first.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Where the request comes from.
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// When it comes, as in 2027-01-01T12:00:00Z; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Exits with 0 if the request would be allowed, and with 1 if not.
pub(super) fn run(arguments: &ExplainArguments) -> Result<ExitCode, String> {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            say(&mut io::stderr(), &error.report());
            return Ok(ExitCode::FAILURE);
        }
    };
    let request = saved_request(arguments)?;
    let certificate = arguments.certificate.as_deref();
    let certificate = certificate.map(forwarded).transpose()?;
    let now = match &arguments.at {
        None => SystemTime::now(),
        Some(text) => moment::parse(text).ok_or_else(|| {
            format!("`{text}` is not a date and time: write 2027-01-01T12:00:00Z")
        })?,
    };
    let asking = Asking {
        request,
        certificate,
        address: arguments.source,
        now,
        service: config.listen.control.as_deref().map(Control::at),
    };
    let explained = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(explain(config, &asking));
    say(&mut super::output::stdout(), &explained.to_string());
    Ok(match explained.is_allowed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Fetches what the service would have fetched, then decides as it does.
async fn explain(config: Config, asking: &Asking) -> Explanation {
    let mut explanation = Explanation::default();
    if asking.request.has_token() {
        for refresh in &config.key_refreshes {
            if let Err(error) = KeyRefresh::fetch_once(refresh).await {
                explanation.note(
                    format!("issuer {}", refresh.issuer),
                    format!("its keys could not be fetched: {error}"),
                );
            }
        }
    }
    if let (Some(ring), Some(_)) = (&config.policy.certificates, &asking.certificate) {
        fetch_lists(ring, &mut explanation).await;
    }
    let replica = config.key_database().map(Replica::new);
    if let Some(replica) = replica.as_ref().filter(|_| asking.request.has_key())
        && let Err(error) = replica.poll().await
    {
        explanation.note("issued keys", format!("can't be read: {error}"));
    }
    let issued = replica.as_ref().map(|it| it.keys().as_ref());
    steps::explain(&config.policy, issued, asking, explanation).await
}

/// Waits until every authority has its lists and anchors, but not for long.
async fn fetch_lists(ring: &CertificateRing, to: &mut Explanation) {
    let stop = CancellationToken::new();
    for authority in ring.authorities() {
        let name = || authority.name.to_string();
        let lists = Arc::clone(authority.revocation()).keep_fresh(name(), stop.clone());
        let trust = Arc::clone(authority.trust()).keep_fresh(name(), stop.clone());
        tokio::spawn(async { tokio::join!(lists, trust) });
    }
    let is_there = |state: &AuthorityState| state.anchors > 0 && state.crl != CrlState::Missing;
    let until = Instant::now() + FETCH_TIMEOUT;
    while Instant::now() < until && !ring.states().iter().all(is_there) {
        sleep(LOOK_INTERVAL).await;
    }
    stop.cancel();
    for state in ring.states().iter().filter(|state| !is_there(state)) {
        to.note(
            format!("authority {}", state.name),
            "its trust anchors or revocation lists could not be fetched",
        );
    }
}

fn saved_request(arguments: &ExplainArguments) -> Result<SavedRequest, String> {
    if let Some(file) = &arguments.request {
        return SavedRequest::parse(&read(file)?).map_err(|error| error.to_string());
    }
    let credential = arguments.credential.as_deref().map(read).transpose()?;
    let credential = credential.as_deref().map(|text| text.trim_ascii());
    Ok(SavedRequest::new(
        &arguments.method,
        arguments.path.as_deref().unwrap_or_default(),
        credential,
        arguments.model.as_deref(),
    ))
}

fn forwarded(file: &Path) -> Result<ForwardedCertificate, String> {
    ForwardedCertificate::of_pem(&read(file)?)
        .ok_or_else(|| format!("{}: has no certificate in PEM", file.display()))
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = match file.as_os_str() == "-" {
        true => io::stdin().take(MAX_REQUEST_BYTES).read_to_end(&mut bytes),
        false => std::fs::File::open(file)
            .and_then(|file| file.take(MAX_REQUEST_BYTES).read_to_end(&mut bytes)),
    };
    read.map_err(|error| format!("{}: can't be read: {error}", file.display()))?;
    Ok(bytes)
}
