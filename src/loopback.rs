//! Hosts that are this machine.

use std::net::IpAddr;

/// Whether a host, as URLs write it, is this machine: what is sent there nobody on a way can read.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_this_machine_by_its_name_or_address() {
        for (host, is_one) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("::1", true),
            ("localhost.example.net", false),
            ("10.0.0.1", false),
            ("[::ffff:127.0.0.1]", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), is_one, "{host}");
        }
    }
}
