//! Which hosts and addresses a component may reach: its endpoint, and what the operator lists. A
//! host is checked before it is resolved, an address before it is connected to.

mod address;
mod entry;

pub use entry::AllowEntryError;

use std::net::IpAddr;

use http::Uri;

use address::AddressKind;
use entry::{AllowEntry, HostPattern};

use super::HttpError;
use super::target::host_of;

/// An allow list. An empty one allows nothing.
///
/// An entry is a host name, `*.suffix`, an IP address or a CIDR block. With `:port`, it allows that
/// port only.
///
/// ```
/// use bridge_host::http::AllowList;
///
/// let entries = ["api.example.com:443", "10.0.0.0/8"].map(str::to_owned);
/// assert!(AllowList::parse(&entries).is_ok());
/// assert!(AllowList::parse(&["https://api.example.com/".to_owned()]).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    endpoints: Vec<AllowEntry>,
    listed: Vec<AllowEntry>,
}

impl AllowList {
    /// Parses the entries, and returns the errors of all invalid ones.
    pub fn parse(entries: &[String]) -> Result<Self, Vec<AllowEntryError>> {
        let mut faults = Vec::new();
        let listed = entries
            .iter()
            .filter_map(|text| text.parse().map_err(|fault| faults.push(fault)).ok())
            .collect();
        match faults.is_empty() {
            true => Ok(Self {
                endpoints: Vec::new(),
                listed,
            }),
            false => Err(faults),
        }
    }

    /// Adds an endpoint. Its host may resolve to a private address, since the operator wrote the
    /// URL, but only on the port of the URL.
    pub fn with_endpoint(mut self, url: &Uri) -> Self {
        if let Some(authority) = url.authority() {
            let usual = if url.scheme_str() == Some("https") {
                443
            } else {
                80
            };
            let port = authority.port_u16().unwrap_or(usual);
            self.endpoints
                .push(AllowEntry::endpoint(host_of(authority), port));
        }
        self
    }

