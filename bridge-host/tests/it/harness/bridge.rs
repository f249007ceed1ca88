//! The real bridge, as a process with its own folder.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Answer, request, until};

/// A running bridge. Killed when dropped.
pub struct Bridge {
    pub intake: SocketAddr,
    pub folder: Arc<TempDir>,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

/// The ledger of one subscription.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Ledger {
    pub name: String,
    pub accepted: u64,
    pub delivered: u64,
    pub filtered: u64,
    pub dead_lettered: u64,
    pub pending: u64,
}

impl Ledger {
    /// Returns whether the ledger accounts for every accepted message.
    pub fn balances(&self) -> bool {
        self.accepted == self.delivered + self.filtered + self.dead_lettered + self.pending
    }
}

/// Returns the binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bridge-host"))
}

impl Bridge {
    /// Starts `bridge-host run` with this config, on a free port.
    pub async fn start(config: &str) -> Self {
        Self::start_as("", "", config).await
    }

    /// Starts a bridge whose config begins with the lines in `top`.
    pub async fn start_with(top: &str, config: &str) -> Self {
        Self::start_as("", top, config).await
    }

    /// Starts a bridge whose intake publishes to this connection.
    pub async fn start_into(connection: &str, config: &str) -> Self {
        Self::start_as(&format!(", publish_to = {connection:?}"), "", config).await
    }

    /// Starts a bridge with this `unrouted` setting of the intake, for messages
    /// that match no subscription.
    pub async fn start_unrouted(what: &str, config: &str) -> Self {
        Self::start_as(&format!(", unrouted = {what:?}"), "", config).await
    }

