//! The target of a request: scheme, host and port of its URL. Also rewrites the URL as HTTP/1.1 and
//! HTTP/2 need it.

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Uri, Version};

use super::HttpError;

/// The scheme and authority of a URL. The pool keeps the connections of each target apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub tls: bool,
    authority: Authority,
}

impl Target {
    /// Reads the target from the request's URL. Fails for a request that cannot be sent.
    pub fn of<B>(request: &Request<B>) -> Result<Self, HttpError> {
        let refuse = |reason: &str| Err(HttpError::Request(reason.into()));
        let uri = request.uri();
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return refuse("its URL begins with neither http:// nor https://"),
        };
        match uri.authority() {
            _ if request.method() == Method::CONNECT => {
                refuse("the method CONNECT is not supported")
            }
            Some(authority) if authority.as_str().contains('@') => {
                refuse("its URL has a user name: send an `authorization` header instead")
            }
            Some(authority) => Ok(Self {
                tls,
                authority: authority.clone(),
            }),
            None => refuse("its URL has no host"),
        }
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The port of the URL, or the default port of its scheme.
    pub fn port(&self) -> u16 {
        let usual = if self.tls { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(usual)
    }

    /// Returns the value of the header `Host`.
    pub fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority.as_str())
            .expect("an authority is made of visible ASCII, as a header's value is")
    }

    /// Rewrites a request for HTTP/1.1: the URL becomes a path, and `Host` is added if it is
    /// missing.
    pub fn to_http1<B>(&self, request: &mut Request<B>, host: &HeaderValue) {
        if let Some(path) = request.uri().path_and_query() {
            *request.uri_mut() = origin_form(path);
        }
        *request.version_mut() = Version::HTTP_11;
        request
            .headers_mut()
            .entry(HOST)
            .or_insert_with(|| host.clone());
    }

    /// Rewrites a request for HTTP/2: the URL gets a scheme and an authority, which `Host`
    /// overrides.
    pub fn to_http2<B>(&self, request: &mut Request<B>) {
        let host = request.headers_mut().remove(HOST);
        let authority = host
            .and_then(|host| Authority::try_from(host.as_bytes()).ok())
            .unwrap_or_else(|| self.authority.clone());
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(if self.tls {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(authority);
        *request.uri_mut() =
            Uri::from_parts(parts).expect("a scheme, an authority and a path are a URL");
        *request.version_mut() = Version::HTTP_2;
    }
}

/// Returns a path as it is written in a request line. An empty path becomes `/`: `Uri` parses it
/// so, but a component can set an empty path.
fn origin_form(path: &PathAndQuery) -> Uri {
    match path.as_str() == "/" {
        true => Uri::from(PathAndQuery::from_static("/")),
        false => Uri::from(path.clone()),
    }
}

/// Returns the host of an authority: an IPv6 address without its brackets.
pub(super) fn host_of(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request<()> {
        Request::get(url).body(()).unwrap()
    }

    #[test]
    fn a_request_in_both_versions_of_http() {
        let mut request = request("https://Example.com:8443/a?b=c");
        let target = Target::of(&request).unwrap();
        assert_eq!((target.host(), target.port()), ("Example.com", 8443));
        target.to_http1(&mut request, &target.host_header());
        assert_eq!(request.uri(), "/a?b=c");
        assert_eq!(request.headers()[HOST], "Example.com:8443");
        target.to_http2(&mut request);
        assert_eq!(request.uri(), "https://example.com:8443/a?b=c");
        assert!(!request.headers().contains_key(HOST));
    }

    #[test]
    fn an_empty_path_and_an_ipv6_host() {
        let mut request = request("http://[::1]");
        let target = Target::of(&request).unwrap();
        assert_eq!((target.host(), target.port()), ("::1", 80));
        target.to_http1(&mut request, &target.host_header());
        assert_eq!(request.uri(), "/");
    }

    #[test]
    fn requests_that_cannot_be_sent_are_rejected() {
        for url in ["/path", "ftp://host/", "http://user:word@host/"] {
            let error = Target::of(&request(url)).unwrap_err();
            assert!(matches!(&error, HttpError::Request(_)), "{url}: {error}");
            assert!(!error.to_string().contains("word@"), "{error}");
        }
    }
}
