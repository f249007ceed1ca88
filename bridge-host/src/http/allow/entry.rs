//! One entry of an allow list: parsing it, and matching a host against it.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// What an entry allows, on one port or on all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AllowEntry {
    pub pattern: HostPattern,
    port: Option<u16>,
}

/// The hosts that an entry matches. Names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    Name(String),
    /// A suffix with its leading dot.
    Suffix(String),
    Network(IpNet),
}

/// Why a string is not a valid entry of an allow list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowEntryError {
    /// It has a scheme, a path or a user name.
    #[error(
        "{0:?} is a URL: use a host (`api.example.com`, `*.example.com`, `10.0.0.0/8`), with `:port` to allow one port only"
    )]
    Url(String),
    /// The port is not a number from 1 to 65535.
    #[error("{0:?} has no valid port after its colon: use a number from 1 to 65535")]
    Port(String),
    /// The part before the slash is not an address, or the part after it not a prefix length.
    #[error("{0:?} is not a CIDR block: use one such as `10.0.0.0/8` or `fd00::/8`")]
    Cidr(String),
    /// The address has bits set beyond the prefix.
    #[error("{0:?} has bits set beyond its prefix: use \"{1}\" if you mean that block")]
    Bits(String, String),
    /// It is empty, or has a character that a host cannot have.
    #[error("{0:?} is not a host: use a name, `*.` and a name, an IP address or a CIDR block")]
    Host(String),
}

impl AllowEntry {
    /// Returns the entry for an endpoint's host and port.
    pub fn endpoint(host: &str, port: u16) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host);
        let pattern = match host.parse::<IpAddr>() {
            Ok(address) => HostPattern::Network(address.to_canonical().into()),
            Err(_) => HostPattern::Name(host.to_ascii_lowercase()),
        };
        Self {
            pattern,
            port: Some(port),
        }
    }

    /// Returns whether the entry applies to this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    /// Returns whether the entry matches this host, a name or an address.
    pub fn names(&self, host: &str) -> bool {
        match &self.pattern {
            HostPattern::Name(name) => name.eq_ignore_ascii_case(host),
            HostPattern::Suffix(suffix) => {
                let at = host.len().checked_sub(suffix.len());
                at.and_then(|at| host.get(at..)).is_some_and(|end| {
                    host.len() > suffix.len() && end.eq_ignore_ascii_case(suffix)
                })
            }
            HostPattern::Network(network) => host
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(&address.to_canonical())),
        }
    }
}

impl FromStr for AllowEntry {
    type Err = AllowEntryError;

    fn from_str(text: &str) -> Result<Self, AllowEntryError> {
        if text.contains("//") || text.contains('@') {
            return Err(AllowEntryError::Url(text.into()));
        }
        let (place, port) = split_port(text)?;
        Ok(Self {
            pattern: parse_pattern(text, place)?,
            port,
        })
    }
}

/// Splits `host:port`. An IPv6 address with a port has to be in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), AllowEntryError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => return Ok((host, None)),
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return Err(AllowEntryError::Host(text.into())),
        },
        None if text.matches(':').count() != 1 => return Ok((text, None)),
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port
        .and_then(|port| port.parse().ok())
        .filter(|port| *port > 0);
    match port {
        Some(port) => Ok((host, Some(port))),
        None => Err(AllowEntryError::Port(text.into())),
    }
}

fn parse_pattern(text: &str, place: &str) -> Result<HostPattern, AllowEntryError> {
    if let Some((address, length)) = place.split_once('/') {
        return parse_block(text, address, length);
    }
    if let Ok(address) = place.parse::<IpAddr>() {
        return Ok(HostPattern::Network(address.to_canonical().into()));
    }
    let (name, wild) = match place.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (place, false),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    match (is_name(&name), wild) {
        (false, _) => Err(AllowEntryError::Host(text.into())),
        (true, true) => Ok(HostPattern::Suffix(format!(".{name}"))),
        (true, false) => Ok(HostPattern::Name(name)),
    }
}

fn parse_block(text: &str, address: &str, length: &str) -> Result<HostPattern, AllowEntryError> {
    let Ok(first) = address.parse::<IpAddr>() else {
        // `api.example.com/path` is a URL, `10.0.0.x/8` an invalid block.
        return match address.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => Err(AllowEntryError::Url(text.into())),
            false => Err(AllowEntryError::Cidr(text.into())),
        };
    };
    let length = length.parse().ok();
    match length.and_then(|length| IpNet::new(first, length).ok()) {
        None => Err(AllowEntryError::Cidr(text.into())),
        Some(network) if network.network() != first => {
            let block = network.trunc().to_string();
            Err(AllowEntryError::Bits(text.into(), block))
        }
        Some(network) => Ok(HostPattern::Network(network)),
    }
}

fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= 253
        && name
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(legal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_entries_are_parsed() {
        for text in [
            "a.example",
            "*.a.example:8080",
            "localhost",
            "10.0.0.1",
            "10.0.0.0/8:443",
            "::1",
            "fd00::/8",
            "[::1]:80",
            "[fd00::/8]:443",
            "[::1]",
            "my_host",
        ] {
            assert!(text.parse::<AllowEntry>().is_ok(), "{text}");
        }
    }

    #[test]
    fn invalid_entries_are_rejected() {
        use AllowEntryError::{Bits, Cidr, Host, Port, Url};
        #[track_caller]
        fn check(text: &str, fault: impl Fn(String) -> AllowEntryError) {
            assert_eq!(text.parse::<AllowEntry>(), Err(fault(text.into())));
        }
        check("https://a.example", Url);
        check("a.example/path", Url);
        check("a.example:", Port);
        check("a.example:0", Port);
        check("a.example:99999", Port);
        check("[::1]80", Port);
        check("10.0.0.0/33", Cidr);
        check("10.0.0.x/8", Cidr);
        check("10.0.0.1/8", |text| Bits(text, "10.0.0.0/8".into()));
        check("", Host);
        check("*", Host);
        check("a.*.example", Host);
        check("a b", Host);
        check("[::1", Host);
    }
}
