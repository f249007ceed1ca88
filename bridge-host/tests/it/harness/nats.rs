//! A real nats-server on a free port. Its store is deleted with it.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::{ReservedAddress, ServerProcess};

/// The path of Debian's package, which is not in the path of ordinary users.
const DEBIANS: &str = "/usr/sbin/nats-server";
/// The path to which `cargo xtask test` installs a current version.
const CURRENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../target/tools/bin/nats-server"
);

/// Which version of the server.
#[derive(Clone, Copy, Debug, Default)]
pub enum NatsVersion {
    /// The installed one; Debian's is years old.
    #[default]
    System,
    /// A current one.
    Current,
}

impl NatsVersion {
    /// Returns the program to run.
    pub fn program(self) -> &'static Path {
        Path::new(match self {
            Self::System if Path::new(DEBIANS).exists() => DEBIANS,
            Self::System => "nats-server",
            Self::Current => CURRENT,
        })
    }
}

/// A running server. Killed when dropped.
pub struct NatsServer {
    pub address: SocketAddr,
    /// Before the folder, so that it ends first.
    process: ServerProcess,
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server with JetStream.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a server with further lines in its configuration. `{folder}` in
    /// them stands for the folder into which `prepare` may put files.
    pub async fn start_with(lines: &str) -> Self {
        Self::prepared(lines, |_| {}).await
    }

    /// Starts a server of this version.
    pub async fn start_as(version: NatsVersion) -> Self {
        Self::begun(version, "", |_| {}).await
    }

    /// Starts a server after `prepare` has put files into its folder.
    pub async fn prepared(lines: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::begun(NatsVersion::default(), lines, prepare).await
    }

    async fn begun(version: NatsVersion, lines: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let port = ReservedAddress::new();
        let address = port.address;
        let place = folder.path().display().to_string();
        let config = format!(
            "listen: \"{address}\"\njetstream: {{ store_dir: {:?} }}\n{}",
            folder.path().join("store").display().to_string(),
            lines.replace("{folder}", &place)
        );
        let file = folder.path().join("server.conf");
        std::fs::write(&file, config).expect("a file");
        let arguments = vec!["-c".into(), file.display().to_string()];
        Self {
            address,
            folder,
            process: ServerProcess::start(version.program(), arguments, port).await,
        }
    }

    /// Publishes a message with raw headers, which no client library would send.
    pub async fn publish_raw(
        &self,
        topic: impl AsRef<[u8]>,
        headers: impl AsRef<[u8]>,
        data: &str,
    ) {
        let connected = tokio::net::TcpStream::connect(self.address).await;
        let mut stream = tokio::io::BufStream::new(connected.expect("a connection"));
        let (topic, headers) = (topic.as_ref(), headers.as_ref());
        let (header, total) = (headers.len(), headers.len() + data.len());
        let sizes = format!(" {header} {total}\r\n");
        let parts = [
            b"CONNECT {\"headers\":true,\"verbose\":false}\r\nHPUB ",
            topic,
            sizes.as_bytes(),
            headers,
            data.as_bytes(),
            b"\r\nPING\r\n",
        ];
        let sent = parts.concat();
        stream.write_all(&sent).await.expect("it takes it");
        stream.flush().await.expect("it takes it");
        let mut lines = stream.lines();
        while lines.next_line().await.expect("an answer").expect("a line") != "PONG" {}
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Returns the path of a file in its folder.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again with its store.
    pub async fn start_again(&mut self) {
        self.process.start_again().await;
    }

    /// Returns a function that stops the server with SIGSTOP, so that it is
    /// silent.
    pub fn silencer(&self) -> impl Fn() + Send + Sync + use<> {
        self.process.signaller("STOP")
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }
}
