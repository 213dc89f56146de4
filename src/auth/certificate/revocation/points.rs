//! Where lists may be fetched from, and under which rules.
//!
//! Lists are signed, so plain HTTP is as good as HTTPS for them and is what distribution points use
//! (RFC 5280, section 8, asks for no HTTPS there: checking its certificate could need the list). They
//! may live in a private network; a name that leads to this machine is not followed.

use std::time::Duration;

use super::CrlError;
use crate::auth::fetch::{FetchError, FetchRules, Reach, Url};

/// Longest that one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest list, in bytes: about 400,000 entries.
pub(super) const MAX_LIST_BYTES: usize = 16 * 1024 * 1024;
/// Longest reason in the log, in characters.
const MAX_REASON_CHARS: usize = 200;

/// The rules that lists are fetched under.
pub(super) fn rules() -> FetchRules {
    FetchRules {
        allow_http: true,
        reach: Reach::Private,
        max_bytes: MAX_LIST_BYTES,
        timeout: FETCH_TIMEOUT,
    }
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

impl From<FetchError> for CrlError {
    /// Without the address, which the log has in a field next to it.
    fn from(error: FetchError) -> Self {
        let reason = match error {
            FetchError::Scheme(_) => "only http and https, without a user name".to_owned(),
            FetchError::Address(..) => "it has no address that may be connected to".to_owned(),
            FetchError::Transport(_, reason) => reason.chars().take(MAX_REASON_CHARS).collect(),
            FetchError::Status(_, status) => format!("the answer is {status}"),
            FetchError::TooLarge(_, most) => format!("it is larger than {most} bytes"),
        };
        Self::Unavailable(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::fetch::Fetcher;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn only_hosts_of_the_operator_are_fetched_from() {
        let hosts = ["crl.example.com".to_owned(), "127.0.0.1:8080".to_owned()];
        for (address, allowed) in [
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
            assert_eq!(is_allowed(&url(address), &hosts), allowed, "{address}");
        }
    }

    #[test]
    fn an_address_that_is_written_out_may_be_private_and_no_metadata_endpoint() {
        let fetcher = Fetcher::new(rules(), None).expect("a client");
        for good in ["http://127.0.0.1:8080/a.crl", "http://10.0.0.1/a.crl"] {
            assert!(fetcher.check(&url(good)).is_ok(), "{good}");
        }
        for wrong in [
            "http://169.254.169.254/a.crl",
            "http://[fd00:ec2::254]/a.crl",
            "http://168.63.129.16/a.crl",
        ] {
            assert!(fetcher.check(&url(wrong)).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn localhost_by_name_is_refused() {
        let fetcher = Fetcher::new(rules(), None).expect("a client");
        let error = fetcher.get(&url("http://localhost:1/a.crl")).await;
        assert!(matches!(error, Err(FetchError::Address(..))), "{error:?}");
    }
}
