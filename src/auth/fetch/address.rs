//! Which addresses we may connect to for somebody else's URL.
//!
//! A discovery document names the next URL, and DNS names any address. Without a rule, whoever runs
//! an issuer could make us ask the machine's metadata endpoint for the gateway's own identity.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::access::Network;

/// Whether a fetch may connect to an address: to a public one, or to one that the configuration
/// allows. Metadata and link-local addresses are never allowed.
pub(super) fn is_allowed(address: IpAddr, allowed: &[Network]) -> bool {
    let address = embedded(address);
    !is_forbidden(address)
        && (is_public(address) || allowed.iter().any(|network| network.contains(address)))
}

/// The IPv4 address inside an IPv6 one that leads to it: mapped (RFC 4291, section 2.5.5), NAT64
/// (RFC 6052), 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => v4(g, h).into(),
        // Compatible addresses are of the past, `::` and `::1` are not among them.
        (0, 0, 0, 0, 0, 0) if g != 0 => v4(g, h).into(),
        (0x2002, high, low, ..) => v4(high, low).into(),
        _ => address,
    }
}

/// Never, whatever the configuration says.
fn is_forbidden(address: IpAddr) -> bool {
    /// Azure's host agent and DNS, reachable from every virtual machine.
    const AZURE_WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    /// Alibaba Cloud's metadata endpoint.
    const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
    /// Amazon's metadata endpoint.
    const AMAZON_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets().starts_with(&[0])
                || v4 == AZURE_WIRE_SERVER
                || v4 == ALIBABA_METADATA
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.is_unspecified()
                || v6 == AMAZON_METADATA
        }
    }
}

/// Not in a range that IANA keeps for private or special use
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, and IPv6's).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_benchmark = a == 198 && (18..20).contains(&b);
            let is_protocol = a == 192 && b == 0 && c == 0;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_documentation()
                || is_shared
                || is_benchmark
                || is_protocol
                || a >= 240)
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            // 2000::/3 is all that is global; documentation and Teredo are in it.
            let is_global = first & 0xe000 == 0x2000;
            is_global
                && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
                && first != 0x3fff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn networks(list: &[&str]) -> Vec<Network> {
        list.iter()
            .map(|text| text.parse().expect("a range"))
            .collect()
    }

    #[test]
    fn public_addresses_are_allowed_and_private_ones_are_not() {
        for public in ["20.190.151.9", "1.1.1.1", "2603:1030::1", "2606:4700::1111"] {
            assert!(is_allowed(ip(public), &[]), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "240.0.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fc00::1",
            "fe80::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "::10.0.0.1",
        ] {
            assert!(!is_allowed(ip(private), &[]), "{private}");
        }
    }

    #[test]
    fn a_range_of_the_configuration_is_allowed_and_no_other() {
        let allowed = networks(&["10.1.0.0/16", "127.0.0.1", "fc00::/7"]);
        for good in ["10.1.2.3", "127.0.0.1", "fd12::1", "::ffff:10.1.2.3"] {
            assert!(is_allowed(ip(good), &allowed), "{good}");
        }
        for wrong in ["10.2.0.1", "127.0.0.2", "192.168.0.1", "::1"] {
            assert!(!is_allowed(ip(wrong), &allowed), "{wrong}");
        }
    }

    #[test]
    fn metadata_and_link_local_addresses_are_never_allowed() {
        let all = networks(&["0.0.0.0/0", "::/0"]);
        assert!(is_allowed(ip("10.0.0.1"), &all));
        for forbidden in [
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_allowed(ip(forbidden), &all), "{forbidden}");
        }
    }
}
