//! A server of someone else as a process of its own, at an address that is held for it.
//! Its arguments and its protocol stay out: `nats` and `redis` know those.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{ReservedAddress, until};

/// A running server. Killed when dropped.
pub struct ServerProcess {
    program: PathBuf,
    arguments: Vec<String>,
    child: Child,
    /// Held, so that the server gets its port again when it is started again.
    port: ReservedAddress,
}

impl ServerProcess {
    /// Starts a program that its arguments tell to listen on `port`, and returns once it does.
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("a status");
    }

    /// Starts it again, with the files it had.
    pub async fn start_again(&mut self) {
        self.child = spawn(&self.program, &self.arguments);
        self.listens().await;
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.signaller(name)();
    }

    /// Sends a signal by name, from anywhere and at any time.
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
            "{} cannot be run: {error}. `cargo xtask test` brings it, or tells how to get it",
            program.display()
        )
    })
}
