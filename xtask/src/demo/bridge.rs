//! The bridge of the demo: its config, its process, its ledger.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::messages::MINIMUM;
use crate::process::{self, Running};
use crate::workspace::say;
use crate::{Result, http};

/// How long it may take to get ready: the first time, it compiles the chain.
const PATIENCE: Duration = Duration::from_secs(120);

/// A bridge that can be killed and started again.
pub struct Bridge {
    /// Where it is published to, and asked.
    pub intake: SocketAddr,
    running: Running,
    binary: PathBuf,
    folder: PathBuf,
}

/// What the ledger says of the demo's subscription.
pub struct Ledger {
    pub accepted: u64,
    pub delivered: u64,
    pub filtered: u64,
    pub dead_lettered: u64,
    pub pending: u64,
    /// What it did since it was started.
    pub since_start: Value,
}

impl Bridge {
    /// Writes the config, starts the bridge, and waits until it is ready.
    pub fn start(binary: &Path, folder: &Path, chain: &[PathBuf], url: &str) -> Result<Self> {
        let intake = process::free_address()?;
        let config = folder.join("bridge.toml");
        fs::write(&config, config_text(intake, chain, url))
            .map_err(|e| format!("cannot write {}: {e}", config.display()))?;
        say(&format!(
            "the bridge on {intake}: filter ► enrich ► adapter ► {url}"
        ));
        let mut bridge = Self {
            intake,
            running: start(binary, folder)?,
            binary: binary.to_path_buf(),
            folder: folder.to_path_buf(),
        };
        bridge.wait()?;
        Ok(bridge)
    }

    /// SIGKILL, and a new process on the same data.
    pub fn kill_and_start_again(&mut self) -> Result {
        self.running.kill();
        self.running = start(&self.binary, &self.folder)?;
        self.wait()
    }

    /// SIGTERM, which it must take well.
    pub fn stop(&mut self) -> Result {
        self.running.stop()
    }

    /// The ledger now.
    pub fn ledger(&mut self) -> Result<Ledger> {
        self.running.must_run()?;
        let (status, body) = http::get(self.intake, "/ledger")
            .map_err(|e| format!("the bridge does not answer: {e}"))?;
        let ledger = serde_json::from_str(&body).ok().and_then(read);
        ledger.ok_or_else(|| format!("the bridge answered {status} to GET /ledger: {body}"))
    }

    fn wait(&mut self) -> Result {
        let began = Instant::now();
        while !http::get(self.intake, "/readyz").is_ok_and(|(status, _)| status == 200) {
            self.running.must_run()?;
            if began.elapsed() > PATIENCE {
                return Err("the bridge did not get ready".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn start(binary: &Path, folder: &Path) -> Result<Running> {
    Running::start(
        "bridge-host run",
        process::command(binary, folder).args(["run", "bridge.toml"]),
        &folder.join("bridge.log"),
    )
}

fn config_text(intake: SocketAddr, chain: &[PathBuf], url: &str) -> String {
    let chain: Vec<String> = chain
        .iter()
        .map(|path| format!("{:?}", path.display().to_string()))
        .collect();
    let chain = chain.join(", ");
    format!(
        r#"intake = {{ address = "{intake}" }}

[[subscriptions]]
name = "demo"
topics = [">"]
chain = [{chain}]
to = "{url}"
max_in_flight = 32
retry = {{ max_attempts = 50, initial_delay = "200ms", max_delay = "1s" }}
settings = {{ minimum = "{MINIMUM}" }}
"#
    )
}

fn read(ledger: Value) -> Option<Ledger> {
    let subscription = ledger["subscriptions"].get(0)?;
    let count = |name: &str| subscription[name].as_u64();
    Some(Ledger {
        accepted: count("accepted")?,
        delivered: count("delivered")?,
        filtered: count("filtered")?,
        dead_lettered: count("dead_lettered")?,
        pending: count("pending")?,
        since_start: subscription["since_start"].clone(),
    })
}
