//! A new project in a temporary folder, built as its README says.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::{Endpoint, binary};

/// Names the cargo that guests are built with, where that is not rustup's.
const GUEST_CARGO: &str = "BRIDGE_GUEST_CARGO";

/// What projects in Rust are built for.
const TARGET: &str = "wasm32-wasip2";

/// A project and its component.
pub struct Project {
    pub name: String,
    folder: TempDir,
}

/// `bridge-host new` in this folder.
pub fn new(folder: &TempDir, name: &str, kind: &str, language: &str) -> Output {
    Command::new(binary())
        .args(["new", name, "--kind", kind, "--lang", language])
        .current_dir(folder.path())
        .output()
        .expect("the tool runs")
}

/// Whether projects in Rust can be built for their target.
pub fn has_wasip2() -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let folder = rustc.output().expect("rustc runs").stdout;
    let folder = String::from_utf8(folder).expect("a path");
    // Another cargo has other targets.
    Path::new(folder.trim()).is_dir() && guest_cargo().is_none()
}

/// The cargo that guests are built with, where that is not rustup's.
pub fn guest_cargo() -> Option<String> {
    std::env::var(GUEST_CARGO).ok()
}

/// The folder in which projects in Rust share their dependencies, and in which the
/// components of the others are kept: building them takes long, and yields other
/// bytes each time.
pub fn target_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/templates");
    std::fs::create_dir_all(&target).expect("a folder");
    target.canonicalize().expect("a path")
}

impl Project {
    /// One that is built.
    pub fn built(kind: &str, language: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("{language}-{kind}");
        let output = new(&folder, &name, kind, language);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        let project = Self { name, folder };
        match language {
            "rust" => project.build(),
            _ => project.build_once(),
        }
        project
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(&self.name).join(file)
    }

    fn component(&self) -> PathBuf {
        self.path(&format!("{}.wasm", self.name))
    }

    /// Takes the component from an earlier run, if its project was the same.
    fn build_once(&self) {
        let mut digest = Sha256::new();
        digest_all(&self.path(""), &mut digest);
        let name = format!("{}-{:x}.wasm", self.name, digest.finalize());
        let kept = target_folder().join(name);
        if kept.exists() {
            std::fs::copy(&kept, self.component()).expect("a copy");
            return;
        }
        self.build();
        let half = kept.with_extension("half");
        std::fs::copy(self.component(), &half).expect("a copy");
        std::fs::rename(half, kept).expect("in place");
    }

    /// The first commands of the README, as they stand there.
    fn build(&self) {
        symlink(target_folder(), self.path("target")).expect("a link");
        let readme = std::fs::read_to_string(self.path("README.md")).expect("the README");
        let block = match self.has_target() {
            true => 1,
            // The commands for where there is none.
            false => 3,
        };
        let block = readme.split("```").nth(block).expect("commands");
        let commands = block.strip_prefix("sh\n").expect("commands for sh");
        let programs = self.folder.path().join("bin");
        programs_in(&programs);
        let before = binary().parent().expect("a folder");
        let path = std::env::var("PATH").expect("a path");
        let path = format!("{}:{}:{path}", programs.display(), before.display());
        let mut shell = Command::new("sh");
        shell.args(["-ec", commands]).current_dir(self.path(""));
        for outer in ["RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            shell.env_remove(outer);
        }
        let output = shell.env("PATH", path).output().expect("a shell");
        let (out, error) = (&output.stdout, &output.stderr);
        let told = [String::from_utf8_lossy(out), String::from_utf8_lossy(error)];
        assert!(output.status.success(), "{commands}\n{}", told.join("\n"));
    }

    /// Whether its first commands can be run: in Rust they want a target, which
    /// not every machine can have.
    pub fn has_target(&self) -> bool {
        if !self.name.starts_with("rust-") {
            return true;
        }
        let is_there = has_wasip2();
        if !is_there {
            println!("{TARGET} is missing, which `rustup target add {TARGET}` brings");
        }
        is_there
    }

    /// Its config, with this endpoint.
    pub fn config(&self, endpoint: &Endpoint) -> String {
        let text = std::fs::read_to_string(self.path("bridge.toml")).expect("a config");
        let component = format!("{:?}", self.component());
        let config = text
            .replace("http://127.0.0.1:9000/", &endpoint.url("/"))
            .replace(&format!("\"{}.wasm\"", self.name), &component);
        assert!(config.contains(&component), "{config}");
        config
    }
}

/// The cargo that guests are built with, where that is not rustup's.
fn programs_in(folder: &Path) {
    std::fs::create_dir(folder).expect("a folder");
    let Some(cargo) = guest_cargo() else {
        return;
    };
    let script = format!("#!/bin/sh\nunset RUSTC\nexec {cargo} \"$@\"\n");
    let path = folder.join("cargo");
    std::fs::write(&path, script).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("a file of ours");
}

/// Names and contents of all files below.
fn digest_all(folder: &Path, digest: &mut Sha256) {
    let entries = folder.read_dir().expect("a folder").flatten();
    // What the component is made from: neither the config nor its schema.
    let is_source = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b"bridge.");
    let sources = entries.filter(|entry| is_source(&entry.file_name()));
    let mut paths: Vec<_> = sources.map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        digest.update(path.file_name().expect("a name").as_encoded_bytes());
        match path.is_dir() {
            true => digest_all(&path, digest),
            false => digest.update(std::fs::read(&path).expect("a file")),
        }
    }
}
