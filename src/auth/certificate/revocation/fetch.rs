//! Fetching a list, from where the operator allows and no further.
//!
//! Lists are signed, so plain HTTP is as good as HTTPS for them and is what distribution points
//! use. What is fetched is bounded in size and time, redirects are not followed, no proxy of the
//! environment is used, and a name that leads to this machine, to its link or to a cloud's metadata
//! address is not connected to: an address that the operator has written out is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, Url};

use super::CrlError;

/// Longest that one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest list, in bytes: about 400,000 entries.
pub(super) const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;
/// Azure's platform address (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
/// The metadata address of AWS on IPv6.
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// A client for lists.
pub(super) fn client() -> Result<Client, CrlError> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(PublicNames)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(FETCH_TIMEOUT)
        .build()
        .map_err(unavailable)
}

/// The bytes at an address.
pub(super) async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, CrlError> {
    let mut response = client.get(url.clone()).send().await.map_err(unavailable)?;
    if response.status() != StatusCode::OK {
        let status = response.status();
        return Err(CrlError::Unavailable(format!("the answer is {status}")));
    }
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(unavailable)? {
        if bytes.len().saturating_add(part.len()) > MAX_LIST_BYTES {
            let message = format!("it is larger than {MAX_LIST_BYTES} bytes");
            return Err(CrlError::Unavailable(message));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Whether a distribution point may be fetched: its host is one of the operator's.
pub(super) fn is_allowed(url: &Url, hosts: &[String]) -> bool {
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || has_credentials {
        return false;
    }
    let Some(host) = url.host_str() else {
        return false;
    };
    let wanted = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    hosts.contains(&wanted)
}

fn unavailable(error: reqwest::Error) -> CrlError {
    let mut text = error.without_url().to_string();
    text.truncate(200);
    CrlError::Unavailable(text)
}

/// The system's resolver, without the addresses that nobody should be led to.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<SocketAddr> = found.filter(|it| is_good(it.ip())).collect();
            if good.is_empty() {
                return Err("the name has no address that may be connected to".into());
            }
            let addresses: Addrs = Box::new(good.into_iter());
            Ok(addresses)
        })
    }
}

fn is_good(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let is_special = v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast();
            !is_special && v4 != AZURE_PLATFORM
        }
        IpAddr::V6(v6) => {
            let is_special = v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast();
            !is_special && v6 != AWS_METADATA
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_the_operator_are_fetched_from() {
        let hosts = ["crl.example.com".to_owned(), "127.0.0.1:8080".to_owned()];
        for (url, allowed) in [
            ("http://crl.example.com/a.crl", true),
            ("https://crl.example.com/a.crl", true),
            ("http://127.0.0.1:8080/a.crl", true),
            ("http://crl.example.com:8080/a.crl", false),
            ("http://127.0.0.1/a.crl", false),
            ("http://user@crl.example.com/", false),
            ("http://crl.example.com.evil.org/", false),
            ("ftp://crl.example.com/", false),
            ("file:///etc/passwd", false),
            ("ldap://crl.example.com/", false),
        ] {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(is_allowed(&parsed, &hosts), allowed, "{url}");
        }
    }

    #[test]
    fn a_name_does_not_lead_to_this_machine_or_to_metadata() {
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "fd00:ec2::254",
        ] {
            assert!(!is_good(address.parse().expect("an address")), "{address}");
        }
        for address in ["10.0.0.1", "192.0.2.1", "2001:db8::1"] {
            assert!(is_good(address.parse().expect("an address")), "{address}");
        }
    }

    #[tokio::test]
    async fn localhost_by_name_is_refused() {
        let url = Url::parse("http://localhost:1/a.crl").expect("a URL");
        let error = fetch(&client().expect("a client"), &url).await;
        assert!(matches!(error, Err(CrlError::Unavailable(_))), "{error:?}");
    }
}
