//! Reads an HTTP handler component as the endpoint: `component`, `path` and `authority` of
//! `to`. Its `permissions` are declared by `guest`.

use std::path::PathBuf;

use mapping::EndpointError;

use super::component_file;
use crate::guest::Permissions;
use crate::guest::contract::HttpInterface;
use crate::schema::{Group, Section, Text, any_text, flag, list, table};
use crate::settings;

const MIDDLEWARE_HELP: &str =
    "a list of HTTP middlewares, outermost first: middleware = [\"auth.wasm\"]";

settings! {
    /// The keys that an endpoint has when it is a component.
    #[derive(Clone, Debug)]
    pub struct HandlerSettings {
        /// For a handler: the path and the query of its requests.
        path: Text = any_text().default("\"/\"");
        /// For a handler: the host and the port of its requests.
        authority: Text = any_text().default("\"handler.internal\"");
        /// For a handler: HTTP middlewares in front of it, outermost first, see
        /// [compose with wac](../guides/compose-with-wac.md).
        middleware: Vec<PathBuf> = list(&component_file::FILE, MIDDLEWARE_HELP).or_empty("none");
        /// For a handler: whether an instance may answer several requests, one after the other, see
        /// [HTTP handlers](../guides/http-handlers.md#instances).
        reuse: Option<bool> = flag().optional("`false` for wasi:http 0.2, `true` for 0.3");
        /// For a handler: what it may access on this machine.
        permissions: Permissions = table().default("{}");
    }
}

/// An HTTP handler in process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The component.
    pub file: PathBuf,
    /// The HTTP middlewares in front of it, outermost first.
    pub middleware: Vec<PathBuf>,
    /// Whether an instance may answer several requests, one after the other; `None` for
    /// the default of its interface's version.
    pub reuse: Option<bool>,
    /// What it may access on this machine.
    pub permissions: Permissions,
}

impl Handler {
    /// Returns whether an instance may answer several requests, one after the other.
    pub fn reuses(&self, face: HttpInterface) -> bool {
        self.reuse.unwrap_or(face.expects_reuse())
    }
}

/// A handler and the URL of its requests.
pub(super) struct HandlerEndpoint {
    pub(super) handler: Handler,
    pub(super) url: Text,
}

/// Reads the keys of a handler.
pub(super) fn read(section: &mut Section<'_>) -> Option<HandlerEndpoint> {
    let before = section.reader.faults_so_far();
    let file = section.read::<Option<PathBuf>>("component")?;
    let settings = HandlerSettings::read(section)?;
    let url = url(section, &settings);
    let handler = Handler {
        file: file?,
        middleware: settings.middleware,
        reuse: settings.reuse,
        permissions: settings.permissions,
    };
    let is_valid = section.reader.faults_so_far() == before;
    is_valid.then_some(HandlerEndpoint { handler, url: url? })
}

/// Returns the URL of the handler's requests.
fn url(section: &Section<'_>, settings: &HandlerSettings) -> Option<Text> {
    let (path, authority) = (&settings.path, &settings.authority);
    if !path.expose().starts_with('/') {
        let what = format!("`path` does not begin with a slash: {}", path.quoted());
        section.fault("path", what, "such as path = \"/orders\"");
        return None;
    }
    if authority.expose().contains(['/', '?', '#']) {
        let what = format!(
            "{} is not a host with or without a port",
            authority.quoted()
        );
        let help = "such as \"shop.example\" or \"shop.example:8080\"";
        section.fault("authority", what, help);
        return None;
    }
    let whole = format!("http://{}{}", authority.expose(), path.expose());
    if let Err(error) = mapping::Endpoint::parse(&whole) {
        let (key, text) = match error {
            EndpointError::Character(_) | EndpointError::Fragment => ("path", path),
            _ => ("authority", authority),
        };
        let what = format!("`{key}` {}", text.hide_in(&error.to_string()));
        section.fault(key, what, "");
        return None;
    }
    let shown = format!("http://{}{}", authority.shown(), path.shown());
    Some(Text::hidden(whole, shown))
}
