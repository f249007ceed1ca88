//! `bridge-host init`: writes a first config, with every key as a comment. The keys and
//! their documentation come from their declarations.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{output, report, schema};
use crate::broker::{ALL, embedded};
use crate::config::{self, CONFIG};
use crate::schema::{comment, commented, commented_without};

/// Write a first config file with all settings as comments, and its JSON Schema
#[derive(clap::Args)]
#[command(after_help = "Example:\n    bridge-host init\n    bridge-host run")]
pub(super) struct Args {
    /// The config file; an existing file is not changed
    #[arg(default_value = config::DEFAULT_FILE)]
    config: PathBuf,
}

/// Why no config was written.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{} exists already and was not changed: name another file", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {}", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Output(#[from] output::OutputError),
}

pub(super) fn run(args: &Args) -> ExitCode {
    match make(&args.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

fn make(file: &Path) -> Result<(), Error> {
    write(file, &starter())?;
    let schema_file = file.with_file_name(schema::FILE);
    let schema = output::json_text(&schema::schema(), true);
    let beside = match write(&schema_file, &schema) {
        Ok(()) => "",
        // It may belong to another version, or to the user.
        Err(Error::Exists(_)) => "  (existed already, and was not changed)",
        Err(error) => return Err(error),
    };
    let text = format!(
        "written:\n    {}\n    {}{beside}\n\nnext:\n    bridge-host receive &\n    bridge-host run {}\n",
        file.display(),
        schema_file.display(),
        file.display(),
    );
    Ok(output::text(&text)?)
}

/// Writes a new file; an existing one is an error.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.into()),
        _ => Error::Write(path.into(), error),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| Error::Write(path.into(), error))
}

/// The sections of the config, each shown with all of its keys.
const SECTIONS: [&str; 7] = [
    "intake", "admin", "log", "wasm", "http", "delivery", "shutdown",
];

fn starter() -> String {
    let mut text = format!("#:schema {}\n", schema::FILE);
    text.push_str(&comment(
        "The config of a bridge. Each setting is shown with its default: remove the `#` in front of a key to \
         change it. `bridge-host check` prints every error in this file, or its effective settings.",
    ));
    for name in SECTIONS {
        text.push_str(&section(name));
    }
    text.push_str(&connections());
    text.push_str(&subscription());
    text
}

/// Returns a section. `[admin]` is commented out, because it opens a listener.
fn section(name: &str) -> String {
    let doc = CONFIG.settings().into_iter().find(|it| it.key == name);
    let doc = doc.map_or("", |setting| setting.doc);
    let begin = match name {
        "admin" => "# ",
        _ => "",
    };
    format!("\n{}{begin}[{name}]\n{}", comment(doc), keys(name))
}

fn keys(path: &str) -> String {
    CONFIG.at(path).map(commented).unwrap_or_default()
}

fn connections() -> String {
    let mut text = String::from("\n# The built-in broker.\n[connections.embedded]\n");
    text.push_str(&keys("connections.embedded"));
    let others = ALL
        .iter()
        .filter(|kind| kind.name != embedded::DESCRIPTOR.name);
    for kind in others.map(|kind| kind.name) {
        let title = format!("A connection of the type {kind}.");
        text.push_str(&comment(&title));
        text.push_str(&format!("# [connections.NAME]\n# type = \"{kind}\"\n"));
        text.push_str(&keys(&format!("connections.{kind}")));
    }
    text
}

fn subscription() -> String {
    const SHOWN: [&str; 3] = ["name", "topics", "to"];
    let rest = CONFIG.at("subscriptions");
    let rest = rest.map_or(String::new(), |table| commented_without(table, &SHOWN));
    format!(
        "{}[[subscriptions]]\nname = \"example\"\ntopics = [\"example.>\"]\nto = \"http://127.0.0.1:9000/\"\n\n{}",
        comment(
            "Messages on these topics are delivered to this endpoint; `bridge-host receive` serves one for tests."
        ),
        rest.trim_end().to_owned() + "\n",
    )
}
