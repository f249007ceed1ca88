//! The settings of a component: its limits, and what it may access on the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use crate::schema::{
    self, ANY_TEXT, Declaration, Group, Kind, PathKind, Rejection, SettingValue, Shown, Value,
    duration, flag, integer, list, path_to, size, text,
};
use crate::secret::Secret;
use crate::settings;

/// The minimum of `limits.memory`: one page.
pub const WASM_PAGE: u64 = 64 << 10;
/// The reason for the minimum.
pub const WASM_PAGES: &str =
    "WebAssembly memory comes in pages of 64KiB, and most components begin with more than 1MiB";

settings! {
    /// What one component may use.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Limits {
        /// Memory of one instance: its linear memory and tables, the messages and headers that it holds, and the
        /// record of its requests; at most `wasm.memory`.
        memory: u64 = size().default("\"512MiB\"").least(WASM_PAGE, WASM_PAGES);
        /// Requests that one call may have open at once. A request is open from its creation with a body, or else
        /// from its sending, until its response is read.
        requests: u32 = integer().default("128");
        /// What one call may print to standard output, and the same amount to standard error; the log drops the
        /// rest with a warning.
        output: u64 = size().default("\"1MiB\"");
        /// CPU time of one call; the time that it waits, or that the machine gives to other processes, does not
        /// count.
        cpu_time: Duration = duration().default("\"5s\"");
        /// Whether an instance of a `chain` or a `component` handles several messages, one after the other. With
        /// `false` each message gets a new instance. An HTTP handler has `to.reuse` instead.
        reuse: bool = flag().default("true");
        /// An instance is replaced after this many calls.
        max_calls: u32 = integer().default("100000");
    }
}

impl Default for Limits {
    fn default() -> Self {
        schema::defaults()
    }
}

settings! {
    /// What a component may see of the machine. By default nothing.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Permissions {
        /// The folders that it sees, `"path"` or `{ path = "…", as = "…", write = true }`; read-only without
        /// `write = true`.
        dirs: Vec<Folder> = list(&FOLDER, DIRS_HELP).or_empty("none");
        /// The environment variables that it sees, `"NAME"` with the bridge's own value or `"NAME=value"`.
        env: Vec<(String, Secret)> = list(
            &VARIABLE,
            "a list of variables: env = [\"LANG\", \"REGION=eu\", \"TOKEN=${TOKEN}\"]",
        )
        .or_empty("none");
    }
}

/// A folder that a component may open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The path of the folder.
    pub path: PathBuf,
    /// The name of the folder for the component.
    pub seen_as: String,
    /// Whether the component may change the folder's content.
    pub write: bool,
}

const DIRS_HELP: &str =
    "a list of folders: dirs = [\"templates\", { path = \"data\", as = \"/data\", write = true }]";

const EXISTING: PathKind = PathKind {
    name: "folder",
    check: check_folder,
};

settings! {
    /// A folder that has another name for the component, or may be written.
    #[derive(Clone, Debug)]
    pub struct FolderSettings in "a folder of `dirs`" {
        /// Where the folder is.
        path: PathBuf = path_to(&EXISTING).required(DIRS_HELP);
        /// Its name for the component.
        "as" seen_as: Option<String> = text(&ANY_TEXT).optional("its path, as it is written");
        /// Whether the component may change what is in it.
        write: bool = flag().default("false");
    }
}

const FOLDER: Declaration<Folder> = Declaration::kind(Kind::Either(
    &Kind::Path(&EXISTING),
    &Kind::Table(FolderSettings::TABLE),
));

impl SettingValue for Folder {
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        let folder = match value.value {
            DeValue::Table(_) => value.table()?,
            _ => FolderSettings {
                path: PathBuf::from_value(value, &Kind::Path(&EXISTING))?,
                seen_as: None,
                write: false,
            },
        };
        let written = || Some(value.key("path").text()?.expose().to_owned());
        Some(Self {
            path: folder.path,
            seen_as: folder.seen_as.or_else(written)?,
            write: folder.write,
        })
    }

    fn show(&self) -> Shown {
        serde_json::json!({
            "path": self.path.show(),
            "as": self.seen_as,
            "write": self.write,
        })
    }
}

fn check_folder(path: &Path) -> Result<(), Rejection> {
    match path.is_dir() {
        true => Ok(()),
        false => Err(Rejection::new(
            format!("there is no folder {}", path.display()),
            "paths begin at the folder of the config file",
        )),
    }
}

const VARIABLE: Declaration<(String, Secret)> = Declaration::kind(Kind::Secret(&ANY_TEXT));

impl SettingValue for (String, Secret) {
    /// Parses `NAME`, whose value is the bridge's own, or `NAME=value`.
    fn from_value(value: &Value<'_>, _: &Kind) -> Option<Self> {
        let text = value.text()?;
        if let Some((name, value)) = text.expose().split_once('=') {
            return Some((name.into(), Secret::new(value)));
        }
        let name = text.expose();
        let environment = value.reader.environment();
        if let Some(found) = environment.variable(name) {
            return Some((name.into(), Secret::new(found)));
        }
        let is = match environment.is_set(name) {
            true => "not UTF-8",
            false => "not set",
        };
        value.fault(
            format!("the variable {} is {is}", text.quoted()),
            "set it for the bridge, or write its value: \"NAME=value\"",
        );
        None
    }

    fn show(&self) -> Shown {
        self.0.as_str().into()
    }
}
