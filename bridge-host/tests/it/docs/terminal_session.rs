//! A terminal of the tutorial's reader: one command after another, in a folder,
//! and what they print.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

/// The command that runs in it ends with the session.
pub struct Session {
    folder: PathBuf,
    path: String,
    output: PathBuf,
    /// How many lines of the output were read.
    read: usize,
    child: Option<Child>,
}

impl Session {
    /// A terminal in this folder, with this search path; it prints to a file.
    pub fn new(folder: &Path, path: &str, output: PathBuf) -> Self {
        File::create(&output).expect("a file");
        Self {
            folder: folder.into(),
            path: path.into(),
            output,
            read: 0,
            child: None,
        }
    }

    /// The folder that the terminal is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins a command; `cd` is done at once.
    pub fn start(&mut self, command: &str) {
        assert!(
            self.child.is_none(),
            "{command}: another command still runs"
        );
        if let Some(folder) = command.strip_prefix("cd ") {
            self.folder.push(folder);
            assert!(self.folder.is_dir(), "{command}: no such folder");
            return;
        }
        let file = File::options().append(true).open(&self.output);
        let file = file.expect("the output");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec {command}")])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(std::process::Stdio::null())
            .stdout(file.try_clone().expect("a handle"))
            .stderr(file);
        for outer in ["RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            shell.env_remove(outer);
        }
        self.child = Some(shell.spawn().expect("a shell"));
    }

    /// Waits for the command to end, and returns whether it succeeded.
    pub fn wait(&mut self) -> bool {
        let child = self.child.take();
        child.is_none_or(|mut child| child.wait().expect("its end").success())
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) {
        let child = self.child.as_ref().expect("a command to interrupt");
        let pid = Pid::from_child(child);
        kill_process(pid, Signal::INT).expect("a signal");
        self.wait();
    }

    /// The lines that were printed and not yet read; a line that is not whole yet
    /// comes later.
    pub fn unread(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.output).expect("the output");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().skip(self.read).map(String::from).collect()
    }

    /// Takes these lines as read.
    pub fn read(&mut self, lines: usize) {
        self.read += lines;
    }

    /// Whether a command still runs.
    pub fn is_busy(&self) -> bool {
        self.child.is_some()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
