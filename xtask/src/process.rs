//! Processes that a command starts. Each of them ends with the command.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How long a process may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A process whose output goes to a file. Killed when dropped.
pub struct BackgroundProcess {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl BackgroundProcess {
    /// Starts the command. Its output goes to `log`.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        Self::spawn(name, command.stdin(Stdio::null()), log)
    }

    /// Starts a command that reads its standard input from the second value.
    pub fn start_with_stdin(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<(Self, ChildStdin)> {
        let mut running = Self::spawn(name, command.stdin(Stdio::piped()), log)?;
        let stdin = running.child.stdin.take();
        Ok((running, stdin.expect("stdin is piped")))
    }

    fn spawn(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
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

    /// Waits until the process listens on the address.
    pub fn wait_for(&mut self, address: SocketAddr) -> Result {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            self.check_running()?;
            if began.elapsed() > START_TIMEOUT {
                return Err(format!("`{}` does not listen on {address}", self.name));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Returns an error if the process has ended.
    pub fn check_running(&mut self) -> Result {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.exit_error(&status.to_string())),
            Err(e) => Err(format!("cannot watch `{}`: {e}", self.name)),
        }
    }

    /// Returns whether the process has succeeded. Returns an error if it failed.
    pub fn has_succeeded(&mut self) -> Result<bool> {
        match self.child.try_wait() {
            Ok(None) => Ok(false),
            Ok(Some(status)) if status.success() => Ok(true),
            Ok(Some(status)) => Err(self.exit_error(&status.to_string())),
            Err(e) => Err(format!("cannot watch `{}`: {e}", self.name)),
        }
    }

    /// Returns the current and the largest resident memory, in KiB. Linux only.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).map_err(|e| format!("cannot read {file}: {e}"))?;
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        let both = figure("VmRSS:").zip(figure("VmHWM:"));
        both.ok_or_else(|| format!("{file} has no memory figures"))
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        // Both fail only if the process has ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Terminates the process with SIGTERM, and waits for its end.
    pub fn stop(&mut self) -> Result {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        if !sent.is_ok_and(|status| status.success()) {
            return Err(format!("cannot stop `{}`", self.name));
        }
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.exit_error(&status.to_string())),
            Err(e) => Err(format!("cannot wait for `{}`: {e}", self.name)),
        }
    }

    fn exit_error(&self, status: &str) -> String {
        let output = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = output.lines().rev().take(20).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        format!(
            "`{}` ended ({status}). The end of its output:\n{}",
            self.name,
            last.join("\n")
        )
    }
}

impl Drop for BackgroundProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a command that runs the binary in a folder.
pub fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(folder);
    command
}

/// Returns a free loopback address, which a process that is started again can use
/// again.
pub fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|e| format!("no free port: {e}"))
}
