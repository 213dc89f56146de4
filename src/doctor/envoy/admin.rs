//! Envoy's admin endpoint: which Envoy it is, and what it runs with.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::super::finding::Subject;
use super::super::patience::within;
use super::super::service::fetcher;
use super::dump::Dump;
use crate::auth::{Answer, Fetcher, Url};

/// Largest answer about the server.
const MAX_INFO_BYTES: usize = 1024 * 1024;
/// Largest dump: an Envoy with thousands of clusters has some 10 MiB.
const MAX_DUMP_BYTES: usize = 64 * 1024 * 1024;
/// The version that tollgate is tested with.
const TESTED: (u32, u32) = (1, 40);
const NOT_ENVOY: &str = "say Envoy's admin endpoint with --envoy-admin, such as http://127.0.0.1:9901 (`admin` in Envoy's configuration)";

/// `/server_info`, as far as it is of interest
/// (<https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/server_info.proto>).
#[derive(Deserialize)]
struct ServerInfo {
    /// `HASH/1.40.0/Clean/RELEASE/BoringSSL`
    version: String,
    state: String,
}

/// Asks for both; `None` where it is not an Envoy, which is said.
pub(super) async fn ask(admin: &Url, subject: &mut Subject) -> Option<Dump> {
    let fetcher = match fetcher() {
        Ok(fetcher) => fetcher,
        Err(error) => {
            subject.error("admin", error, "see that this machine can set up TLS");
            return None;
        }
    };
    let info = get(&fetcher, admin, "server_info", MAX_INFO_BYTES, subject).await?;
    let Ok(info) = serde_json::from_slice::<ServerInfo>(&info) else {
        not_envoy(admin, subject);
        return None;
    };
    let dump = get(&fetcher, admin, "config_dump", MAX_DUMP_BYTES, subject).await?;
    let Some(dump) = Dump::parse(&dump) else {
        not_envoy(admin, subject);
        return None;
    };
    examine_state(&info.state, admin, subject);
    examine_version(&info.version, subject);
    Some(dump)
}

async fn get(
    fetcher: &Fetcher,
    admin: &Url,
    page: &str,
    max_bytes: usize,
    subject: &mut Subject,
) -> Option<Vec<u8>> {
    let mut url = admin.clone();
    url.set_path(page);
    match within(fetcher.ask(&url, HeaderMap::new(), max_bytes)).await {
        Ok(Answer { is_cut: true, .. }) => {
            let message =
                format!("{url} answers with more than {max_bytes} bytes, which are not read");
            subject.error("admin", message, NOT_ENVOY);
            None
        }
        Ok(answer) if answer.status == StatusCode::OK => Some(answer.body),
        Ok(_) => {
            not_envoy(admin, subject);
            None
        }
        Err(error) => {
            subject.error("admin", format!("it can't be asked: {error}"), NOT_ENVOY);
            None
        }
    }
}

fn not_envoy(admin: &Url, subject: &mut Subject) {
    let message = format!("{admin} does not answer as Envoy does");
    subject.error("admin", message, NOT_ENVOY);
}

fn examine_state(state: &str, admin: &Url, subject: &mut Subject) {
    match state {
        "LIVE" => subject.ok("admin", format!("it is live at {admin}")),
        _ => subject.warning(
            "admin",
            format!("it is not live at {admin}"),
            "wait until it has started, or see its log for what it waits for",
        ),
    }
}

fn examine_version(version: &str, subject: &mut Subject) {
    let (major, minor) = TESTED;
    match read_version(version) {
        Some(TESTED) => {
            subject.ok(
                "version",
                format!("it is {major}.{minor}, which tollgate is tested with"),
            );
        }
        Some((its_major, its_minor)) => {
            let lacks = match (its_major, its_minor) < TESTED {
                true => {
                    ": what is written for it may not be known there, such as `refresh_cluster_on_retry` for several backends"
                }
                false => "",
            };
            subject.warning(
                "version",
                format!("it is {its_major}.{its_minor}, and tollgate is tested with {major}.{minor}{lacks}"),
                format!("use Envoy {major}.{minor}, or try yours before callers do"),
            );
        }
        None => subject.warning(
            "version",
            format!("it does not say its version; tollgate is tested with {major}.{minor}"),
            format!("use Envoy {major}.{minor}, or try yours before callers do"),
        ),
    }
}

fn read_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('/').nth(1)?.split('.');
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Outcome;

    #[test]
    fn a_version_is_the_tested_one_another_one_or_none() {
        for (version, result) in [
            ("9e5580/1.40.0/Clean/RELEASE/BoringSSL", Outcome::Ok),
            ("9e5580/1.40.7/Modified/DEBUG/BoringSSL", Outcome::Ok),
            ("9e5580/1.41.0/Clean/RELEASE/BoringSSL", Outcome::Warning),
            ("9e5580/1.33.0/Clean/RELEASE/BoringSSL", Outcome::Warning),
            ("1.40.0", Outcome::Warning),
            ("", Outcome::Warning),
        ] {
            let mut subject = Subject::new("envoy");
            examine_version(version, &mut subject);
            assert_eq!(subject.into_checks()[0].result, result, "{version}");
        }
    }
}
