//! The URL of an endpoint, in the parts that a request needs. Parsing is strict:
//! every HTTP client accepts the URLs that it accepts.

use std::fmt;

/// The scheme of the URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP without TLS.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

/// An http or https URL. Its display omits path and query, which may contain
/// secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The scheme: `http` or `https`.
    pub scheme: Scheme,
    /// The host, and the port if the URL has one.
    pub authority: String,
    /// The path and the query, beginning with a slash.
    pub path_with_query: String,
}

/// Why a string is not an [`Endpoint`]. The message shows only the wrong part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The string begins with neither `http://` nor `https://`.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// The URL has credentials before the host.
    #[error("has a user or password in it: send them as to.headers.authorization")]
    UserInfo,
    /// The host is missing or has invalid characters.
    #[error(
        "has the host {0:?}, but a host is made of letters, digits, `-`, `_` and `.`, or is an IPv6 \
         address in brackets; names in other scripts are written in their xn-- form"
    )]
    Host(String),
    /// The port is not valid.
    #[error("has the port {0:?}, but a port is a number from 1 to 65535")]
    Port(String),
    /// The path or the query has a character that must be escaped.
    #[error("has the character {0:?} in its path or query: write it percent-encoded")]
    Character(char),
    /// The URL has a fragment.
    #[error("has a fragment (`#`), which is never sent: remove it")]
    Fragment,
}

impl Endpoint {
    /// Parses a URL.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = url.split_once(':').ok_or(EndpointError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(EndpointError::Scheme)?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return Err(EndpointError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        check_authority(authority)?;
        match path.chars().find(|c| !may_stand_in_path(*c)) {
            Some('#') => return Err(EndpointError::Fragment),
            Some(other) => return Err(EndpointError::Character(other)),
            None => {}
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            scheme,
            authority: authority.into(),
            path_with_query: [slash, path].concat(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scheme {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        })?;
        f.write_str(&self.authority)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn check_authority(authority: &str) -> Result<(), EndpointError> {
    if authority.contains('@') {
        return Err(EndpointError::UserInfo);
    }
    // The colons of an IPv6 address are before its bracket.
    let name_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[name_end..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(name_end + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    let legal = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        }
    };
    if !legal {
        return Err(EndpointError::Host(host.into()));
    }
    match port {
        Some(port) if !is_port(port) => Err(EndpointError::Port(port.into())),
        _ => Ok(()),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn may_stand_in_path(c: char) -> bool {
    c.is_ascii_graphic() && !r##"#"<>\^`{|}"##.contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, scheme: Scheme, authority: &str, path: &str) {
        let endpoint = Endpoint::parse(url).unwrap();
        assert_eq!(
            (
                endpoint.scheme,
                &*endpoint.authority,
                &*endpoint.path_with_query
            ),
            (scheme, authority, path)
        );
    }

    #[test]
    fn parts() {
        check("http://h", Scheme::Http, "h", "/");
        check("HTTPS://h:8443/a?b=c", Scheme::Https, "h:8443", "/a?b=c");
        check("http://[::1]:80?x", Scheme::Http, "[::1]:80", "/?x");
        check("http://a_b.c-d/%20", Scheme::Http, "a_b.c-d", "/%20");
    }

    #[test]
    fn faults() {
        use EndpointError::*;
        let host = |text: &str| Host(text.into());
        let port = |text: &str| Port(text.into());
        for (url, fault) in [
            ("", Scheme),
            ("shop.example/hooks", Scheme),
            ("ftp://h/", Scheme),
            ("http://", host("")),
            ("http://:80/", host("")),
            ("http://ü.example", host("ü.example")),
            ("http://[::g]/", host("[::g]")),
            ("http://u:p@h/", UserInfo),
            ("http://h:0/", port("0")),
            ("http://h:/", port("")),
            ("http://h:+80/", port("+80")),
            ("http://h:65536/", port("65536")),
            ("http://h/a b", Character(' ')),
            ("http://h/a\r\n", Character('\r')),
            ("http://h/#top", Fragment),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap_err(), fault, "{url}");
        }
    }

    #[test]
    fn path_and_query_are_never_shown() {
        let endpoint = Endpoint::parse("https://h/hooks/s3cret?key=s3cret").unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "https://h https://h");
    }
}
