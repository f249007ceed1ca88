//! The bridge of the demo: its config, its process and its ledger.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::messages::MINIMUM;
use crate::process::{self, BackgroundProcess};
use crate::workspace::say;
use crate::{Result, http};

/// How long the bridge may take until it is ready. The first start compiles the
/// chain.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// A bridge that can be killed and started again.
pub struct Bridge {
    /// The address of the intake, for publishing and for the ledger.
    pub intake: SocketAddr,
    running: BackgroundProcess,
    binary: PathBuf,
    folder: PathBuf,
}

/// The ledger of the demo's subscription.
pub struct Ledger {
    pub accepted: u64,
    pub delivered: u64,
    pub filtered: u64,
    pub dead_lettered: u64,
    pub pending: u64,
    /// The counters since the last start.
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
        bridge.wait_until_ready()?;
        Ok(bridge)
    }

    /// Kills the bridge with SIGKILL, and starts it on the same data.
    pub fn kill_and_restart(&mut self) -> Result {
        self.running.kill();
        self.running = start(&self.binary, &self.folder)?;
        self.wait_until_ready()
    }

    /// Terminates the bridge with SIGTERM, and waits for its end.
    pub fn stop(&mut self) -> Result {
        self.running.stop()
    }

    /// Returns the current ledger.
    pub fn ledger(&mut self) -> Result<Ledger> {
        self.running.check_running()?;
        let (status, body) = http::get(self.intake, "/ledger")
            .map_err(|e| format!("the bridge does not answer: {e}"))?;
        let ledger = serde_json::from_str(&body).ok().and_then(read);
        ledger.ok_or_else(|| format!("the bridge answered {status} to GET /ledger: {body}"))
    }

    fn wait_until_ready(&mut self) -> Result {
        let began = Instant::now();
        while !http::get(self.intake, "/readyz").is_ok_and(|(status, _)| status == 200) {
            self.running.check_running()?;
            if began.elapsed() > READY_TIMEOUT {
                return Err("the bridge did not get ready".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn start(binary: &Path, folder: &Path) -> Result<BackgroundProcess> {
    BackgroundProcess::start(
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
