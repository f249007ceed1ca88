//! A real redis-server on a free port. Its folder is deleted with it. Tests talk
//! to it through a separate client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use redis::{Client, RedisResult, Value};
use tempfile::TempDir;

use super::{ReservedAddress, ServerProcess};

/// A running server. Killed when dropped.
pub struct RedisServer {
    pub address: SocketAddr,
    /// Before the folder, so that it ends first.
    process: ServerProcess,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server that writes each message to disk before it confirms the
    /// message.
    pub async fn start() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// Starts a server with these arguments, without snapshots.
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::prepared(|_| arguments.iter().map(|it| it.to_string()).collect()).await
    }

    /// Starts a server with the arguments that `prepare` returns after it has put
    /// files into the folder.
    pub async fn prepared(prepare: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = ReservedAddress::new();
        let address = port.address;
        let mut arguments = vec!["--bind".into(), "127.0.0.1".into()];
        let more = prepare(folder.path());
        if !more.iter().any(|argument| argument == "--port") {
            arguments.extend(["--port".into(), address.port().to_string()]);
        } else {
            arguments.extend(["--tls-port".into(), address.port().to_string()]);
        }
        let place = folder.path().display().to_string();
        arguments.extend(["--dir".into(), place, "--save".into(), String::new()]);
        arguments.extend(more);
        Self {
            address,
            folder,
            process: ServerProcess::start("redis-server", arguments, port).await,
        }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Returns the path of a file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command, written as for `redis-cli`.
    pub async fn run(&self, command: &[&str]) -> Value {
        self.try_run(command).await.expect("an answer")
    }

    /// Runs a command that may fail.
    pub async fn try_run(&self, command: &[&str]) -> RedisResult<Value> {
        let client = Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut cmd = redis::cmd(command[0]);
        command[1..].iter().for_each(|argument| {
            cmd.arg(argument);
        });
        cmd.query_async(&mut connection).await
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again with its files.
    pub async fn start_again(&mut self) {
        self.process.start_again().await;
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }
}
