//! `envoy: { tollgate }`: tollgate as a service that many Envoys share.

use std::net::IpAddr;

use super::problem::Problem;
use super::problems::Problems;
use super::written;
use crate::auth::Url;
use crate::envoy_config::Service;

/// Where Envoys reach tollgate.
pub(super) fn service(
    written: Option<&written::Service>,
    problems: &mut Problems,
) -> Option<Service> {
    let written = written?;
    let Some((host, port)) = host_and_port(&written.address.value) else {
        let message = format!(
            "`{}` is not a name or an IP address with a port",
            written.address.value
        );
        let help = "write where Envoys reach tollgate, in lower-case letters, as `tollgate.tollgate.svc.cluster.local:9000`: its certificate must have that name";
        problems.push(Problem::at(written.address.referenced, message).help(help));
        return None;
    };
    Some(Service {
        is_address: host.parse::<IpAddr>().is_ok(),
        host,
        port,
        certificate: written.certificate.clone(),
        key: written.key.clone(),
        trusted_ca: written.ca_file.clone(),
    })
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|it| *it != 0)?;
    let url = Url::parse(&format!("https://{text}")).ok()?;
    let parsed = url.host_str()?;
    // As it is written, or Envoy would check another name. No name that leads anywhere has a `*`.
    let is_whole = parsed == host && url.path() == "/" && url.username().is_empty();
    let is_whole = is_whole && !host.contains('*');
    is_whole.then(|| (host.trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests;
