//! A third-party server as a process, at a reserved address. `nats` and `redis`
//! know its arguments and its protocol.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{ReservedAddress, until};

/// A running server. Killed when dropped.
pub struct ServerProcess {
    program: PathBuf,
    arguments: Vec<String>,
    child: Child,
    /// Held, so that a server that is started again gets the same port.
    port: ReservedAddress,
}

impl ServerProcess {
    /// Starts a program whose arguments make it listen on `port`, and waits until
    /// it does.
    pub async fn start(
        program: impl Into<PathBuf>,
        arguments: Vec<String>,
        port: ReservedAddress,
    ) -> Self {
        let program = program.into();
        let server = Self {
            child: spawn(&program, &arguments),
            program,
            arguments,
            port,
        };
        server.listens().await;
        server
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("a status");
    }

    /// Starts the server again with its files.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        self.listens().await;
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.signaller(name)();
    }

    /// Returns a function that sends a signal by name, at any time.
    pub fn signaller(&self, name: &str) -> impl Fn() + Send + Sync + use<> {
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        move || {
            let sent = Command::new("kill").args(&arguments).status();
            assert!(sent.expect("kill").success());
        }
    }

    async fn listens(&self) {
        let address = self.address();
        until(&self.program.display().to_string(), || async move {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &PathBuf, arguments: &[String]) -> Child {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| {
        panic!(
            "{} cannot be run: {error}. `cargo xtask test` installs it, or says how to install it",
            program.display()
        )
    })
}
