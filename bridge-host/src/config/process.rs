//! The sections `[log]`, `[wasm]` and `[shutdown]`: what the
//! process has one of. Each is declared here, since no room below has it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::Level;

use crate::guest::{WASM_PAGE, WASM_PAGES};
use crate::schema::{
    self, Environment, Form, Kind, Of, Reader, Shown, Value, Words, choice, duration, path, size,
};
use crate::settings;

settings! {
    /// What is logged, and how.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Log in "[log]" {
        /// `"text"` for people, `"json"` for one object a line.
        format: LogFormat = choice().default("\"text\"");
        /// `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`: this and what is graver.
        level: Level = choice().default("\"info\"");
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Words for Level {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::ERROR),
        ("warn", Self::WARN),
        ("info", Self::INFO),
        ("debug", Self::DEBUG),
        ("trace", Self::TRACE),
    ];
}

impl Default for Log {
    fn default() -> Self {
        schema::defaults()
    }
}

settings! {
    /// Limits and folders that all components of the process share.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct WasmSettings in "[wasm]" {
        /// Linear memory of all instances together. Beyond it no new instance is created; instances in a call
        /// may still use what their own limit allows.
        memory: u64 = size().default("\"4GiB\"").least(WASM_PAGE, WASM_PAGES);
        /// The folder for compiled components. The bridge executes these files, so they and the folder must
        /// belong to the bridge's user or to root, and no other user may have write access. A component that was
        /// not loaded for 30 days is removed; beyond 4 GiB, the least recently loaded ones are.
        cache: CacheFolder = Of::kind(path().as_kind()).computed(
            "`bridge-host` in `$XDG_CACHE_HOME`, or else in `~/.cache`, or in the system's folder for temporary files",
        );
    }
}

settings! {
    /// How the bridge ends.
    #[derive(Clone, Copy, Debug)]
    pub struct Shutdown in "[shutdown]" {
        /// How long deliveries in flight may take to end; unfinished ones are returned to their broker.
        drain_timeout: Duration = duration().default("\"20s\"");
    }
}

/// The folder for compiled components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheFolder(PathBuf);

impl Deref for CacheFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Form for CacheFolder {
    fn from_value(value: &Value<'_>, kind: &Kind) -> Option<Self> {
        PathBuf::from_value(value, kind).map(Self)
    }

    fn show(&self) -> Shown {
        self.0.show()
    }

    fn absent(reader: &Reader<'_>) -> Option<Self> {
        Some(Self(default_cache(reader.environment())))
    }
}

/// The folder for compiled components when none is configured.
fn default_cache(environment: &dyn Environment) -> PathBuf {
    let folder = |name: &str| {
        let folder = environment.variable(name).map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("bridge-host")
}
