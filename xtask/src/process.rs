//! Processes that a command starts: each ends with it, whatever happens.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process with its output in a file. Killed when dropped.
pub struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts the command; what it prints goes to `log`.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        Self::start_with(name, command.stdin(Stdio::null()), log)
    }

    /// The same, for a command that reads what is written to the second value.
    pub fn start_fed(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<(Self, ChildStdin)> {
        let mut running = Self::start_with(name, command.stdin(Stdio::piped()), log)?;
        let stdin = running.child.stdin.take();
        Ok((running, stdin.expect("it was asked to be piped")))
    }

    fn start_with(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let unwritable = |e| format!("cannot write {}: {e}", log.display());
        command
            .stdout(open().map_err(unwritable)?)
            .stderr(open().map_err(unwritable)?);
        let child = command
            .spawn()
            .map_err(|e| format!("cannot start `{name}`: {e}"))?;
        Ok(Self {
            name,
            child,
            log: log.to_path_buf(),
        })
    }

    /// Waits until someone listens there.
    pub fn wait_for(&mut self, address: SocketAddr) -> Result {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            self.must_run()?;
            if began.elapsed() > PATIENCE {
                return Err(format!("`{}` does not listen on {address}", self.name));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Fails when it has ended.
    pub fn must_run(&mut self) -> Result {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(&status.to_string())),
            Err(e) => Err(format!("cannot look after `{}`: {e}", self.name)),
        }
    }

    /// Whether it has ended, which must be well.
    pub fn has_ended_well(&mut self) -> Result<bool> {
        match self.child.try_wait() {
            Ok(None) => Ok(false),
            Ok(Some(status)) if status.success() => Ok(true),
            Ok(Some(status)) => Err(self.ended(&status.to_string())),
            Err(e) => Err(format!("cannot look after `{}`: {e}", self.name)),
        }
    }

    /// What it has in memory now and had at most, in KiB; of Linux.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).map_err(|e| format!("cannot read {file}: {e}"))?;
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        let both = figure("VmRSS:").zip(figure("VmHWM:"));
        both.ok_or_else(|| format!("{file} does not tell"))
    }

    /// SIGKILL: it has no chance to say goodbye.
    pub fn kill(&mut self) {
        // Either fails only where the process is gone already.
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM), and waits for that.
    pub fn stop(&mut self) -> Result {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        if !asked.is_ok_and(|status| status.success()) {
            return Err(format!("cannot stop `{}`", self.name));
        }
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.ended(&status.to_string())),
            Err(e) => Err(format!("cannot wait for `{}`: {e}", self.name)),
        }
    }

    fn ended(&self, status: &str) -> String {
        let words = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = words.lines().rev().take(20).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!(
            "`{}` ended ({status}). Its last words:\n{}",
            self.name,
            last.join("\n")
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary, run in a folder.
pub fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder);
    command
}

/// A loopback address that nobody listens on now, and that a process started
/// again can have once more.
pub fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|e| format!("no free port: {e}"))
}
