//! A real nats-server on a port of its own, with a store that is gone with it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use super::{ReservedAddress, until};

/// Where Debian puts it, which is not on everybody's path.
const DEBIANS: &str = "/usr/sbin/nats-server";
/// Where `cargo xtask test` puts a current one.
const CURRENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../target/tools/bin/nats-server"
);

/// Which server.
#[derive(Clone, Copy, Debug, Default)]
pub enum NatsVersion {
    /// The system's: Debian's is years old.
    #[default]
    System,
    /// A current one.
    Current,
}

impl NatsVersion {
    /// What is run.
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
    /// Held, so that the server gets its port again when it is started again.
    _port: ReservedAddress,
    folder: TempDir,
    version: NatsVersion,
    arguments: Vec<String>,
    child: Child,
}

impl NatsServer {
    /// Starts one, with JetStream.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one whose configuration has these lines too; `{folder}` in them
    /// is where files can be put first by `prepare`.
    pub async fn start_with(lines: &str) -> Self {
        Self::prepared(lines, |_| {}).await
    }

    /// Starts one of this version.
    pub async fn start_as(version: NatsVersion) -> Self {
        Self::begun(version, "", |_| {}).await
    }

    /// The same, after `prepare` has put files into its folder.
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
        let server = Self {
            child: spawn(version, &arguments),
            address,
            _port: port,
            folder,
            version,
            arguments,
        };
        server.listens().await;
        server
    }

    /// Publishes what no client would: headers as they are given.
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

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("a status");
    }

    /// Starts it again, with the store it had.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.version, &self.arguments);
        self.listens().await;
    }

    /// Stops it (SIGSTOP) from anywhere: it does not say a word from then on.
    pub fn silencer(&self) -> impl Fn() + Send + Sync + use<> {
        let id = self.child.id().to_string();
        move || {
            let sent = Command::new("kill").args(["-STOP", &id]).status();
            assert!(sent.expect("kill").success());
        }
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(sent.success());
    }

    async fn listens(&self) {
        until("nats-server", || async {
            tokio::net::TcpStream::connect(self.address).await.ok()
        })
        .await;
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(version: NatsVersion, arguments: &[String]) -> Child {
    let mut command = Command::new(version.program());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| {
        panic!(
            "{} cannot be run: {error}. `cargo xtask test` brings it, or tells how to get it",
            version.program().display()
        )
    })
}
