//! A port of this machine that a test holds while a server uses it.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A bound address that this socket does not listen on.
///
/// While this lives, the system gives the port to no other socket. A server that
/// is told to use the port can still listen on it, because servers set
/// `SO_REUSEADDR`. While no server listens, connections are refused.
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

    /// Returns its URL with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
