//! A port of this machine that a test holds before and while a server uses it.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A bound address that this socket does not listen on.
///
/// The system gives its port to no other socket while this lives. A server that is
/// told the port can still listen on it, as servers set `SO_REUSEADDR`; while none
/// does, connections are refused.
pub struct ReservedAddress {
    pub address: SocketAddr,
    _socket: TcpSocket,
}

impl ReservedAddress {
    /// Reserves a free port of the loopback interface.
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(any).expect("a free port");
        Self {
            address: socket.local_addr().expect("an address"),
            _socket: socket,
        }
    }

    /// Its URL, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
