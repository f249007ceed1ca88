//! A forwarder under measurement: the process of the bridge, or of a peer whose
//! source is in benches/peers. `peers` measures it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::IN_FLIGHT;
use crate::jetstream::{FilledStream, NAME, TOPIC};

/// Which forwarder.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `bridge-host run`, with no component but the adapter.
    Bridge,
    /// A forwarder with @nats-io/jetstream and undici.
    Node,
    /// A forwarder with nats-py, aiohttp and uvloop.
    Python,
}

impl Kind {
    /// All kinds; the bridge first.
    pub const ALL: [Self; 3] = [Self::Bridge, Self::Node, Self::Python];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Node => "Node",
            Self::Python => "Python",
        }
    }

    /// Panics, with the remedy, if what the forwarder needs is not installed.
    pub fn check(self) {
        let needed = match self {
            Self::Bridge => return,
            Self::Node => installed("node/node_modules"),
            Self::Python => installed("python/bin/python"),
        };
        assert!(
            needed.exists(),
            "{} is missing: `cargo xtask bench peers` installs it, and runs this",
            needed.display()
        );
    }

    fn command(self, filled: &FilledStream<'_>, folder: &Path) -> Command {
        let mut command = match self {
            Self::Bridge => {
                let mut bridge = Command::new(env!("CARGO_BIN_EXE_bridge-host"));
                bridge.args(["--log-level", "warn", "run"]);
                bridge.arg(write_config(filled, folder));
                return bridge;
            }
            Self::Node => {
                let mut node = Command::new("node");
                node.arg(installed("node/forward.mjs"));
                node
            }
            Self::Python => {
                let mut python = Command::new(installed("python/bin/python"));
                python.arg(source("python/forward.py"));
                python
            }
        };
        command.args([filled.server, filled.stream, NAME, filled.url]);
        command
    }
}

/// Writes the bridge's config, and returns its path.
fn write_config(filled: &FilledStream<'_>, folder: &Path) -> PathBuf {
    let config = format!(
        "intake = {{ address = \"127.0.0.1:0\" }}\n\
         [connections.embedded]\npath = \"data\"\n\
         [connections.events]\ntype = \"jetstream\"\nurl = {:?}\nstream = {{ name = {:?} }}\n\
         [[subscriptions]]\nname = {NAME:?}\nfrom = \"events\"\ntopics = [{TOPIC:?}]\n\
         to = {:?}\nmax_in_flight = {IN_FLIGHT}\n",
        filled.server, filled.stream, filled.url
    );
    let file = folder.join("bridge.toml");
    fs::write(&file, config).expect("a config");
    file
}

/// Returns a path in the folder to which `cargo xtask bench peers` installs what
/// the peers need.
fn installed(path: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/peers");
    folder.join(path)
}

/// Returns a path in the folder with the sources of the peers.
fn source(path: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    folder.join(path)
}

/// The running process. Killed when dropped.
pub struct Forwarder {
    kind: Kind,
    child: Child,
}

impl Forwarder {
    /// Starts the process in `folder`. Its errors go to the standard error of
    /// this process.
    pub fn start(kind: Kind, filled: &FilledStream<'_>, folder: &Path) -> Self {
        let mut command = kind.command(filled, folder);
        command.current_dir(folder).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        Self { kind, child }
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Panics if the process has ended.
    pub fn check_running(&mut self) {
        let ended = self.child.try_wait().expect("the state of a child");
        if let Some(status) = ended {
            panic!("the {} forwarder ended: {status}", self.kind.name());
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
