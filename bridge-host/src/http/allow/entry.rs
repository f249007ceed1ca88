//! One entry of an allow list, as text and as a rule.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A place that may be reached, on one port or on all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub place: Place,
    port: Option<u16>,
}

/// Names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Name(String),
    /// With its leading dot.
    Suffix(String),
    Network(IpNet),
}

/// Why a text is no entry of an allow list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowError {
    /// A scheme, a path or a user name with it.
    #[error(
        "{0:?} is a URL: an allow list has hosts (`api.example.com`, `*.example.com`, `10.0.0.0/8`), with `:port` where only one is meant"
    )]
    Url(String),
    /// Not a number from 1 to 65535.
    #[error("{0:?} has no port after its colon: a number from 1 to 65535 is expected")]
    Port(String),
    /// What stands before the slash is no address, or what follows no length.
    #[error("{0:?} is no CIDR block: `10.0.0.0/8` or `fd00::/8` is what one looks like")]
    Cidr(String),
    /// Bits beyond the prefix.
    #[error("{0:?} has bits beyond its prefix: is it \"{1}\" that is meant?")]
    Bits(String, String),
    /// Empty, or with a character that no host has.
    #[error("{0:?} is no host: a name, `*.` and a name, an IP address or a CIDR block is expected")]
    Host(String),
}

impl Entry {
    /// The entry for an endpoint's own host and port.
    pub fn endpoint(host: &str, port: u16) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host);
        let place = match host.parse::<IpAddr>() {
            Ok(address) => Place::Network(address.to_canonical().into()),
            Err(_) => Place::Name(host.to_ascii_lowercase()),
        };
        Self {
            place,
            port: Some(port),
        }
    }

    /// Whether the entry holds on this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    /// Whether the entry is about this host, a name or an address.
    pub fn names(&self, host: &str) -> bool {
        match &self.place {
            Place::Name(name) => name.eq_ignore_ascii_case(host),
            Place::Suffix(suffix) => {
                let at = host.len().checked_sub(suffix.len());
                at.and_then(|at| host.get(at..)).is_some_and(|end| {
                    host.len() > suffix.len() && end.eq_ignore_ascii_case(suffix)
                })
            }
            Place::Network(network) => host
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(&address.to_canonical())),
        }
    }
}

impl FromStr for Entry {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, AllowError> {
        if text.contains("//") || text.contains('@') {
            return Err(AllowError::Url(text.into()));
        }
        let (place, port) = split_port(text)?;
        Ok(Self {
            place: parse_place(text, place)?,
            port,
        })
    }
}

/// Parts `host:port`, where the host may be an IPv6 address: with a port that
/// one stands in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), AllowError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => return Ok((host, None)),
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return Err(AllowError::Host(text.into())),
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
        None => Err(AllowError::Port(text.into())),
    }
}

fn parse_place(text: &str, place: &str) -> Result<Place, AllowError> {
    if let Some((address, length)) = place.split_once('/') {
        return parse_block(text, address, length);
    }
    if let Ok(address) = place.parse::<IpAddr>() {
        return Ok(Place::Network(address.to_canonical().into()));
    }
    let (name, wild) = match place.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (place, false),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    match (is_name(&name), wild) {
        (false, _) => Err(AllowError::Host(text.into())),
        (true, true) => Ok(Place::Suffix(format!(".{name}"))),
        (true, false) => Ok(Place::Name(name)),
    }
}

fn parse_block(text: &str, address: &str, length: &str) -> Result<Place, AllowError> {
    let Ok(first) = address.parse::<IpAddr>() else {
        // `api.example.com/path` is a URL, `10.0.0.x/8` a failed block.
        return match address.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => Err(AllowError::Url(text.into())),
            false => Err(AllowError::Cidr(text.into())),
        };
    };
    let length = length.parse().ok();
    match length.and_then(|length| IpNet::new(first, length).ok()) {
        None => Err(AllowError::Cidr(text.into())),
        Some(network) if network.network() != first => {
            let block = network.trunc().to_string();
            Err(AllowError::Bits(text.into(), block))
        }
        Some(network) => Ok(Place::Network(network)),
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
    fn entries() {
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
            assert!(text.parse::<Entry>().is_ok(), "{text}");
        }
    }

    #[test]
    fn faults() {
        use AllowError::{Bits, Cidr, Host, Port, Url};
        #[track_caller]
        fn check(text: &str, fault: impl Fn(String) -> AllowError) {
            assert_eq!(text.parse::<Entry>(), Err(fault(text.into())));
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
