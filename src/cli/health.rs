//! `tollgate health`: asks `/readyz`, for images that have no other HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::{StatusCode, Url};

use super::say;
use crate::config::admin_address;

/// For the whole answer: a prober gives up after some seconds, and then nobody reads the reason.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// As much of an answer as a person reads.
pub(super) const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Whom to ask.
#[derive(Args)]
pub(super) struct HealthArguments {
    /// The configuration of the service, of which only `listen.admin` is read.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// The page to ask, in place of /readyz at the configuration's `listen.admin`.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<Url>,
}

/// Exits with 0 only if the answer is 200.
pub(super) fn run(arguments: &HealthArguments) -> Result<ExitCode, String> {
    let url = match &arguments.url {
        Some(url) => url.clone(),
        None => {
            let address = admin_address(&arguments.config).map_err(|error| error.to_string())?;
            page(address, "readyz")?
        }
    };
    let (status, text) = answer(&url, MAX_ANSWER_BYTES)?;
    match status {
        StatusCode::OK => {
            say(&mut super::output::stdout(), &text);
            Ok(ExitCode::SUCCESS)
        }
        // In the service's own words.
        StatusCode::SERVICE_UNAVAILABLE if !text.trim().is_empty() => Err(text.trim().to_owned()),
        other => Err(format!("{url} answers {other}: is it tollgate's /readyz?")),
    }
}

/// Asks a page, and waits for the answer, of which so many bytes are read.
pub(super) fn answer(url: &Url, most_bytes: usize) -> Result<(StatusCode, String), String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(ask(url, most_bytes))
        .map_err(|error| unanswered(url, &error))
}

/// The page of a service that listens at an address. A wildcard address is asked on loopback.
pub(super) fn page(listens: SocketAddr, name: &str) -> Result<Url, String> {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}/{name}", SocketAddr::new(ip, listens.port()));
    url.parse().map_err(|error| format!("{url}: {error}"))
}

/// Status and text of a page. No proxy of the environment stands between the service and this.
pub(super) async fn ask(
    url: &Url,
    most_bytes: usize,
) -> Result<(StatusCode, String), reqwest::Error> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_TIMEOUT)
        .build()?;
    let mut response = http.get(url.clone()).send().await?;
    let mut body = Vec::new();
    while body.len() < most_bytes
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(most_bytes);
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok((response.status(), text))
}

fn unanswered(url: &Url, error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("{url} does not answer within {ANSWER_TIMEOUT:?}");
    }
    let causes = std::iter::successors(std::error::Error::source(error), |it| it.source());
    match causes.last() {
        Some(cause) => format!(
            "{url} does not answer: {cause}: does the service run here, with this `listen.admin`?"
        ),
        None => format!("{url} does not answer: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:9090", "http://127.0.0.1:9090/readyz"),
            ("[::]:9090", "http://[::1]:9090/readyz"),
            ("10.0.0.7:9090", "http://10.0.0.7:9090/readyz"),
            ("[fd00::7]:9090", "http://[fd00::7]:9090/readyz"),
        ] {
            let address = listens.parse().expect("an address");
            let url = page(address, "readyz").map(|url| url.to_string());
            assert_eq!(url.as_deref(), Ok(asked), "{listens}");
        }
    }
}
