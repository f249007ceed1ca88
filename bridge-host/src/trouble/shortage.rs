//! The resources that a machine or a process can run out of, found in an error's causes.
//! What a shortage means for a message is decided by `delivery`.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;

use super::descriptors;

/// A resource that has run out on this machine. Neither the component nor the
/// endpoint has failed, and the attempt that needed the resource does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// All descriptors for connections to endpoints are in use.
    #[error(
        "all {} connections to endpoints that the limit of {} file descriptors allows are in use: raise it (`ulimit -n`, LimitNOFILE= in systemd), or lower `max_in_flight` of subscriptions whose endpoints are slow",
        descriptors::for_requests(descriptors::limit()),
        descriptors::limit()
    )]
    Connections,
    /// One endpoint uses its share of the connections to endpoints. Other endpoints can
    /// still open connections, so the bridge stays ready.
    #[error(
        "one endpoint has as many connections as it gets of the {} that the limit of {} file descriptors allows, and its further messages wait: raise the limit (`ulimit -n`, LimitNOFILE= in systemd), or lower `max_in_flight` of subscriptions whose endpoints are slow",
        descriptors::for_requests(descriptors::limit()),
        descriptors::limit()
    )]
    EndpointShare,
    /// `EMFILE`
    #[error(
        "no file descriptors are left: the limit is {}; raise it (`ulimit -n`, LimitNOFILE= in systemd)",
        descriptors::limit()
    )]
    Descriptors,
    /// `ENFILE`
    #[error("the system has no file descriptors left: raise fs.file-max")]
    SystemDescriptors,
    /// `ENOMEM`, `ENOBUFS`
    #[error("the system has no more memory")]
    Memory,
    /// `EADDRNOTAVAIL` of a connection to an address that can be reached.
    #[error("no local port is left for another connection: widen net.ipv4.ip_local_port_range")]
    Ports,
}

impl Shortage {
    /// Returns the resource that an error, or one of its causes, says is missing.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        causes(error).find_map(|cause| {
            let io = cause.downcast_ref::<io::Error>();
            let code = io.and_then(io::Error::raw_os_error);
            let code = code.map(Errno::from_raw_os_error);
            Self::of_code(code.or(cause.downcast_ref::<Errno>().copied())?)
        })
    }

    /// As [`Self::of`], for a connection to this address.
    pub fn of_connecting(error: &io::Error, address: SocketAddr) -> Option<Self> {
        let code = error.raw_os_error().map(Errno::from_raw_os_error);
        match code == Some(Errno::ADDRNOTAVAIL) {
            // A machine without IPv6 has no local address either.
            true => has_local_address(address).then_some(Self::Ports),
            false => Self::of(error),
        }
    }

    /// Checks whether a resource is missing now: for errors that do not say so,
    /// such as the errors of the system's resolver.
    pub fn now() -> Option<Self> {
        let tried = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
        tried.err().and_then(|error| Self::of(&error))
    }

    /// Checks whether the resource is still missing, if that can be known without sending
    /// a request.
    pub(super) fn lasts(self) -> bool {
        let is_known = matches!(self, Self::Descriptors | Self::SystemDescriptors);
        is_known && Self::now() == Some(self)
    }

    /// Returns whether the bridge is not ready while the shortage lasts. The shortage of
    /// one endpoint does not concern others.
    pub(super) fn ends_readiness(self) -> bool {
        self != Self::EndpointShare
    }

    /// Returns the name of the trouble in `Troubles`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::EndpointShare => "endpoint-share",
            Self::Descriptors | Self::SystemDescriptors => "descriptors",
            Self::Memory => "memory",
            Self::Ports => "ports",
        }
    }

    fn of_code(code: Errno) -> Option<Self> {
        match code {
            Errno::MFILE => Some(Self::Descriptors),
            Errno::NFILE => Some(Self::SystemDescriptors),
            Errno::NOMEM | Errno::NOBUFS => Some(Self::Memory),
            _ => None,
        }
    }
}

/// Returns whether this machine has a local address for connections to `address`. Sends
/// nothing.
fn has_local_address(address: SocketAddr) -> bool {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let connected = UdpSocket::bind(any).and_then(|socket| socket.connect(address));
    connected.is_ok()
}

/// Returns an error and its causes. Unlike [`Error::source`], it does not skip the error
/// inside an I/O error.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_shortage_is_found_at_any_depth() {
        for (code, expected) in [
            (Errno::MFILE, Some(Shortage::Descriptors)),
            (Errno::NFILE, Some(Shortage::SystemDescriptors)),
            (Errno::NOMEM, Some(Shortage::Memory)),
            (Errno::NOBUFS, Some(Shortage::Memory)),
            (Errno::CONNREFUSED, None),
        ] {
            let error = io::Error::from_raw_os_error(code.raw_os_error());
            assert_eq!(Shortage::of(&error), expected, "{code:?}");
            let wrapped = Outer(io::Error::other(Outer(error)));
            assert_eq!(Shortage::of(&wrapped), expected, "{code:?}");
            assert_eq!(Shortage::of(&code), expected, "{code:?}");
        }
    }

    #[test]
    fn ports_are_lacking_only_where_the_address_can_be_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reachable = listener.local_addr().unwrap();
        // No machine may use it, so there is no route to it.
        let unreachable_address = SocketAddr::from(([240, 0, 0, 1], 80));
        let error = io::Error::from_raw_os_error(Errno::ADDRNOTAVAIL.raw_os_error());
        assert_eq!(
            Shortage::of_connecting(&error, reachable),
            Some(Shortage::Ports)
        );
        assert_eq!(Shortage::of(&error), None);
        if UdpSocket::bind("0.0.0.0:0")
            .unwrap()
            .connect(unreachable_address)
            .is_err()
        {
            assert_eq!(Shortage::of_connecting(&error, unreachable_address), None);
        }
    }
}
