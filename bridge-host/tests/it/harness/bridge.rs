//! The real bridge, as a process with a folder of its own.

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
    /// Whether every accepted message is somewhere.
    pub fn balances(&self) -> bool {
        self.accepted == self.delivered + self.filtered + self.dead_lettered + self.pending
    }
}

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bridge-host"))
}

impl Bridge {
    /// Starts `bridge-host run` with this config, on a free port.
    pub async fn start(config: &str) -> Self {
        Self::start_as("", "", config).await
    }

    /// As [`Bridge::start`], with more of the config's top.
    pub async fn start_with(top: &str, config: &str) -> Self {
        Self::start_as("", top, config).await
    }

    /// As [`Bridge::start`], with an intake that publishes to this connection.
    pub async fn start_into(connection: &str, config: &str) -> Self {
        Self::start_as(&format!(", publish_to = {connection:?}"), "", config).await
    }

    /// As [`Bridge::start`], with an intake that does this to messages which no
    /// subscription takes.
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

    /// Starts it again in a folder that has a config.
    pub async fn start_in(folder: Arc<TempDir>) -> Self {
        Self::attach(spawn(&folder), folder).await
    }

    /// Starts it in a folder whose config has this intake, and does not wait
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

    /// Starts the bridge in a folder that has its config, by a shell that gets the
    /// binary as `$0`, and tells the process's number.
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

    /// Takes over a bridge that was just started.
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

    /// Publishes a message that must be accepted, and tells its id.
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

    /// The ledger of a subscription.
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

    /// What holds back the deliveries of a subscription now.
    pub async fn flow(&self, name: &str) -> serde_json::Value {
        let answer = request(self.intake, "GET", "/ledger", &[], "")
            .await
            .expect("an answer");
        let all = answer.json()["subscriptions"].clone();
        let all = all.as_array().expect("a list");
        let one = all.iter().find(|one| one["name"] == name);
        one.expect("the subscription")["since_start"]["flow"].clone()
    }

    /// The ledger of a subscription, once it is as wanted.
    pub async fn ledger_when(&self, name: &str, wanted: impl Fn(&Ledger) -> bool) -> Ledger {
        until("the ledger", || async {
            let ledger = self.ledger(name).await;
            wanted(&ledger).then_some(ledger)
        })
        .await
    }

    /// What it logged so far, a line an event.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }

    /// The process's memory that is its own, in bytes: all but files that it
    /// has mapped and not written to.
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

    /// The most memory that the process ever had, in bytes, files that it maps included.
    pub fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let told = std::fs::read_to_string(path).expect("Linux tells");
        let figure = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = figure.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let kilobytes: Option<u64> = figure.and_then(|it| it.trim().parse().ok());
        kilobytes.expect("a figure") * 1024
    }

    /// How often its threads went to sleep so far: each was woken before.
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

    /// How long each thread computed that delivers messages.
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

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Whether its process has ended by itself.
    pub fn has_ended(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let state = state.expect("Linux tells of a child that was not waited for");
        let (_, state) = state.rsplit_once(") ").expect("a name in brackets");
        state.starts_with('Z')
    }

    /// SIGKILL: nothing is drained.
    pub fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().expect("a process");
        self.child.wait().expect("a status");
        self.folder.clone()
    }

    /// SIGTERM, and how it ended.
    pub fn stop(mut self) -> (ExitStatus, Arc<TempDir>) {
        self.signal("TERM");
        (self.child.wait().expect("a status"), self.folder.clone())
    }

    /// Waits for it to end by itself, for at most so long.
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

/// The address in a line of `run`'s that tells it.
fn intake(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once("http://")?;
    line.trim_start().starts_with("intake").then_some(())?;
    url.split('/').next()?.parse().ok()
}

/// Compiled components are kept between runs of the tests.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}
