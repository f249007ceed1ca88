//! A nats-server on a free port, whose store is deleted with it.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpSocket;

/// Debian installs it outside of the path of ordinary users.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];

/// The running process.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// Bound without listening, so that no other process gets the port.
    _port: TcpSocket,
    _store: TempDir,
}

impl Server {
    /// Starts a server with JetStream, and its store on disk.
    pub fn start() -> Self {
        let port = TcpSocket::new_v4().expect("a socket");
        port.set_reuseaddr(true).expect("an option");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        port.bind(any).expect("a free port");
        let address = port.local_addr().expect("an address");
        let store = tempfile::tempdir().expect("a folder");
        let start = |program: &&str| {
            let mut command = Command::new(program);
            command.args(["-js", "-a", "127.0.0.1", "-p", &address.port().to_string()]);
            command.arg("-sd").arg(store.path());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().ok()
        };
        let child = PROGRAMS.iter().find_map(start);
        let child = child.expect("nats-server: `cargo xtask test` installs it, or says how to");
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "nats-server does not listen"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            child,
            address,
            _port: port,
            _store: store,
        }
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