    /// Checks the host of a request before it is resolved.
    pub(super) fn check_host(&self, host: &str, port: u16) -> Result<(), HttpError> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut entries = self.endpoints.iter().chain(&self.listed);
        match entries.any(|entry| entry.has_port(port) && entry.names(host)) {
            true => Ok(()),
            false => Err(HttpError::HostNotAllowed {
                host: host.into(),
                port,
            }),
        }
    }

    /// Checks an address of a host that passed [`Self::check_host`].
    pub(super) fn check_address(
        &self,
        host: &str,
        port: u16,
        address: IpAddr,
    ) -> Result<(), HttpError> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = address.to_canonical();
        let permitted = match AddressKind::of(address) {
            AddressKind::Public => true,
            AddressKind::Private => {
                self.is_endpoint(host, port) || self.lists_private_address(host, port, address)
            }
            // A name that resolves to a metadata address is more often an attack than intended,
            // even the endpoint's. So the address itself has to be listed.
            AddressKind::Metadata => self.lists_metadata_address(port, address),
        };
        match permitted {
            true => Ok(()),
            false => Err(HttpError::AddressNotAllowed {
                host: host.into(),
                address,
            }),
        }
    }

    /// Returns whether `host` and `port` are an endpoint's.
    fn is_endpoint(&self, host: &str, port: u16) -> bool {
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|endpoint| endpoint.has_port(port) && endpoint.names(host))
    }

    /// Returns whether the list allows this private address.
    fn lists_private_address(&self, host: &str, port: u16, address: IpAddr) -> bool {
        let mut listed = self.listed.iter().filter(|entry| entry.has_port(port));
        listed.any(|entry| match &entry.pattern {
            HostPattern::Network(network) => network.contains(&address),
            HostPattern::Name(name) => {
                name == "localhost" && entry.names(host) && address.is_loopback()
            }
            HostPattern::Suffix(_) => false,
        })
    }

    /// Returns whether an entry names this metadata address, or a network within the metadata
    /// ranges that contains it. A wide block, such as `0.0.0.0/0`, does not count.
    fn lists_metadata_address(&self, port: u16, address: IpAddr) -> bool {
        let mut entries = self.endpoints.iter().chain(&self.listed);
        entries.any(|entry| match &entry.pattern {
            HostPattern::Network(network) => {
                entry.has_port(port)
                    && network.contains(&address)
                    && AddressKind::of(network.network()) == AddressKind::Metadata
            }
            HostPattern::Name(_) | HostPattern::Suffix(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(endpoint: &str, entries: &[&str]) -> AllowList {
        let entries: Vec<_> = entries.iter().map(|entry| entry.to_string()).collect();
        AllowList::parse(&entries)
            .unwrap()
            .with_endpoint(&endpoint.parse().unwrap())
    }

    fn reaches(allow: &AllowList, host: &str, port: u16, address: &str) -> bool {
        allow.check_host(host, port).is_ok()
            && allow
                .check_address(host, port, address.parse().unwrap())
                .is_ok()
    }

    #[test]
    fn the_endpoint_may_be_private_but_only_on_its_port() {
        let allow = allow("http://shop.internal:9000/hooks", &[]);
        assert!(reaches(&allow, "Shop.internal", 9000, "10.0.0.1"));
        assert!(reaches(&allow, "shop.internal.", 9000, "::ffff:127.0.0.1"));
        assert!(!reaches(&allow, "shop.internal", 9001, "10.0.0.1"));
        assert!(!reaches(&allow, "other.internal", 9000, "1.1.1.1"));
        assert!(!reaches(&allow, "shop.internal", 9000, "169.254.169.254"));
    }

    #[test]
    fn a_listed_name_must_be_public() {
        let allow = allow("https://a.example", &["*.b.example", "c.example:8443"]);
        assert!(reaches(&allow, "x.b.example", 443, "1.1.1.1"));
        assert!(reaches(&allow, "x.y.B.example", 80, "2606:4700::1111"));
        assert!(!reaches(&allow, "b.example", 443, "1.1.1.1"));
        assert!(!reaches(&allow, "xb.example", 443, "1.1.1.1"));
        assert!(!reaches(&allow, "x.b.example", 443, "127.0.0.1"));
        assert!(!reaches(&allow, "x.b.example", 443, "::ffff:10.0.0.1"));
        assert!(reaches(&allow, "c.example", 8443, "1.1.1.1"));
        assert!(!reaches(&allow, "c.example", 443, "1.1.1.1"));
    }

    #[test]
    fn a_network_allows_its_addresses() {
        let allow = allow("https://a.example", &["db.example", "10.0.0.0/8:5432"]);
        assert!(reaches(&allow, "10.1.2.3", 5432, "10.1.2.3"));
        assert!(reaches(&allow, "db.example", 5432, "10.1.2.3"));
        assert!(!reaches(&allow, "db.example", 80, "10.1.2.3"));
        assert!(!reaches(&allow, "db.example", 5432, "192.168.0.1"));
    }

    #[test]
    fn localhost_is_loopback_only() {
        let allow = allow("https://a.example", &["localhost:9000"]);
        assert!(reaches(&allow, "localhost", 9000, "127.0.0.1"));
        assert!(reaches(&allow, "localhost", 9000, "::1"));
        assert!(!reaches(&allow, "localhost", 9000, "10.0.0.1"));
        assert!(!reaches(&allow, "127.0.0.1", 9000, "127.0.0.1"));
    }

    #[test]
    fn a_metadata_address_must_be_listed_itself() {
        let wide = allow("https://a.example", &["0.0.0.0/0", "::/0"]);
        assert!(reaches(&wide, "10.0.0.1", 80, "10.0.0.1"));
        for address in ["169.254.169.254", "fe80::1", "fd00:ec2::254"] {
            assert!(!reaches(&wide, address, 80, address), "{address}");
        }
        let listed = allow("http://[fe80::1]/", &["169.254.0.0/16"]);
        assert!(reaches(&listed, "169.254.169.254", 80, "169.254.169.254"));
        assert!(reaches(&listed, "fe80::1", 80, "fe80::1"));
        assert!(!reaches(&listed, "fe80::2", 80, "fe80::2"));
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        let refused = AllowList::default().check_host("a.example", 443);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "a.example:443 is neither the endpoint nor on the allow list: add \"a.example\" to `allow` if the component may reach it"
        );
    }
}