    async fn start_as(intake: &str, top: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "intake = {{ address = \"127.0.0.1:0\"{intake} }}
log = {{ format = \"json\", level = \"debug\" }}
\
             wasm.cache = {:?}
{top}
{config}",
            cache().display().to_string()
        );
        std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
        Self::start_in(Arc::new(folder)).await
    }

    /// Starts a bridge again in a folder that has a config.
    pub async fn start_in(folder: Arc<TempDir>) -> Self {
        Self::attach(spawn(&folder), folder).await
    }

    /// Starts a bridge in a folder whose config has this intake, without waiting
    /// until it runs.
    pub fn begin_in(folder: Arc<TempDir>, intake: SocketAddr) -> Self {
        let mut child = spawn(&folder);
        let log = keep_log(&mut child);
        Self {
            intake,
            folder,
            child,
            log,
        }
    }

    /// Starts a bridge through a shell that gets the binary as `$0`, in a folder
    /// that has its config. Also returns the id of the bridge's process.
    pub async fn start_by(shell: &mut Command, script: &str, folder: Arc<TempDir>) -> (Self, u32) {
        let child = shell
            .args(["-c", script])
            .arg(binary())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let process = child.id();
        (Self::attach(child, folder).await, process)
    }

    /// Takes over a bridge process that was just started.
    pub async fn attach(mut child: Child, folder: Arc<TempDir>) -> Self {
        let log = keep_log(&mut child);
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(address) = intake(&line) {
                    let _ = sender.send(address);
                }
            }
        });
        let Some(intake) = receiver.recv().await else {
            let status = child.wait().expect("a status");
            let log = log.lock().expect("no panic").join("\n");
            panic!("the bridge did not start: {status}\n{log}");
        };
        Self {
            intake,
            folder,
            child,
            log,
        }
    }

    /// Publishes a message.
    pub async fn publish(
        &self,
        topic: &str,
        headers: &[(&str, &str)],
        data: impl Into<Bytes>,
    ) -> Answer {
        request(
            self.intake,
            "POST",
            &format!("/topics/{topic}"),
            headers,
            data,
        )
        .await
        .expect("an answer")
    }

    /// Publishes a message that must be accepted, and returns its id.
    pub async fn accept(
        &self,
        topic: &str,
        headers: &[(&str, &str)],
        data: impl Into<Bytes>,
    ) -> String {
        let answer = self.publish(topic, headers, data).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Returns the ledger of a subscription.
    pub async fn ledger(&self, name: &str) -> Ledger {
        let answer = request(self.intake, "GET", "/ledger", &[], "")
            .await
            .expect("an answer");
        let all = answer.json()["subscriptions"].clone();
        let all: Vec<Ledger> = serde_json::from_value(all).expect("ledgers");
        all.into_iter()
            .find(|ledger| ledger.name == name)
            .expect("the subscription")
    }

    /// Returns what currently limits the deliveries of a subscription.
    pub async fn flow(&self, name: &str) -> serde_json::Value {
        let answer = request(self.intake, "GET", "/ledger", &[], "")
            .await
            .expect("an answer");
        let all = answer.json()["subscriptions"].clone();
        let all = all.as_array().expect("a list");
        let one = all.iter().find(|one| one["name"] == name);
        one.expect("the subscription")["since_start"]["flow"].clone()
    }

    /// Returns the ledger of a subscription once `wanted` is true for it.
    pub async fn ledger_when(&self, name: &str, wanted: impl Fn(&Ledger) -> bool) -> Ledger {
        until("the ledger", || async {
            let ledger = self.ledger(name).await;
            wanted(&ledger).then_some(ledger)
        })
        .await
    }

    /// Returns the log so far, one event in each line.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }

    /// Returns the private memory of the process, in bytes, without mapped files
    /// that it has not written to.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let told = std::fs::read_to_string(path).expect("Linux tells");
        let figure = told
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"));
        let figure = figure.and_then(|rest| rest.trim().strip_suffix(" kB"));
        figure
            .and_then(|it| it.parse::<u64>().ok())
            .expect("a figure")
            * 1024
    }

    /// Returns the peak memory of the process, in bytes, including mapped files.
    pub fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let told = std::fs::read_to_string(path).expect("Linux tells");
        let figure = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = figure.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let kilobytes: Option<u64> = figure.and_then(|it| it.trim().parse().ok());
        kilobytes.expect("a figure") * 1024
    }

    /// Returns how often threads of the process went to sleep, each time after a
    /// wake-up.
    pub fn wakeups(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = std::fs::read_dir(tasks).expect("Linux tells").flatten();
        let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
        let slept = |status: String| {
            let figure = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            figure.and_then(|it| it.trim().parse::<u64>().ok())
        };
        let all = tasks.filter_map(|task| slept(status(task).ok()?));
        all.sum()
    }

    /// Returns the CPU time of each thread that delivers messages.
    pub fn deliveries(&self) -> Vec<Duration> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = std::fs::read_dir(tasks).expect("Linux tells").flatten();
        let text = |task: &Path, of| std::fs::read_to_string(task.join(of)).unwrap_or_default();
        let deliver = tasks.filter(|task| text(&task.path(), "comm").trim() == "deliveries");
        let computed = deliver.map(|task| {
            let told = text(&task.path(), "schedstat");
            let nanos = told.split(' ').next().and_then(|it| it.parse().ok());
            Duration::from_nanos(nanos.expect("a figure"))
        });
        computed.collect()
    }

    /// Returns the process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether the process has ended.
    pub fn has_ended(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let state = state.expect("Linux tells of a child that was not waited for");
        let (_, state) = state.rsplit_once(") ").expect("a name in brackets");
        state.starts_with('Z')
    }

    /// Kills the process with SIGKILL: nothing is drained.
    pub fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().expect("a process");
        self.child.wait().expect("a status");
        self.folder.clone()
    }

    /// Terminates the process with SIGTERM, and returns how it ended.
    pub fn stop(mut self) -> (ExitStatus, Arc<TempDir>) {
        self.signal("TERM");
        (self.child.wait().expect("a status"), self.folder.clone())
    }

    /// Waits for the process to end, for at most `limit`.
    pub async fn ended_within(mut self, limit: Duration) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a process") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(limit, ended).await;
        ended.unwrap_or_else(|_| panic!("it runs after {limit:?}: {:#?}", self.log()))
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(sent.success());
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &TempDir) -> Child {
    Command::new(binary())
        .args(["run", "bridge.toml"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the bridge starts")
}

fn keep_log(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let kept = log.clone();
    let stderr = BufReader::new(child.stderr.take().expect("stderr"));
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            kept.lock().expect("no panic").push(line);
        }
    });
    log
}

/// Returns the intake's address from the log line of `run` that contains it.
fn intake(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once("http://")?;
    line.trim_start().starts_with("intake").then_some(())?;
    url.split('/').next()?.parse().ok()
}

/// Returns the cache of compiled components, which test runs share.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}
