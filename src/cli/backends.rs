//! `tollgate backends`: the state of each backend, as the running service knows it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};
use reqwest::{StatusCode, Url};

use super::health::{answer, page};
use super::say;
use crate::admin::BackendState;
use crate::config::{MAX_BACKENDS, admin_address};
use crate::upstream::MAX_DEPLOYMENTS;

/// More than the page of as many backends as there may be, each with as many deployments that rest as are
/// known apart: names of 64 bytes in lines of 160.
const MAX_PAGE_BYTES: usize = MAX_BACKENDS * MAX_DEPLOYMENTS * 256;

#[derive(Args)]
pub(super) struct BackendsArguments {
    /// The configuration of the service, of which only `listen.admin` is read.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// The page to ask, in place of /backends at the configuration's `listen.admin`.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    url: Option<Url>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &BackendsArguments) -> Result<ExitCode, String> {
    let url = match &arguments.url {
        Some(url) => url.clone(),
        None => {
            let address = admin_address(&arguments.config).map_err(|error| error.to_string())?;
            page(address, "backends")?
        }
    };
    let (status, text) = answer(&url, MAX_PAGE_BYTES)?;
    let states = serde_json::from_str(&text).ok();
    let states: Vec<BackendState> = states
        .filter(|_| status == StatusCode::OK)
        .ok_or_else(|| format!("{url} answers {status}: is it tollgate's /backends?"))?;
    let shown = match arguments.json {
        true => format!("{}\n", text.trim_end()),
        false => table(&states),
    };
    say(&mut super::output::stdout(), &shown);
    Ok(ExitCode::SUCCESS)
}

/// A line for each backend, and one for each of its deployments that is not healthy.
fn table(states: &[BackendState]) -> String {
    let all: u64 = states.iter().map(|it| it.served).sum();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "BACKEND",
        "TIER",
        "REGION",
        "STATE",
        "SERVED",
        "SHARE",
        "FAILED",
        "UTILIZATION",
    ]);
    for backend in states {
        table.add_row([
            backend.name.clone(),
            backend.tier.clone(),
            backend.region.clone().unwrap_or_default(),
            words(&backend.state, backend.failures_in_a_row, backend.rests_ms),
            backend.served.to_string(),
            share(backend.served, all),
            backend.failed.to_string(),
            backend.utilization.clone().unwrap_or_default(),
        ]);
        for deployment in &backend.deployments {
            let name = format!("  {}", deployment.name);
            let state = words(&deployment.state, 0, deployment.rests_ms);
            table.add_row([name, String::new(), String::new(), state]);
        }
    }
    format!("{table}\n")
}

fn words(state: &str, failures_in_a_row: u64, rests_ms: Option<u64>) -> String {
    let mut words = state.to_owned();
    if failures_in_a_row > 0 {
        words.push_str(&format!(" ({failures_in_a_row} in a row)"));
    }
    if let Some(left) = rests_ms {
        words.push_str(&format!(", back in {}.{:03} s", left / 1000, left % 1000));
    }
    words
}

/// In percent, rounded down to a tenth.
fn share(served: u64, all: u64) -> String {
    match u128::from(served) * 1000 {
        _ if all == 0 => "-".to_owned(),
        parts => {
            let tenths = parts / u128::from(all);
            format!("{}.{} %", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rests_are_words() {
        assert_eq!(share(0, 0), "-");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(3, 3), "100.0 %");
        let throttled = words("throttled", 0, Some(1234));
        assert_eq!(throttled, "throttled, back in 1.234 s");
        assert_eq!(words("healthy", 0, None), "healthy");
        assert_eq!(words("failing", 3, None), "failing (3 in a row)");
    }
}
