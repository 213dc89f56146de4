//! `envoy: { tracing }`: where Envoy sends its spans, and which.

use super::problem::Problem;
use super::problems::Problems;
use super::spanned::Spanned;
use super::written;
use crate::auth::Url;
use crate::envoy_config::Tracing;

const DEFAULT_SERVICE: &str = "envoy";
const ALL: f64 = 100.0;
const HELP: &str =
    "write the address of a collector that takes OTLP over gRPC, such as http://127.0.0.1:4317";

pub(super) fn tracing(
    written: Option<&written::Tracing>,
    trusted_ca: &str,
    problems: &mut Problems,
) -> Option<Tracing> {
    let written = written?;
    let sampling_percent = percent(written.sampling_percent.as_ref(), problems);
    let collector = collector(&written.collector, problems)?;
    Some(Tracing {
        is_address: collector.host.parse::<std::net::IpAddr>().is_ok(),
        host: collector.host,
        port: collector.port,
        tls: collector.tls,
        trusted_ca: trusted_ca.to_owned(),
        service_name: written
            .service_name
            .as_deref()
            .unwrap_or(DEFAULT_SERVICE)
            .to_owned(),
        sampling_percent,
        follows_callers: written.follow_callers.unwrap_or(true),
    })
}

struct Collector {
    host: String,
    port: u16,
    tls: bool,
}

fn collector(written: &Spanned<String>, problems: &mut Problems) -> Option<Collector> {
    let url = Url::parse(&written.value).ok();
    let url = url.filter(|url| {
        let has_no_more = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_no_user = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && has_no_more && has_no_user
    });
    let parsed = url.and_then(|url| {
        Some(Collector {
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default()?,
            tls: url.scheme() == "https",
        })
    });
    if parsed.is_none() {
        let message = format!("`{}` is not the address of a collector", written.value);
        problems.push(Problem::at(written.referenced, message).help(HELP));
    }
    parsed
}

fn percent(written: Option<&Spanned<f64>>, problems: &mut Problems) -> f64 {
    let Some(written) = written else {
        return ALL;
    };
    if !(0.0..=ALL).contains(&written.value) {
        let message = "must be a percentage from 0 to 100";
        problems.push(Problem::at(written.referenced, message));
    }
    written.value
}
