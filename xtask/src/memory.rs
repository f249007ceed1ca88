//! `cargo xtask memory`: sends many messages through the real bridge on a durable
//! broker, and checks that its memory does not grow. `composed` does the same
//! through one composed file.

mod composed;
mod run;

pub use composed::run as run_composed;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::process::{self, BackgroundProcess};
use crate::workspace::{self, say};
use crate::{Result, tools};

/// A durable broker.
#[derive(Clone, Copy)]
enum Broker {
    Embedded,
    JetStream,
}

impl Broker {
    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::JetStream => "jetstream",
        }
    }
}

/// Measures with both brokers. Fails if memory grew.
pub fn run(root: &Path, count: &str) -> Result {
    let count = parse_count(count)?;
    let binary = build(root)?;
    tools::nats::ensure()?;
    let mut grew = Vec::new();
    for broker in [Broker::Embedded, Broker::JetStream] {
        let folder = empty_folder(root, broker.name())?;
        if !memory_stays_flat(&binary, &folder, broker, count)? {
            grew.push(broker.name());
        }
    }
    match grew.is_empty() {
        true => Ok(()),
        false => Err(format!("memory grew with {}", grew.join(" and "))),
    }
}

fn parse_count(text: &str) -> Result<u64> {
    let count = text.parse().ok().filter(|count| *count >= 1000);
    count.ok_or_else(|| format!("{text:?} is not a number of messages: give at least 1000"))
}

/// Creates an empty folder.
fn empty_folder(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = root.join("target/memory").join(name);
    let unusable = |e| format!("cannot use {}: {e}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(unusable)?;
    }
    fs::create_dir_all(&folder).map_err(unusable)?;
    Ok(folder)
}

/// Builds the binary, with the profile and the features of the tests.
fn build(root: &Path) -> Result<PathBuf> {
    let packages = workspace::guests(root)?;
    say("building bridge-host, as the tests do: wasmtime takes minutes the first time");
    let mut build = workspace::cargo(root);
    build.arg("build");
    workspace::select_native(&mut build, &packages);
    workspace::run(build.args(["--bin", "bridge-host"]))?;
    Ok(root.join("target/debug/bridge-host"))
}

/// Measures with one broker, and returns whether memory did not grow.
fn memory_stays_flat(binary: &Path, folder: &Path, broker: Broker, count: u64) -> Result<bool> {
    let (_server, connection, from) = match broker {
        Broker::Embedded => (None, String::new(), "embedded"),
        Broker::JetStream => {
            let (server, address) = nats(folder)?;
            let url = format!("nats://{address}");
            let connection = format!("[connections.events]\ntype = \"jetstream\"\nurl = {url:?}\n");
            (Some(server), connection, "events")
        }
    };
    let endpoint = process::free_address()?;
    let mut receiver = BackgroundProcess::start(
        "bridge-host receive",
        process::command(binary, folder).args([
            "receive",
            "--quiet",
            "--address",
            &endpoint.to_string(),
        ]),
        &folder.join("receive.log"),
    )?;
    receiver.wait_for(endpoint)?;
    let intake = process::free_address()?;
    let config = format!(
        "intake = {{ address = \"{intake}\", publish_to = \"{from}\" }}\n{connection}\
         [[subscriptions]]\nname = \"memory\"\nfrom = \"{from}\"\ntopics = [\"load.>\"]\n\
         to = \"http://{endpoint}/\"\n"
    );
    let file = folder.join("bridge.toml");
    fs::write(&file, config).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    say(&format!(
        "{}: {count} messages of 1 KB, 64 in flight",
        broker.name()
    ));
    run::run(binary, folder, intake, count)
}

/// Starts a nats-server with its store in the folder.
fn nats(folder: &Path) -> Result<(BackgroundProcess, SocketAddr)> {
    let program = tools::nats::program().ok_or("nats-server is not installed any more")?;
    let address = process::free_address()?;
    let store = folder.join("store").display().to_string();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut server = BackgroundProcess::start(
        "nats-server",
        process::command(Path::new(program), folder)
            .args(["-js", "-sd", &store, "-a", &host, "-p", &port]),
        &folder.join("nats.log"),
    )?;
    server.wait_for(address)?;
    Ok((server, address))
}
