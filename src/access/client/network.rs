//! Ranges of addresses: where callers may come from, and where documents may be fetched from.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// The bits of a mapped address that say so: `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// A range of addresses, as in `10.0.0.0/8`. An IPv4 address that is mapped into IPv6 is the IPv4
/// address; `::/0` is all of IPv6 and no IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is not an address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write an address or a range of addresses, such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let network = match prefix {
            None => IpNet::from(address),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let prefix = digits.parse().map_err(|_| NetworkError)?;
                IpNet::new(address, prefix).map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
        };
        match (address.to_canonical(), address) {
            (IpAddr::V4(mapped), IpAddr::V6(_)) => {
                let prefix = network.prefix_len().checked_sub(MAPPED_PREFIX);
                IpNet::new(mapped.into(), prefix.ok_or(NetworkError)?)
                    .map(Self)
                    .map_err(|_| NetworkError)
            }
            _ => Ok(Self(network)),
        }
    }
}

impl Network {
    /// Whether the address is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The range, as its first address and its size; `None` where it was written so.
    pub fn of_its_first_address(&self) -> Option<String> {
        let range = self.0.trunc();
        (range != self.0).then(|| range.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().expect("a range");
        network.contains(address.parse().expect("an address"))
    }

    #[test]
    fn an_address_is_in_a_range_or_it_is_not() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.0/23", "10.1.3.255", "10.1.4.0"),
            ("10.1.2.77/24", "10.1.2.3", "10.1.3.77"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("2001:db8::7/32", "2001:db8::1", "2001:db7::7"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("::/0", "fe80::1", "10.0.0.1"),
        ] {
            assert!(contains(network, inside), "{inside} is in {network}");
            assert!(!contains(network, outside), "{outside} is not in {network}");
        }
    }

    #[test]
    fn a_range_that_does_not_begin_with_its_first_address_is_told() {
        for (network, expected) in [
            ("10.0.0.1/8", Some("10.0.0.0/8")),
            ("2001:db8::7/32", Some("2001:db8::/32")),
            ("10.0.0.0/8", None),
            ("10.0.0.1", None),
        ] {
            let network: Network = network.parse().expect("a range");
            assert_eq!(network.of_its_first_address().as_deref(), expected);
        }
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_the_ipv4_address() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(!contains("10.0.0.0/8", "::ffff:11.1.2.3"));
        assert!(
            !contains("::/0", "::ffff:10.1.2.3"),
            "it is not an IPv6 address"
        );
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(contains("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"));
    }

    #[test]
    fn ranges_are_read_and_nothing_else() {
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/264",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "010.0.0.0/8",
            "::/129",
            "::ffff:10.0.0.0/8",
            "10.0.0.0/-1",
            "fe80::1%eth0",
            "localhost",
            "*",
            "/8",
        ] {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError), "{wrong}");
        }
    }
}
