//! An HTTP handler component as the endpoint: `component`, `path` and
//! `authority` of `to`, and what it is granted of the machine.

use std::path::{Path, PathBuf};

use mapping::EndpointError;
use toml::de::DeValue;

use super::component;
use super::section::Section;
use super::text::Text;
use super::value::Value;
use crate::guest::contract::HttpFace;
use crate::guest::{Folder, Grant};
use crate::http::Secret;

/// What requests to the handler have as their authority, unless told otherwise.
const AUTHORITY: &str = "handler.internal";

const DIRS_HELP: &str =
    "a list of folders: dirs = [\"templates\", { path = \"data\", as = \"/data\", write = true }]";
const THROUGH_HELP: &str = "a list of HTTP middlewares, outermost first: through = [\"auth.wasm\"]";
const ENV_HELP: &str = "a list of variables: env = [\"LANG\", \"REGION=eu\", \"TOKEN=${TOKEN}\"]";

/// An HTTP handler in process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The component.
    pub file: PathBuf,
    /// The HTTP middlewares in front of it, outermost first.
    pub through: Vec<PathBuf>,
    /// Whether an instance answers one request after the other; by default, as
    /// the version of its interface has it.
    pub reuse: Option<bool>,
    /// What it may see of the machine.
    pub grant: Grant,
}

impl Handler {
    /// Whether an instance answers one request after the other.
    pub fn reuses(&self, face: HttpFace) -> bool {
        self.reuse.unwrap_or(face.expects_reuse())
    }
}

/// A handler, and the URL that its requests have.
pub(super) struct Found {
    pub(super) handler: Handler,
    pub(super) url: Text,
}

/// Reads the keys that a handler has in place of a URL.
pub(super) fn read(component: &Value<'_>, section: &mut Section<'_>) -> Option<Found> {
    let before = section.reader.faults_so_far();
    let file = component.path();
    let file = file.filter(|path| component::check(component, path).is_some());
    let url = url(section);
    let through = section.take("through").map(|value| middlewares(&value));
    let reuse = section.take("reuse").and_then(|value| value.flag());
    let grant = section.take("grant").map(|value| grant(&value));
    let sound = section.reader.faults_so_far() == before;
    let handler = Handler {
        file: file?,
        through: through.unwrap_or_default(),
        reuse,
        grant: grant.unwrap_or_default(),
    };
    sound.then_some(Found { handler, url: url? })
}

fn middlewares(value: &Value<'_>) -> Vec<PathBuf> {
    let files = value.list(THROUGH_HELP);
    let file = |value: &Value<'_>| {
        let path = value.path()?;
        component::check(value, &path).map(|()| path)
    };
    files.iter().flatten().filter_map(file).collect()
}

fn url(section: &mut Section<'_>) -> Option<Text> {
    let text = |value: &Option<Value<'_>>, default: &str| match value {
        Some(value) => value.text(),
        None => Some(Text::plain(default)),
    };
    let (path_at, authority_at) = (section.take("path"), section.take("authority"));
    let path = text(&path_at, "/");
    let authority = text(&authority_at, AUTHORITY);
    let (path, authority) = (path?, authority?);
    if let Some(value) = &path_at
        && !path.expose().starts_with('/')
    {
        let what = format!("`path` does not begin with a slash: {}", path.quoted());
        value.fault(what, "such as path = \"/orders\"");
        return None;
    }
    if let Some(value) = &authority_at
        && authority.expose().contains(['/', '?', '#'])
    {
        let what = format!("{} is no authority", authority.quoted());
        value.fault(
            what,
            "a host, with a port where one is meant: \"shop.example:8080\"",
        );
        return None;
    }
    let whole = format!("http://{}{}", authority.expose(), path.expose());
    if let Err(error) = mapping::Endpoint::parse(&whole) {
        let (key, value, text) = match error {
            EndpointError::Character(_) | EndpointError::Fragment => ("path", path_at, path),
            _ => ("authority", authority_at, authority),
        };
        let what = format!("`{key}` {}", text.hide_in(&error.to_string()));
        value.inspect(|value| value.told(what));
        return None;
    }
    let shown = format!("http://{}{}", authority.shown(), path.shown());
    Some(Text::hidden(whole, shown))
}

fn grant(value: &Value<'_>) -> Grant {
    let mut grant = Grant::default();
    let Some(mut section) = value.section("`grant`") else {
        return grant;
    };
    let dirs = section.take("dirs").and_then(|value| value.list(DIRS_HELP));
    grant.dirs = dirs.iter().flatten().filter_map(folder).collect();
    let env = section.take("env").and_then(|value| value.list(ENV_HELP));
    grant.env = env.iter().flatten().filter_map(variable).collect();
    section.finish();
    grant
}

fn folder(value: &Value<'_>) -> Option<Folder> {
    let DeValue::Table(_) = value.value else {
        let seen_as = value.text()?.expose().into();
        return Some(Folder {
            path: existing(value)?,
            seen_as,
            write: false,
        });
    };
    let mut section = value.section("a folder of `dirs`")?;
    let path = section.take("path");
    let seen_as = section.take("as").map(|value| value.text());
    let write = section.take("write").and_then(|value| value.flag());
    if path.is_none() {
        section.missing("path", DIRS_HELP);
    }
    section.finish();
    let path = path?;
    let seen_as = match seen_as {
        Some(text) => text?,
        None => path.text()?,
    };
    Some(Folder {
        path: existing(&path)?,
        seen_as: seen_as.expose().into(),
        write: write.unwrap_or(false),
    })
}

fn existing(value: &Value<'_>) -> Option<PathBuf> {
    let path = value.path()?;
    if Path::is_dir(&path) {
        return Some(path);
    }
    value.fault(
        format!("there is no folder {}", path.display()),
        "paths begin at the folder of the config file",
    );
    None
}

/// `NAME`, with the bridge's own value, or `NAME=value`.
fn variable(value: &Value<'_>) -> Option<(String, Secret)> {
    let text = value.text()?;
    if let Some((name, value)) = text.expose().split_once('=') {
        return Some((name.into(), Secret::new(value)));
    }
    let name = text.expose();
    match value.reader.environment.variable(name) {
        Some(found) => Some((name.into(), Secret::new(found))),
        None => {
            let is = match value.reader.environment.is_set(name) {
                true => "not UTF-8",
                false => "not set",
            };
            value.fault(
                format!("the variable {} is {is}", text.quoted()),
                "set it for the bridge, or write its value: \"NAME=value\"",
            );
            None
        }
    }
}
