//! Classifies IP addresses: public, private, or a cloud's metadata service. The entries of a config
//! are parsed in `entry`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressKind {
    /// An address on the internet.
    Public,
    /// An address of this machine or a private network, or a reserved one.
    Private,
    /// An address of a cloud's metadata service, which hands out credentials, or a link-local one.
    Metadata,
}

impl AddressKind {
    /// Classifies an address in its canonical form.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // The metadata services of Alibaba, Oracle and Azure. Other clouds use link-local.
            [169, 254, ..] | [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => {
                Self::Metadata
            }
            // This network, private, shared, loopback.
            [0 | 10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
                Self::Private
            }
            // Protocol assignments, documentation, benchmarks.
            [192, 0, 0 | 2, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
                Self::Private
            }
            // Multicast, reserved, broadcast.
            [224..=255, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let embedded = |high: u16, low: u16| {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0xfe80..=0xfebf, ..] => Self::Metadata,
            // Amazon (instances, and pods of EKS), and Google.
            [0xfd00, 0xec2, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Self::Metadata,
            // Oracle, Scaleway, Akamai and Alibaba.
            [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
            | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]
            | [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1]
            | [0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200] => Self::Metadata,
            // NAT64 and 6to4 contain an IPv4 address.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
            // Teredo and other assignments, documentation.
            [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => {
                Self::Private
            }
            // The range that is assigned for the internet, 2000::/3.
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Private,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: AddressKind, addresses: &[&str]) {
        for text in addresses {
            let address = text.parse::<IpAddr>().unwrap().to_canonical();
            assert_eq!(AddressKind::of(address), kind, "{text}");
        }
    }

    #[test]
    fn kinds_of_addresses() {
        check(
            AddressKind::Public,
            &[
                "1.1.1.1",
                "172.32.0.1",
                "100.128.0.1",
                "2606:4700::1",
                "::ffff:8.8.8.8",
            ],
        );
        check(
            AddressKind::Public,
            &[
                "64:ff9b::808:808",
                "2002:808:808::1",
                "2001:4860:4860::8888",
            ],
        );
        check(
            AddressKind::Private,
            &[
                "0.0.0.0",
                "10.0.0.1",
                "127.0.0.1",
                "172.16.0.1",
                "192.168.1.1",
                "100.64.0.1",
            ],
        );
        check(
            AddressKind::Private,
            &[
                "224.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "fc00::1",
                "ff02::1",
                "::127.0.0.1",
            ],
        );
        check(
            AddressKind::Private,
            &[
                "::ffff:127.0.0.1",
                "64:ff9b::7f00:1",
                "2002:a00:1::",
                "2001::1",
                "2001:db8::1",
            ],
        );
        check(
            AddressKind::Metadata,
            &[
                "169.254.169.254",
                "168.63.129.16",
                "192.0.0.192",
                "fe80::1",
                "fd00:ec2::254",
                "fd00:ec2::23",
                "fd20:ce::254",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
                "fd00:a9fe:a9fe::1",
                "fd00:100::100:200",
                "::ffff:169.254.0.1",
                "64:ff9b::a9fe:a9fe",
            ],
        );
    }
}
