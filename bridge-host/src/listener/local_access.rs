//! Access without a token: programs on this machine, but not web pages, which a browser lets send
//! requests to any address.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};

use super::access_denied::AccessDenied;

/// Rejects requests that a browser sends for a web page. Such a request has an `Origin` header, or
/// its `Host` is the name that the page was loaded from, if that name was made to resolve to this
/// machine (DNS rebinding).
pub(super) fn check(listener: IpAddr, uri: &Uri, headers: &HeaderMap) -> Result<(), AccessDenied> {
    if headers.contains_key(ORIGIN) {
        return Err(forbidden(
            "this request has an `Origin` header, as those of web pages have: without a `token`, this bridge answers programs only",
        ));
    }
    let host = headers.get(HOST).map(|host| {
        let host = Authority::try_from(host.as_bytes()).ok();
        host.is_some_and(|host| is_this_machine(listener, host.host()))
    });
    let url = uri
        .authority()
        .map(|url| is_this_machine(listener, url.host()));
    match host
        .into_iter()
        .chain(url)
        .all(|is_this_machine| is_this_machine)
    {
        true => Ok(()),
        false => Err(forbidden(
            "this request's `Host` is not this machine: without a `token`, address this bridge as 127.0.0.1 or localhost",
        )),
    }
}

fn forbidden(reason: &'static str) -> AccessDenied {
    AccessDenied {
        status: StatusCode::FORBIDDEN,
        reason,
    }
}

/// Returns whether this host always means this machine, independent of DNS.
fn is_this_machine(listener: IpAddr, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback() || address == listener;
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_host(uri: &str, host: &str, is_taken: bool) {
        let listener = [10, 0, 0, 1].into();
        let headers = HeaderMap::from_iter([(HOST, host.parse().unwrap())]);
        let found = check(listener, &uri.parse().unwrap(), &headers);
        assert_eq!(found.is_ok(), is_taken, "{uri} {host}");
    }

    #[test]
    fn only_hosts_of_this_machine_have_access() {
        for host in [
            "127.0.0.1:8484",
            "127.1.2.3",
            "[::1]:8484",
            "localhost",
            "LocalHost.:1",
            "a.localhost:8484",
            "10.0.0.1:8484",
        ] {
            check_host("/batch", host, true);
        }
        for host in [
            "",
            "shop.example:8484",
            "localhost.example",
            "notlocalhost",
            "127.0.0.1.example",
            "10.0.0.2",
            "[::2]",
            "a b",
        ] {
            check_host("/batch", host, false);
        }
        check_host("http://shop.example/batch", "localhost", false);
        check_host("http://localhost/batch", "localhost", true);
    }

    #[test]
    fn web_pages_are_rejected_and_clients_without_headers_accepted() {
        let check = |headers: &HeaderMap| check([127, 0, 0, 1].into(), &Uri::default(), headers);
        assert_eq!(check(&HeaderMap::new()), Ok(()));
        let page = HeaderMap::from_iter([(ORIGIN, "null".parse().unwrap())]);
        assert_eq!(check(&page).unwrap_err().status, 403);
    }
}
