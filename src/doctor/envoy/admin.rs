//! Envoy's admin endpoint: which Envoy it is, what it runs with, and what it has refused.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::super::finding::Subject;
use super::super::patience::within;
use super::super::service::fetcher;
use super::dump::Dump;
use super::updates::{self, Refused};
use super::version;
use crate::auth::{Answer, Fetcher, Url};
use crate::envoy_config::Version;

/// Largest answer about the server.
const MAX_INFO_BYTES: usize = 1024 * 1024;
/// Largest dump: an Envoy with thousands of clusters has some 10 MiB.
const MAX_DUMP_BYTES: usize = 64 * 1024 * 1024;
const NOT_ENVOY: &str = "say Envoy's admin endpoint with --envoy-admin, such as http://127.0.0.1:9901 (`admin` in Envoy's configuration)";

/// `/server_info`, as far as it is of interest
/// (<https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/server_info.proto>).
#[derive(Deserialize)]
struct ServerInfo {
    /// `HASH/1.40.0/Clean/RELEASE/BoringSSL`
    version: String,
    state: String,
}

/// What the admin endpoint says.
pub(super) struct Running {
    /// The version; `None` where it can't be read.
    pub(super) version: Option<Version>,
    /// What it runs with.
    pub(super) dump: Dump,
    /// What it has refused; `None` where it does not say.
    pub(super) refused: Option<Refused>,
}

/// Asks for all of it; `None` where it is not an Envoy, which is said.
pub(super) async fn ask(admin: &Url, subject: &mut Subject) -> Option<Running> {
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
    Some(Running {
        version: version::read(&info.version),
        dump,
        refused: refused(&fetcher, admin).await,
    })
}

/// Less than the rest depends on it: an endpoint may be set to show some pages only.
async fn refused(fetcher: &Fetcher, admin: &Url) -> Option<Refused> {
    let mut url = admin.clone();
    url.set_path("stats");
    url.set_query(Some("filter=update_rejected&format=json"));
    match within(fetcher.ask(&url, HeaderMap::new(), MAX_INFO_BYTES)).await {
        Ok(answer) if answer.status == StatusCode::OK => updates::read(&answer.body),
        _ => None,
    }
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
