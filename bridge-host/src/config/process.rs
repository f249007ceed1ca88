//! Declares the sections `[log]`, `[wasm]` and `[shutdown]`, which concern the whole
//! process. Sections of a single module are declared by that module.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::Level;

use crate::guest::{WASM_PAGE, WASM_PAGES};
use crate::schema::{
    self, Declaration, Environment, Kind, Reader, SettingValue, Shown, Value, Words, choice,
    duration, path, size,
};
use crate::settings;

settings! {
    /// What is logged, and how.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Log in "[log]" {
        /// `"text"` for people, `"json"` for one JSON object on each line.
        format: LogFormat = choice().default("\"text\"");
        /// The least severe level that is logged: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`.
        level: Level = choice().default("\"info\"");
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object on each line.
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
        /// The linear memory of all instances together. Beyond it, no instance is created; instances in a call
        /// may still grow up to their own limit.
        memory: u64 = size().default("\"4GiB\"").least(WASM_PAGE, WASM_PAGES);
        /// The folder for compiled components. The bridge executes these files, so they and the folder must
        /// belong to the bridge's user or to root, and no other user may have write access. A component that was
        /// not loaded for 30 days is removed; beyond 4 GiB, the least recently loaded ones are.
        cache: CacheFolder = Declaration::kind(path().as_kind()).computed(
            "`bridge-host` in `$XDG_CACHE_HOME`, or else in `~/.cache`, or in the system's folder for temporary files",
        );
    }
}

settings! {
    /// How the bridge ends.
    #[derive(Clone, Copy, Debug)]
    pub struct Shutdown in "[shutdown]" {
        /// How long deliveries in flight may take to end. The messages of unfinished deliveries go back to
        /// their broker.
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

impl SettingValue for CacheFolder {
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
